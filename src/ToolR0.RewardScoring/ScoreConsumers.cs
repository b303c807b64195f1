using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.RewardScoring;

/// <summary>
/// Answers <see cref="ScoreProposals"/> from the stored proposals, executions and probes. A repetition penalty over the batch looks at all proposals
/// of the step, whichever shards they are in; so what a shard is given does not depend on how the step was cut.
/// </summary>
public sealed class ScoreProposalsConsumer(IFactLog log, RunCatalog runs, StreamCache reader, ILogger<ScoreProposalsConsumer> logger)
    : ShardConsumer<ScoreProposals>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(ScoreProposals command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var places = command.Groups.SelectMany(group =>
            group.Probes.Concat(group.Judged ?? []).OfType<string>().Select(StreamLayout.LastTurn)
                .Prepend(StreamLayout.PlaceOf<ToolCallsExecuted>(group.To.Stream)));
        var reward = options.Generator.Reward;
        List<string> batch = Repetition.NeedsWholeStep(reward)
            ? [.. Ids.GroupsOfStep(command.Groups[0].To.Stream, options.Generator.PromptsPerStep)]
            : [.. command.Groups.Select(group => group.To.Stream)];
        var stored = await Reader.ReadAsync([.. places, .. batch.Select(StreamLayout.PlaceOf<TasksProposed>)], cancellation);
        var shares = Repetition.OfGroups([.. batch.Select(stored.One<TasksProposed>)], reward);
        return ShardAnswer.Plain([.. command.Groups.Select(group => new ProposalsScored(
            command.Run,
            GeneratorReward.ScoreGroup(
                stored.One<TasksProposed>(group.To.Stream),
                stored.One<ToolCallsExecuted>(group.To.Stream),
                Answers(group.Probes),
                Answers(group.Judged ?? []),
                StreamKey.Parse(group.To.Stream).Iteration,
                options,
                shares[batch.IndexOf(group.To.Stream)])))]);

        TaskAttempted?[] Answers(IReadOnlyList<string?> streams) =>
            [.. streams.Select(stream => stream is null ? null : Attempts.Of(stored.Of(stream))!.Attempted)];
    }
}

/// <summary>Answers <see cref="ScoreAttempts"/> from the stored attempts and executions.</summary>
public sealed class ScoreAttemptsConsumer(IFactLog log, RunCatalog runs, StreamCache reader, ILogger<ScoreAttemptsConsumer> logger)
    : ShardConsumer<ScoreAttempts>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(ScoreAttempts command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        List<string> streams = [.. command.Groups.Select(group => group.Stream)];
        var stored = await Reader.ReadAsync<ToolCallsExecuted>(streams, cancellation);
        var attempts = streams.Select(stream => Attempts.Of(stored.Of(stream))!).ToList();
        var tasks = await Reader.ReadTasksAsync(attempts.Select(attempt => attempt.Attempted.Task.Stream), cancellation);
        return ShardAnswer.Plain([.. streams.Zip(attempts, (stream, attempt) =>
        {
            var of = attempt.Attempted.Task;
            var task = TaskSource.Resolve(of, tasks.Of(of.Stream))
                ?? throw new InvalidOperationException($"{stream}: {of.Stream} holds no task at {of.Index}");
            return new AttemptsScored(command.Run, SolverReward.ScoreGroup(task, attempt.Attempted, attempt.Executed!, options));
        })]);
    }
}
