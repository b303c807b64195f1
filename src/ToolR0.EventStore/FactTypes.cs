using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>Every fact that may be stored, with the name it is stored under: the type's name in snake_case. A name, once used, stays.</summary>
public static class FactTypes
{
    /// <summary>The life of a run: what stands in its own stream.</summary>
    public static IReadOnlyList<Type> OfRun { get; } =
    [
        typeof(RunStarted), typeof(IterationStarted), typeof(PhaseStarted), typeof(StepStarted), typeof(StepCompleted), typeof(CurriculumSelected),
        typeof(EvaluationCompleted), typeof(RunPaused), typeof(RunResumed), typeof(RunCancelled), typeof(RunCompleted), typeof(RunFailed),
        typeof(WarmStartSelected),
    ];

    public static IReadOnlyList<Type> All { get; } =
    [
        .. OfRun,
        typeof(TasksProposed), typeof(TaskAttempted), typeof(ToolCallsExecuted), typeof(ProposalsScored), typeof(AttemptsScored),
        typeof(CandidateFiltered), typeof(CandidateRated), typeof(CandidateLabelled), typeof(ReferenceMeasured), typeof(PolicyUpdated),
        typeof(TaskRejected), typeof(ProposalsGated), typeof(TaskVaried),
        typeof(TaskSelected), typeof(HeldOutRegistered), typeof(BenchmarkAnswered), typeof(BenchmarkCompleted),
        typeof(ToolCatalogueRegistered), typeof(TurnTaken), typeof(CallsBegun),
    ];

    private static readonly Dictionary<string, Type> ByName = All.ToDictionary(NameOf);

    /// <summary>TaskAttempted -> task_attempted.</summary>
    public static string NameOf(Type type) => JsonNamingPolicy.SnakeCaseLower.ConvertName(type.Name);

    public static bool IsKnown(Type type) => ByName.TryGetValue(NameOf(type), out var known) && known == type;
}
