using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.RewardScoring;

/// <summary>
/// Answers <see cref="ScoreProposals"/> from the stored proposals, executions and probes. A repetition penalty over the batch looks at all proposals of
/// the step, whichever shards they are in; so what a shard is given does not depend on how the step was cut.
/// </summary>
public sealed class ScoreProposalsConsumer(IFactLog log, RunCatalog runs, StreamCache reader, ILogger<ScoreProposalsConsumer> logger)
    : ShardConsumer<ScoreProposals>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(ScoreProposals command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var places = command.Groups.SelectMany(group =>
            group.Probes.Concat(group.Judged ?? []).OfType<string>().Select(asked => new AnswerPlace(asked, 1)).Prepend(new AnswerPlace(group.Stream, 2)));
        var reward = options.Generator.Reward;
        List<string> batch = Repetition.NeedsWholeStep(reward)
            ? [.. Ids.GroupsOfStep(command.Groups[0].Stream, options.Generator.PromptsPerStep)]
            : [.. command.Groups.Select(group => group.Stream)];
        var stored = await Reader.ReadAsync([.. places, .. batch.Select(stream => new AnswerPlace(stream, 1))], cancellation);
        var shares = Repetition.OfGroups([.. batch.Select(stored.One<TasksProposed>)], reward);
        return ShardAnswer.Plain([.. command.Groups.Select(group => new ProposalsScored(
            command.Run,
            GeneratorReward.ScoreGroup(
                stored.One<TasksProposed>(group.Stream),
                stored.One<ToolCallsExecuted>(group.Stream),
                Answers(group.Probes),
                Answers(group.Judged ?? []),
                Ids.IterationOf(group.Stream),
                options,
                shares[batch.IndexOf(group.Stream)])))]);

        TaskAttempted?[] Answers(IReadOnlyList<string?> streams) => [.. streams.Select(stream => stream is null ? null : stored.One<TaskAttempted>(stream))];
    }
}

/// <summary>Answers <see cref="ScoreAttempts"/> from the stored attempts and executions.</summary>
public sealed class ScoreAttemptsConsumer(IFactLog log, RunCatalog runs, StreamCache reader, ILogger<ScoreAttemptsConsumer> logger)
    : ShardConsumer<ScoreAttempts>(log, reader, logger)
{
    protected override async Task<ShardAnswer> ComputeAsync(ScoreAttempts command, CancellationToken cancellation)
    {
        var options = await runs.OptionsAsync(command.Run, cancellation);
        var stored = await Reader.ReadAsync(command.Streams, 2, cancellation);
        var attempts = command.Streams.Select(stored.One<TaskAttempted>).ToList();
        var tasks = await Reader.ReadAsync(attempts.Select(attempt => attempt.Task.Stream), 1, cancellation);
        return ShardAnswer.Plain([.. command.Streams.Zip(attempts, (stream, attempt) =>
        {
            var task = TaskSource.Resolve(attempt.Task, tasks.Of(attempt.Task.Stream))
                ?? throw new InvalidOperationException($"{stream}: {attempt.Task.Stream} holds no task at {attempt.Task.Index}");
            return new AttemptsScored(command.Run, SolverReward.ScoreGroup(task, attempt, stored.One<ToolCallsExecuted>(stream), options));
        })]);
    }
}
