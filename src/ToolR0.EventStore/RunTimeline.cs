using System.Globalization;
using System.Runtime.CompilerServices;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>One line of a run's history.</summary>
/// <param name="Sequence">Global sequence: <see cref="RunTimeline.StateAsync"/> gives the state as of it.</param>
/// <param name="Event">Stored name of the fact.</param>
/// <param name="What">What happened, in one line.</param>
public sealed record TimelineRow(long Sequence, DateTimeOffset At, string Stream, long Version, string Event, string What);

/// <summary>What happened in a run, fact by fact, and its state as of any of them.</summary>
public static class RunTimeline
{
    /// <summary>Every fact of the run in order, streamed; only those of its own stream, which alone is read, when
    /// <paramref name="lifeOnly"/>.</summary>
    public static async IAsyncEnumerable<TimelineRow> ReadAsync(
        IFactLog log, string run, long? upTo = null, bool lifeOnly = false, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        if (lifeOnly)
        {
            foreach (var fact in (await log.ReadFromAsync(Ids.RunStream(run), 0, cancellation)).Where(fact => upTo is null || fact.Sequence <= upTo))
                yield return RowOf(fact);
            yield break;
        }

        await foreach (var fact in log.ReadRunAsync(run, upTo, cancellation))
            yield return RowOf(fact);
    }

    /// <summary>
    /// The state of the run as of a global sequence (now when null), from its own stream alone: <see cref="RunState.Counts"/> covers that stream.
    /// <see cref="RunStatus.NotStarted"/> for an unknown run.
    /// </summary>
    public static async Task<RunState> StateAsync(IFactLog log, string run, long? asOf = null, CancellationToken cancellation = default) =>
        RunState.Fold((await log.ReadFromAsync(Ids.RunStream(run), 0, cancellation)).Where(fact => asOf is null || fact.Sequence <= asOf));

    public static TimelineRow RowOf(StoredFact fact) =>
        new(fact.Sequence, fact.At, fact.Stream, fact.Version, FactTypes.NameOf(fact.Fact.GetType()), Describe(fact.Fact));

    /// <summary>One line about a fact.</summary>
    public static string Describe(object fact) => fact switch
    {
        RunStarted f => Text(
            $"run started: preset {f.Options.Preset}, seed {f.Options.Seed}, {f.Options.Iterations} iterations, base {Short(f.Base)}{(f.Origin is null ? "" : $" ({f.Origin})")}"),
        IterationStarted f => Text($"iteration {f.Iteration} started: generator {Short(f.Generator)}, solver {Short(f.Solver)}"),
        PhaseStarted f => Text($"{f.Phase.WireName()} phase started: {f.Steps} steps"),
        StepStarted f => Text($"{f.Phase.WireName()} step {f.Step} started: {Math.Max(f.Specs.Count, f.Tasks.Count)} groups"),
        StepCompleted f => Text(
            $"{f.Phase.WireName()} step {f.Step} completed{Policy(f.Policy)}{Metric(f.Metrics, MetricNames.RewardMean, "reward")}{Metric(f.Metrics, MetricNames.PassRate, "pass rate")}{Metric(f.Metrics, MetricNames.NearDuplicateShare, "near duplicates")}{Metric(f.Metrics, MetricNames.Similarity, "similarity")}"),
        CurriculumSelected f => Text($"curriculum selected: {f.Tasks.Count} of {f.Candidates} candidates, {Short(f.Sha256)}"),
        EvaluationCompleted f => Text($"evaluated on {f.Set}: {f.Accuracy:P1} of {f.Items} exact, solver {Short(f.Policy)}"),
        RunPaused => "run paused",
        RunResumed => "run resumed",
        RunCancelled f => $"run cancelled: {f.Reason}",
        RunCompleted f => $"run completed: generator {Short(f.Generator)}, solver {Short(f.Solver)}",
        RunFailed f => $"run failed: {f.Reason}",
        TasksProposed f => Text(
            $"{f.Samples.Count} tasks proposed ({f.Spec.Domain}, {f.Spec.MenuSize} tools, {f.Spec.Calls} calls){Void(f.Samples)}"),
        TaskAttempted f => Text($"task attempted {f.Samples.Count} times ({f.Purpose.ToString().ToLowerInvariant()}){Void(f.Samples)}"),
        CallsBegun f => Text($"calls of {f.Samples.Count} samples begun that change something"),
        TurnTaken f => Text($"turn {f.Turn} of {f.Samples.Count} trajectories"),
        ToolCallsExecuted f => Text($"{f.Samples.Sum(s => s.Calls.Count)} calls of {f.Samples.Count} samples executed"),
        ProposalsScored f => Text($"{f.Scores.Count} proposals scored: mean reward {Mean(f.Scores.Where(s => !s.Void).Select(s => s.Total)):0.000}"),
        AttemptsScored f => Text(
            $"{f.Scores.Count} attempts scored: mean reward {Mean(f.Scores.Where(s => !s.Void).Select(s => s.Total)):0.000}, {f.Scores.Count(s => s.Exact)} exact"),
        PolicyUpdated f => Text(
            $"{f.Role.WireName()} updated from {f.Groups.Count} groups: {Short(f.Base)} -> {Short(f.Policy)}{Metric(f.Metrics, MetricNames.Loss, "loss")}"),
        TaskRejected f => $"candidate rejected: {f.Reason}{(f.Detail is null ? "" : $" ({f.Detail})")}",
        TaskSelected f => Text($"candidate selected at {f.Position}: {f.Label}, pass rate {f.PassRate:0.00}"),
        HeldOutRegistered f => Text($"{f.Items.Count} items of held-out set {f.Name} registered"),
        ToolCatalogueRegistered f => Text($"{f.Tools.Count} tools of a catalogue registered"),
        _ => FactTypes.NameOf(fact.GetType()),
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string Short(string sha256) => sha256.Length > 10 ? sha256[..10] : sha256;

    private static string Policy(string? policy) => policy is null ? "" : $", policy {Short(policy)}";

    private static string Metric(IReadOnlyDictionary<string, double> metrics, string name, string label) =>
        metrics.TryGetValue(name, out var value) ? Text($", {label} {value:0.000}") : "";

    private static string Void(IReadOnlyList<Trajectory> samples) =>
        samples.Count(s => s.Finish == FinishReason.Void) is var count and > 0 ? $", {count} void" : "";

    private static double Mean(IEnumerable<double> values) => values.DefaultIfEmpty(0).Average();
}
