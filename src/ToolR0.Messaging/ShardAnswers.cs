
using ToolR0.Contracts;

namespace ToolR0.Messaging;

/// <summary>Where a command's answer goes: the version that its fact takes in the stream.</summary>
public readonly record struct AnswerPlace(string Stream, long Version);

/// <summary>What answers a command, and where: the worker writes there, the coordinator looks there.</summary>
public static class ShardAnswers
{
    /// <summary>One place per fact of the answer, in order. Depends on the command alone.</summary>
    /// <exception cref="ArgumentException">No shard command is of this type.</exception>
    public static IReadOnlyList<AnswerPlace> PlacesOf(IShardCommand command) => command switch
    {
        ProposeTasks propose => [.. propose.Groups.Select(group => new AnswerPlace(group.Stream, 1))],
        AttemptTasks attempt => [.. attempt.Groups.Select(group => new AnswerPlace(group.Stream, group.Version))],
        ExecuteToolCalls execute => [.. execute.Streams.Select(stream => new AnswerPlace(stream, 2))],
        ScoreProposals score => [.. score.Groups.Select(group => new AnswerPlace(group.Stream, 3))],
        ScoreAttempts score => [.. score.Streams.Select(stream => new AnswerPlace(stream, 3))],
        TrainPolicy train => [new AnswerPlace(Ids.PolicyStream(train.Run, train.Iteration, train.Role, train.Step), 1)],
        _ => throw new ArgumentException($"{command.GetType().Name} is not a shard command", nameof(command)),
    };

    /// <summary>snake_case type of the facts that answer a command.</summary>
    /// <exception cref="ArgumentException">No shard command is of this type.</exception>
    public static string FactOf(IShardCommand command) => FactNames.Of(command switch
    {
        ProposeTasks => typeof(TasksProposed),
        AttemptTasks => typeof(TaskAttempted),
        ExecuteToolCalls => typeof(ToolCallsExecuted),
        ScoreProposals => typeof(ProposalsScored),
        ScoreAttempts => typeof(AttemptsScored),
        TrainPolicy => typeof(PolicyUpdated),
        _ => throw new ArgumentException($"{command.GetType().Name} is not a shard command", nameof(command)),
    });
}

/// <summary>The name of a fact as the store writes it: its record's name in snake_case.</summary>
public static class FactNames
{
    public static string Of(Type fact) =>
        string.Concat(fact.Name.Select((letter, i) => char.IsUpper(letter) && i > 0 ? $"_{char.ToLowerInvariant(letter)}" : char.ToLowerInvariant(letter).ToString()));
}
