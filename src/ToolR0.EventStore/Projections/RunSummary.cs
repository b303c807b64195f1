using JasperFx.Events;
using Marten.Events.Aggregation;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Projections;

/// <summary>
/// A run in one small document: the fold of its own stream (<see cref="RunState.Apply"/>) without what grows with it, which is in the table of
/// steps and in the streams. What reads one that is behind goes on folding from <see cref="RunState.Version"/>.
/// </summary>
/// <param name="Id">The run's stream.</param>
/// <param name="State">Without <see cref="RunState.CompletedSteps"/> and without the tasks of <see cref="RunState.Curricula"/>.</param>
public sealed record RunSummary(string Id, RunState State)
{
    public string Run => State.Run;

    public RunStatus Status => State.Status;

    /// <summary>The summary after one more fact of the run's stream.</summary>
    public static RunSummary After(RunSummary? summary, StoredFact fact) =>
        new(fact.Stream, Slim((summary?.State ?? RunState.Empty).Apply(fact)));

    /// <summary>What of a run's state a summary keeps.</summary>
    public static RunState Slim(RunState state) => state with
    {
        CompletedSteps = [],
        Curricula = state.Curricula.Values.All(curriculum => curriculum.Tasks.Count == 0)
            ? state.Curricula
            : state.Curricula.SetItems(state.Curricula.Select(c => KeyValuePair.Create(c.Key, c.Value with { Tasks = [] }))),
    };
}

/// <summary>Keeps <see cref="RunSummary"/>.</summary>
public sealed partial class RunSummaryProjection : SingleStreamProjection<RunSummary, string>
{
    public RunSummaryProjection()
    {
        Name = "RunSummary";
        foreach (var type in FactTypes.OfRun)
            IncludeType(type);
    }

    public override RunSummary? Evolve(RunSummary? snapshot, string id, IEvent e) => RunSummary.After(snapshot, EventFacts.Of(e));
}
