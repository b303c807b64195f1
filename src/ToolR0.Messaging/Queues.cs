
using ToolR0.Contracts;

namespace ToolR0.Messaging;

/// <summary>Every queue of the product. Commands go to one named queue per service; its workers compete for them.</summary>
public static class Queues
{
    /// <summary>Commands about a run's life, and every fact the coordinator listens for.</summary>
    public const string Coordinator = "toolr0-coordinator";
    public const string TaskGeneration = "toolr0-task-generation";
    public const string Solving = "toolr0-solving";
    public const string ToolExecution = "toolr0-tool-execution";
    public const string RewardScoring = "toolr0-reward-scoring";
    public const string Learning = "toolr0-learning";

    public static IReadOnlyList<string> All { get; } = [Coordinator, TaskGeneration, Solving, ToolExecution, RewardScoring, Learning];

    /// <summary>Where a message that could not be answered ends up.</summary>
    public static string ErrorQueueOf(string queue) => queue + "_error";

    /// <summary>The queue of a command. Throws <see cref="ArgumentException"/> for a type that is no command.</summary>
    public static string Of(Type command) => command switch
    {
        _ when command == typeof(ProposeTasks) => TaskGeneration,
        _ when command == typeof(AttemptTasks) => Solving,
        _ when command == typeof(ExecuteToolCalls) => ToolExecution,
        _ when command == typeof(ScoreProposals) || command == typeof(ScoreAttempts) => RewardScoring,
        _ when command == typeof(TrainPolicy) => Learning,
        _ when command == typeof(StartRun) || command == typeof(PauseRun) || command == typeof(ResumeRun) || command == typeof(CancelRun) => Coordinator,
        _ => throw new ArgumentException($"{command.Name} is not a command: no queue is named for it", nameof(command)),
    };
}
