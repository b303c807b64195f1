using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.Policies;
using ToolR0.Policies.Learning;

namespace ToolR0.Learning;

/// <summary>
/// Answers <see cref="TrainPolicy"/>: one GRPO update on the step's scored groups. The checkpoint is written before the fact is appended, so that a
/// stored policy can be loaded; if a checkpoint is lost, the phase is folded again from its first policy and its stored steps.
/// </summary>
public sealed class TrainPolicyConsumer(
    IFactLog log, RunCatalog runs, StreamCache reader, LearnerCache bench, ComputeThreads workers, ILogger<TrainPolicyConsumer> logger)
    : ShardConsumer<TrainPolicy>(log, reader, logger)
{
    private readonly ILogger _logger = logger;

    protected override async Task<ShardAnswer> ComputeAsync(TrainPolicy command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var groups = await GroupsAsync(command.Role, command.Groups, options.Learning, cancellation);
        TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
        var learner = await workers.RunAsync(() => bench.TryTake(command, options), cancellation) ?? await FoldAsync(command, options, cancellation);
        try
        {
            return await workers.RunAsync(() => Learn(command, options, groups, learner), cancellation);
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

    private ShardAnswer Learn(TrainPolicy command, RunOptions options, IReadOnlyList<TrainingGroup> groups, GrpoLearner learner)
    {
        var started = DateTimeOffset.UtcNow;
        var metrics = Update(command, options, command.Step, groups, learner);
        var ended = DateTimeOffset.UtcNow;
        var policy = metrics[MetricNames.Skipped] == 1 ? command.Base : bench.Checkpoint(command, learner);
        bench.Keep(command, policy, learner);
        var updated = new PolicyUpdated(command.Run, command.Role, command.Iteration, command.Step, command.Base, policy, command.Groups, metrics);
        return new ShardAnswer([updated], started, ended, (long)metrics[MetricNames.TokensLearned]);
    }

    private static IReadOnlyDictionary<string, double> Update(
        TrainPolicy command, RunOptions options, int step, IReadOnlyList<TrainingGroup> groups, GrpoLearner learner)
    {
        var sampling = SamplingOf(options, command.Role);
        var importanceCap = options.Inference.Engine == InferenceEngine.Local ? 0 : options.Inference.ImportanceCap;
        return learner.Step(
            groups, LearningRate(options, command.Role, command.Iteration, step, command.Steps), sampling.Temperature, importanceCap,
            sampling.MaxNewTokens);
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
                var stream = Ids.PolicyStream(command.Run, command.Iteration, command.Role, step);
                var stored = (await Reader.ReadFirstAsync([stream], cancellation)).One<PolicyUpdated>(stream);
                var groups = await GroupsAsync(command.Role, stored.Groups, options.Learning, cancellation);
                var at = step;
                await workers.RunAsync(() => Update(command, options, at, groups, learner), cancellation);
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

    /// <summary>What a group stream begins with.</summary>
    internal static (int[] Prompt, IReadOnlyList<Trajectory> Samples) Sampled(Role role, Facts facts, string stream) => role == Role.Generator
        ? (facts.One<TasksProposed>(stream).PromptTokens, facts.One<TasksProposed>(stream).Samples)
        : (facts.One<TaskAttempted>(stream).PromptTokens, facts.One<TaskAttempted>(stream).Samples);

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
                maskOverlong && samples[score.Sample].Finish == FinishReason.Length ? new bool[samples[score.Sample].Tokens.Length] : null))]);
}
