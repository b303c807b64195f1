using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.Policies;
using ToolR0.Policies.Learning;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.WarmStart;

namespace ToolR0.Learning;

/// <summary>
/// Answers <see cref="TrainPolicy"/>: one GRPO update on the step's scored groups, or a step of a fit. The checkpoint is written before the fact is
/// appended, so that a stored policy can be loaded; if a checkpoint is lost, the phase is folded again from its first policy and its stored steps.
/// </summary>
public sealed class TrainPolicyConsumer(
    IFactLog log, RunCatalog runs, StreamCache reader, LearnerCache bench, ComputeThreads workers, ILogger<TrainPolicyConsumer> logger)
    : ShardConsumer<TrainPolicy>(log, reader, logger)
{
    private readonly ILogger _logger = logger;
    private readonly IFactLog _log = log;

    protected override async Task<ShardAnswer> ComputeAsync(TrainPolicy command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var step = command.Fit is { } fit
            ? new LearningStep([], await FitExamples.OfAsync(fit, options, Reader, bench.TokenizerOf(command.PhaseStart), cancellation))
            : new LearningStep(await GroupsAsync(command.Role, command.Groups, options.Learning, cancellation), null);
        TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
        var learner = await workers.RunAsync(() => bench.TryTake(command, options), cancellation) ?? await FoldAsync(command, options, cancellation);
        try
        {
            return await workers.RunAsync(() => Learn(command, options, step, learner), cancellation);
        }
        catch
        {
            learner.Dispose();
            throw;
        }
    }

    /// <summary>LearningRate · IterationDecay^(i−1), times (1 − step / steps) where it decays linearly over the phase.</summary>
    /// <param name="step">From 0.</param>
    public static double LearningRate(RunOptions options, Role role, int iteration, int step, int steps)
    {
        var (rate, decay) = role == Role.Generator
            ? (options.Generator.LearningRate, options.Generator.IterationDecay)
            : (options.Solver.LearningRate, options.Solver.IterationDecay);
        return rate * Math.Pow(decay, iteration - 1) * (options.Learning.LinearDecay ? 1 - (double)step / steps : 1);
    }

    private ShardAnswer Learn(TrainPolicy command, RunOptions options, LearningStep step, GrpoLearner learner)
    {
        var started = DateTimeOffset.UtcNow;
        var metrics = Update(command, options, command.Step, step, learner);
        var ended = DateTimeOffset.UtcNow;
        var policy = metrics[MetricNames.Skipped] == 1 ? command.Base : bench.Checkpoint(command, learner, options);
        bench.Keep(command, policy, learner);
        var updated = new PolicyUpdated(
            command.Run, command.Role, command.Iteration, StepOf(command), command.Base, policy, command.Groups, metrics);
        return new ShardAnswer([updated], started, ended, (long)metrics[MetricNames.TokensLearned]);
    }

    private static IReadOnlyDictionary<string, double> Update(
        TrainPolicy command, RunOptions options, int step, LearningStep of, GrpoLearner learner)
    {
        if (of.Examples is { } batches)
            return FitExamples.Fit(batches, WarmStartPlan.FitOf(command.Role, options.WarmStart), learner);

        var sampling = SamplingOf(options, command.Role);
        var importanceCap = options.Inference.Engine == InferenceEngine.Local ? 0 : options.Inference.ImportanceCap;
        var rate = LearningRate(options, command.Role, command.Iteration, step, command.Steps);
        return learner.Step(of.Groups, rate, sampling.Temperature, importanceCap, sampling.MaxNewTokens);
    }

    /// <summary>Replays the phase's stored steps from its first policy.</summary>
    /// <exception cref="ShardRefusedException">The replay ends at other weights: it ran on another backend, or the store was altered.</exception>
    private async Task<GrpoLearner> FoldAsync(TrainPolicy command, RunOptions options, CancellationToken cancellation)
    {
        _logger.LogWarning("the checkpoint of {Policy} is gone: replaying {Steps} stored steps of {Shard}", command.Base, command.Step,
            command.Shard);
        var learner = await workers.RunAsync(() => bench.Start(command, options), cancellation);
        try
        {
            for (var step = 0; step < command.Step; step++)
            {
                var stream = Ids.PolicyStream(command.Run, command.Iteration, command.Role, StepOf(command) - command.Step + step);
                var stored = (await Reader.ReadFirstAsync([stream], cancellation)).One<PolicyUpdated>(stream);
                var of = command.Fit is null
                    ? new LearningStep(await GroupsAsync(command.Role, stored.Groups, options.Learning, cancellation), null)
                    : new LearningStep([], await StoredFitAsync(command, step, options, cancellation));
                var at = step;
                await workers.RunAsync(() => Update(command, options, at, of, learner), cancellation);
            }

            var reached = await workers.RunAsync(() => HashOf(learner), cancellation);
            return reached == command.Base
                ? learner
                : throw new ShardRefusedException(
                    $"the checkpoint of policy {command.Base} is gone, and replaying {command.Step} stored steps from {command.PhaseStart} gives {reached} instead");
        }
        catch
        {
            learner.Dispose();
            throw;
        }
    }

    /// <summary>The number of the step in its role and iteration: a fit of a later round goes on counting.</summary>
    private static int StepOf(TrainPolicy command) => StreamKey.Parse(command.To.Stream).Step;

    /// <summary>What an earlier step of the same fit learned from: what the run's stream says was kept.</summary>
    private async Task<IReadOnlyList<FitBatch>> StoredFitAsync(TrainPolicy command, int step, RunOptions options, CancellationToken cancellation)
    {
        var stream = Ids.RunStream(command.Run);
        var facts = (await _log.ReadAsync([stream], cancellation))[stream];
        var selected = facts.Select(fact => fact.Fact).OfType<WarmStartSelected>().Last(selected => selected.Role == command.Role);
        return await FitExamples.OfAsync(
            WarmStartPlan.Step(selected, step, options), options, Reader, bench.TokenizerOf(command.PhaseStart), cancellation);
    }

    private static string HashOf(GrpoLearner learner)
    {
        var folder = Directory.CreateTempSubdirectory("toolr0-fold-").FullName;
        try
        {
            return learner.Save(folder, withOptimiser: false);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>How a role's completions that are learned from are sampled.</summary>
    internal static SamplingOptions SamplingOf(RunOptions options, Role role) =>
        role == Role.Generator ? options.Generator.Sampling : options.Solver.Sampling;

    /// <summary>What was sampled in a group, all turns of it.</summary>
    internal static (int[] Prompt, IReadOnlyList<Trajectory> Samples) Sampled(Role role, Facts facts, string stream)
    {
        if (role == Role.Generator)
            return (facts.One<TasksProposed>(stream).PromptTokens, facts.One<TasksProposed>(stream).Samples);
        var attempted = (Attempts.Of(facts.Of(stream)) ?? throw new InvalidOperationException($"{stream} holds no attempt yet")).Attempted;
        return (attempted.PromptTokens, attempted.Samples);
    }

    private async Task<IReadOnlyList<TrainingGroup>> GroupsAsync(
        Role role, IReadOnlyList<string> streams, LearningOptions options, CancellationToken cancellation)
    {
        var hasReference = options.KlWeight > 0;
        var facts = await Reader.ReadAsync(
            streams.Select(stream => hasReference ? StreamLayout.PlaceOf<ReferenceMeasured>(stream) : StreamLayout.Last(stream)), cancellation);
        return [.. streams.Select(stream =>
        {
            var (prompt, samples) = Sampled(role, facts, stream);
            var scores = role == Role.Generator
                ? facts.One<ProposalsScored>(stream).Scores.Select(score => (score.Sample, score.Advantage, score.Void))
                : facts.One<AttemptsScored>(stream).Scores.Select(score => (score.Sample, score.Advantage, score.Void));
            return Group(prompt, samples, scores, hasReference ? facts.One<ReferenceMeasured>(stream).LogProbs : null, options.MaskOverlong);
        })];
    }

    /// <summary>The group without its void samples.</summary>
    private static TrainingGroup Group(
        int[] prompt, IReadOnlyList<Trajectory> samples, IEnumerable<(int Sample, double Advantage, bool Void)> scores,
        IReadOnlyList<float[]>? reference, bool maskOverlong) => new(
        prompt,
        [.. scores.Where(score => !score.Void && samples[score.Sample].Finish != FinishReason.Void)
            .Select(score => new TrainingSample(
                samples[score.Sample].Tokens, samples[score.Sample].LogProbs, score.Advantage, reference?[score.Sample],
                maskOverlong && samples[score.Sample].Finish == FinishReason.Length ? new bool[samples[score.Sample].Tokens.Length]
                    : Attempts.MaskOf(samples[score.Sample])))]);
}

/// <summary>What a step learns from: groups, or the batches of a fit.</summary>
internal sealed record LearningStep(IReadOnlyList<TrainingGroup> Groups, IReadOnlyList<FitBatch>? Examples);
