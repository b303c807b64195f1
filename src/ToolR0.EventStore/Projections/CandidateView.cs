using JasperFx.Events;
using Marten.Events.Aggregation;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Projections;

/// <summary>A curriculum candidate from synthesis to selection or rejection: the fold of its stream.</summary>
/// <param name="Id">The candidate's stream.</param>
/// <param name="Number">Place among the iteration's candidates.</param>
/// <param name="Text">What the Generator wrote; null where nothing came.</param>
/// <param name="Reason">Why it was rejected; null for one that was not.</param>
/// <param name="Position">Place in the curriculum; null for one that is not in it.</param>
/// <param name="Label">easy, medium or hard, of a selected one.</param>
/// <param name="PassRate">Agreement with the gold calls, of a selected one.</param>
public sealed record CandidateView(
    string Id,
    string Run,
    int Iteration,
    int Number,
    TaskSpec? Spec = null,
    string? Text = null,
    string? Reason = null,
    string? Detail = null,
    int? Position = null,
    string? Label = null,
    double? PassRate = null)
{
    /// <summary>The view after one more fact of a candidate's stream; null for a stream that is not a candidate's.</summary>
    public static CandidateView? After(CandidateView? view, StoredFact stored)
    {
        if ((view ?? Empty(stored.Stream)) is not { } candidate)
            return null;
        return stored.Fact switch
        {
            TasksProposed proposed => candidate with { Spec = proposed.Spec, Text = proposed.Samples.FirstOrDefault()?.Text },
            TaskRejected rejected => candidate with { Reason = rejected.Reason, Detail = rejected.Detail },
            TaskSelected selected => candidate with { Position = selected.Position, Label = selected.Label, PassRate = selected.PassRate },
            _ => candidate,
        };
    }

    /// <summary>The view of a whole stream.</summary>
    public static CandidateView? Fold(IEnumerable<StoredFact> facts) => facts.Aggregate((CandidateView?)null, After);

    private static CandidateView? Empty(string stream) => StreamKey.TryParse(stream, out var key) && key.Kind == StreamKind.Task
        ? new CandidateView(stream, key.Run!, key.Iteration, key.Number)
        : null;
}

/// <summary>Keeps <see cref="CandidateView"/>.</summary>
public sealed partial class CandidateViewProjection : SingleStreamProjection<CandidateView, string>
{
    public CandidateViewProjection()
    {
        Name = "CandidateView";
        IncludeType<TasksProposed>();
        IncludeType<TaskRejected>();
        IncludeType<TaskSelected>();
    }

    public override CandidateView? Evolve(CandidateView? snapshot, string id, IEvent e) => CandidateView.After(snapshot, EventFacts.Of(e));
}
