using System.Reflection;
using ToolR0.Contracts;

namespace ToolR0.Messaging;

/// <summary>
/// Every queue of the product. Commands go to one named queue per service (<see cref="AnsweredByAttribute"/>); its workers compete for them. The
/// coordinators' queue has one active consumer at a time: a second coordinator stands by and takes over when the first is gone.
/// </summary>
public static class Queues
{
    private const string Prefix = "toolr0-";

    /// <summary>
    /// Commands about a run's life, and every fact the coordinator listens for. Not named like the other queues: a broker that has run an older
    /// version still has a queue of that name, without a single active consumer, and refuses to declare it otherwise.
    /// </summary>
    public const string Coordinator = Prefix + "runs";

    /// <summary>What the coordinators' queue was called while several coordinators competed for it.</summary>
    internal const string OldCoordinator = Prefix + ServiceNames.Coordinator;

    public const string TaskGeneration = Prefix + ServiceNames.TaskGeneration;
    public const string Solving = Prefix + ServiceNames.Solving;
    public const string ToolExecution = Prefix + ServiceNames.ToolExecution;
    public const string RewardScoring = Prefix + ServiceNames.RewardScoring;
    public const string Learning = Prefix + ServiceNames.Learning;

    public static IReadOnlyList<string> All { get; } = [Coordinator, TaskGeneration, Solving, ToolExecution, RewardScoring, Learning];

    /// <summary>Where a message that could not be answered ends up.</summary>
    public static string ErrorQueueOf(string queue) => queue + "_error";

    /// <summary>Whether one consumer of a queue gets all messages until it is gone.</summary>
    public static bool HasSingleActiveConsumer(string queue) => queue == Coordinator;

    /// <summary>The queue of a command. Throws <see cref="ArgumentException"/> for a type that is no command.</summary>
    public static string Of(Type command) => command.GetCustomAttribute<AnsweredByAttribute>()?.Service switch
    {
        null => throw new ArgumentException($"{command.Name} is not a command: no service answers it", nameof(command)),
        ServiceNames.Coordinator => Coordinator,
        var service => Prefix + service,
    };
}
