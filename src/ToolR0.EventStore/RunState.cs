using System.Collections.Immutable;
using System.Text.Json.Serialization;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.EventStore;

public enum RunStatus
{
    /// <summary>No <see cref="RunStarted"/> yet.</summary>
    NotStarted,
    Running,
    Paused,
    Cancelled,
    Completed,
    Failed,
}

/// <summary>
/// The state of a run: the pure fold of its stream. Folding the run's whole log instead (all streams, in global order) gives the same state
/// with the work's facts counted too. Facts of other runs must not be mixed in.
/// </summary>
public sealed record RunState
{
    public static RunState Empty { get; } = new();

    public string Run { get; init; } = "";

    public RunStatus Status { get; init; }

    /// <summary>Why it was cancelled or failed.</summary>
    public string? Reason { get; init; }

    public RunOptions Options { get; init; } = new();

    /// <summary>SHA-256 of the base model.</summary>
    public string Base { get; init; } = "";

    /// <summary>Where the base came from; null for a folder.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BaseOrigin? Origin { get; init; }

    public IReadOnlyList<HeldOutSet> HeldOut { get; init; } = [];

    /// <summary>The iteration in progress, from 1; 0 before the first (when the base model is evaluated).</summary>
    public int Iteration { get; init; }

    /// <summary>The phase in progress or last completed.</summary>
    public PhaseStarted? Phase { get; init; }

    /// <summary>The step in progress; null between steps.</summary>
    public StepStarted? Step { get; init; }

    /// <summary>Steps completed in <see cref="Phase"/>; the next step's index.</summary>
    public int StepsDone { get; init; }

    /// <summary>SHA-256 of the current policy in each role.</summary>
    public ImmutableSortedDictionary<Role, string> Policies { get; init; } = ImmutableSortedDictionary<Role, string>.Empty;

    /// <summary>The policies when <see cref="Phase"/> started, where its optimiser state is zero.</summary>
    public ImmutableSortedDictionary<Role, string> PhaseStartPolicies { get; init; } = ImmutableSortedDictionary<Role, string>.Empty;

    /// <summary>The curriculum of each iteration that has one.</summary>
    public ImmutableSortedDictionary<int, CurriculumSelected> Curricula { get; init; } = ImmutableSortedDictionary<int, CurriculumSelected>.Empty;

    /// <summary>What each round of the warm start kept, in order.</summary>
    public ImmutableList<WarmStartSelected> WarmStarts { get; init; } = [];

    /// <summary>In the order in which they were completed.</summary>
    public ImmutableList<EvaluationCompleted> Evaluations { get; init; } = [];

    /// <summary>Completed steps of all phases, in order, with their metrics.</summary>
    public ImmutableList<StepCompleted> CompletedSteps { get; init; } = [];

    /// <summary>Number of facts folded, by stored name.</summary>
    public ImmutableSortedDictionary<string, int> Counts { get; init; } = ImmutableSortedDictionary.Create<string, int>(StringComparer.Ordinal);

    /// <summary>Version of the run's stream.</summary>
    public long Version { get; init; }

    /// <summary>Global sequence of the last fact folded.</summary>
    public long Sequence { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When the last fact was stored.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>It failed, and a resumption can help.</summary>
    public bool IsResumable { get; init; }

    /// <summary>Completed, cancelled or failed: nothing more will happen, unless a failed run is resumed.</summary>
    public bool IsOver => Status is RunStatus.Completed or RunStatus.Cancelled or RunStatus.Failed;

    /// <summary>What was measured on a set, base first.</summary>
    public IReadOnlyList<EvaluationCompleted> MeasuredOn(string set) => [.. Evaluations.Where(e => e.Set == set).OrderBy(e => e.Iteration)];

    /// <summary>Accuracy of a set by iteration, base first: null for one that was passed over (evaluation.every); the last measured one ends the
    /// list.</summary>
    public IReadOnlyList<double?> AccuracyOf(string set)
    {
        var measured = MeasuredOn(set).ToDictionary(e => e.Iteration, e => e.Accuracy);
        return [.. Enumerable.Range(0, measured.Count == 0 ? 0 : measured.Keys.Max() + 1)
            .Select(i => measured.TryGetValue(i, out var accuracy) ? accuracy : (double?)null)];
    }

    /// <summary>The Solvers that a comparison of the whole run needs: the base, what the warm start left, what the last iteration left.</summary>
    public IReadOnlyList<(string Name, string Policy)> SolversToCompare()
    {
        var warm = CompletedSteps.FindLast(step => step.Phase == Contracts.Phase.WarmSolver)?.Policy;
        IEnumerable<(string Name, string Policy)> all =
            [("base", Base), .. warm is null ? [] : new[] { ("warm start", warm) }, ($"iteration {Iteration}", Policies[Role.Solver])];
        return [.. all.DistinctBy(entry => entry.Policy)];
    }

    /// <summary>The steps of the phase in progress are all done.</summary>
    public bool PhaseDone => Phase is not null && Step is null && StepsDone >= Phase.Steps;

    public static RunState Fold(IEnumerable<StoredFact> facts) => facts.Aggregate(Empty, (state, fact) => state.Apply(fact));

    public static async Task<RunState> FoldAsync(IAsyncEnumerable<StoredFact> facts, CancellationToken cancellation = default)
    {
        var state = Empty;
        await foreach (var fact in facts.WithCancellation(cancellation))
            state = state.Apply(fact);
        return state;
    }

    /// <summary>The state after one more fact.</summary>
    public RunState Apply(StoredFact stored)
    {
        var name = FactTypes.NameOf(stored.Fact.GetType());
        var state = this with
        {
            Sequence = stored.Sequence,
            At = stored.At,
            Counts = Counts.SetItem(name, Counts.GetValueOrDefault(name) + 1),
        };
        var ofRun = stored.Fact is RunStarted started ? Ids.RunStream(started.Run) : Ids.RunStream(Run);
        return stored.Stream == ofRun ? (state with { Version = stored.Version }).ApplyOfRun(stored.Fact, stored.At) : state;
    }

    private RunState ApplyOfRun(object fact, DateTimeOffset at) => fact switch
    {
        RunStarted f => this with
        {
            Run = f.Run,
            Status = RunStatus.Running,
            Options = f.Options,
            Base = f.Base,
            Origin = f.Origin,
            HeldOut = f.HeldOut,
            Policies = Both(f.Base, f.Base),
            PhaseStartPolicies = Both(f.Base, f.Base),
            StartedAt = at,
        },
        IterationStarted f => this with { Iteration = f.Iteration, Policies = Both(f.Generator, f.Solver), Phase = null, Step = null, StepsDone = 0 },
        PhaseStarted f => Enter(f),
        StepStarted f => this with { Step = f },
        StepCompleted f => this with
        {
            Step = null,
            StepsDone = f.Step + 1 - (Phase?.First ?? 0),
            CompletedSteps = CompletedSteps.Add(f),
            Policies = f.Policy is null ? Policies
                : Options.SharedWeights && f.Step + 1 == Phase?.Steps ? Both(f.Policy, f.Policy)
                : Policies.SetItem(f.Phase.Trains() ?? Role.Solver, f.Policy),
        },
        WarmStartSelected f => this with { WarmStarts = WarmStarts.Add(f) },
        CurriculumSelected f => this with { Curricula = Curricula.SetItem(f.Iteration, f) },
        EvaluationCompleted f => this with { Evaluations = Evaluations.Add(f) },
        RunPaused => this with { Status = RunStatus.Paused },
        RunResumed => this with { Status = RunStatus.Running, Reason = null, IsResumable = false },
        RunCancelled f => this with { Status = RunStatus.Cancelled, Reason = f.Reason, Step = null },
        RunFailed f => this with { Status = RunStatus.Failed, Reason = f.Reason, IsResumable = f.Resumable },
        RunCompleted f => this with { Status = RunStatus.Completed, Policies = Both(f.Generator, f.Solver), Step = null },
        _ => this,
    };

    /// <summary>A fit of the warm start begins at the base, whatever an earlier round made of it.</summary>
    private RunState Enter(PhaseStarted phase)
    {
        var policies = phase.Phase.Fits() is { } role ? Policies.SetItem(role, Base) : Policies;
        return this with { Phase = phase, Step = null, StepsDone = 0, Policies = policies, PhaseStartPolicies = policies };
    }

    private static ImmutableSortedDictionary<Role, string> Both(string generator, string solver) =>
        ImmutableSortedDictionary<Role, string>.Empty.Add(Role.Generator, generator).Add(Role.Solver, solver);
}
