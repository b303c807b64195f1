using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.Policies;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.SelfPlay.WarmStart;
using ToolR0.Tokenization;

namespace ToolR0.Solving;

/// <summary>
/// Answers <see cref="AttemptTasks"/>: the Solver attempts the tasks of a shard, or judges them, as one batch. A task whose prompt is over the limit
/// is never cut: a generated one gets void samples (<see cref="VoidCauses.PromptTooLong"/>), so that it is no valid task; a held-out item refuses the
/// shard.
/// </summary>
public sealed class AttemptTasksConsumer(
    IFactLog log, RunCatalog runs, StreamCache reader, CompletionSources sources, ComputeThreads workers, ILogger<AttemptTasksConsumer> logger)
    : ShardConsumer<AttemptTasks>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(AttemptTasks command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var tasks = await TasksAsync(command, cancellation);
        return await workers.RunAsync(() => Attempt(command, tasks, options, cancellation), cancellation);
    }

    private ShardAnswer Attempt(AttemptTasks command, IReadOnlyList<ToolTask> tasks, RunOptions options, CancellationToken cancellation)
    {
        TorchRuntime.Configure(options.Dispatch.IntraOpThreads);
        using var policy = sources.Open(
            Role.Solver, command.Policy, options.Inference, options.Dispatch.CacheMegabytes * 1_000_000, options.Policies.Precision);
        var started = DateTimeOffset.UtcNow;
        var sampling = SamplingOf(command.Purpose, options);
        var to = StreamKey.Parse(command.Groups[0].To.Stream);
        var asked = WarmStartPrompts.OfSolver(to, options);
        var given = WarmStartPrompts.Beginning(to, options) is { } beginning ? policy.Tokenizer.Encode(beginning) : [];
        var stop = asked is { Set: PromptSet.Signatures, Examples: > 0 } ? SignatureFormat.End : null;
        var prompts = tasks.Select(task => policy.Tokenizer.EncodePrompt(SolverPrompt.Of(task, command.Purpose, asked))).ToArray();
        var limit = options.Prompts.MaxPromptTokens;
        var fits = prompts.Select(prompt => prompt.Length <= limit && prompt.Length + given.Length < policy.Config.MaxPositions).ToArray();
        if (command.Purpose == AttemptPurpose.Evaluate && Array.IndexOf(fits, false) is var tooLong and >= 0)
            throw new ShardRefusedException(
                $"item {command.Groups[tooLong].Task.Index} of {command.Groups[tooLong].Task.Stream} has a prompt of {prompts[tooLong].Length} tokens: "
                + $"prompts.maxPromptTokens is {limit}, and the policy has {policy.Config.MaxPositions} positions; prompts are never cut");

        var put = Enumerable.Range(0, prompts.Length).Where(i => fits[i]).ToArray();
        var requests = put.Select(i => new SampleRequest([.. prompts[i], .. given], command.Groups[i].Seeds)).ToList();
        var sampled = requests.Count == 0 ? []
            : command.Purpose is AttemptPurpose.Judge or AttemptPurpose.Label
                ? Tries.Sample(requests, Sample, text => Judge.IsReadable(command.Purpose, text))
                : Sample(requests);
        var facts = command.Groups.Select((group, i) =>
        {
            IReadOnlyList<Trajectory> samples = fits[i] ? sampled[Array.IndexOf(put, i)] : [.. group.Seeds.Select(Void)];
            return new TaskAttempted(
                command.Run, group.Task, command.Purpose, command.Policy, prompts[i], samples, Digests.OfGroup(prompts[i], samples));
        }).ToList();
        return new ShardAnswer(facts, started, DateTimeOffset.UtcNow, facts.Sum(fact => fact.Samples.Sum(sample => (long)sample.Tokens.Length)));

        IReadOnlyList<IReadOnlyList<Trajectory>> Sample(IReadOnlyList<SampleRequest> batch)
        {
            var completions = policy.Sample(batch, sampling, cancellation, stop);
            if (given.Length == 0)
                return completions;
            return [.. completions.Select(group =>
                (IReadOnlyList<Trajectory>)[.. group.Select(sample => WithBeginning(sample, given, policy.Tokenizer))])];
        }
    }

    /// <summary>Greedy for evaluation whatever the run samples with.</summary>
    public static SamplingOptions SamplingOf(AttemptPurpose purpose, RunOptions options) => purpose switch
    {
        AttemptPurpose.Probe => options.Generator.ProbeSampling,
        AttemptPurpose.Verify => options.Curriculum.VerifySampling,
        AttemptPurpose.Train => options.Solver.Sampling,
        AttemptPurpose.WarmStart => options.WarmStart.Solver.Sampling,
        AttemptPurpose.Evaluate => new SamplingOptions { Temperature = 0, MaxNewTokens = options.Evaluation.MaxNewTokens },
        AttemptPurpose.Judge or AttemptPurpose.Label => options.Judge.Sampling,
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "unknown purpose"),
    };

    /// <summary>What was given is part of the completion, with probability 1: its log-probabilities are 0.</summary>
    private static Trajectory WithBeginning(Trajectory sample, int[] given, Tokenizer tokenizer)
    {
        if (sample.Finish == FinishReason.Void)
            return sample;
        int[] tokens = [.. given, .. sample.Tokens];
        return sample with
        {
            Tokens = tokens,
            LogProbs = sample.LogProbs.Length == 0 ? [] : [.. given.Select(_ => 0f), .. sample.LogProbs],
            Text = tokenizer.TextOfCompletion(tokens),
        };
    }

    private static Trajectory Void(long seed) => new(seed, [], [], "", FinishReason.Void, VoidCauses.PromptTooLong);

    private async Task<IReadOnlyList<ToolTask>> TasksAsync(AttemptTasks command, CancellationToken cancellation)
    {
        var facts = await Reader.ReadTasksAsync(command.Groups.Select(group => group.Task.Stream), cancellation);
        return [.. command.Groups.Select(group => TaskSource.Resolve(group.Task, facts.Of(group.Task.Stream))
            ?? throw new InvalidOperationException($"{command.Shard}: {group.Task.Stream} holds no task at {group.Task.Index}"))];
    }
}
