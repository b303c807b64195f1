using JasperFx.Events;
using Marten.Events.Aggregation;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Projections;

/// <summary>One answer to one held-out item: the fold of its group's stream.</summary>
/// <param name="Id">The group's stream.</param>
/// <param name="Set">Place of the set in <see cref="RunState.HeldOut"/>.</param>
/// <param name="Item">Place of the item in its set.</param>
/// <param name="Score">Null until the answer is scored.</param>
public sealed record EvaluatedItem(string Id, string Run, int Iteration, int Set, int Item, string Policy, string? Text, int Tokens,
    AttemptScore? Score)
{
    /// <summary>The view after one more fact of a group's stream; null for a group that is no evaluation.</summary>
    public static EvaluatedItem? After(EvaluatedItem? view, StoredFact stored) => stored.Fact switch
    {
        TaskAttempted { Purpose: AttemptPurpose.Evaluate } attempted when PlaceOf(stored.Stream) is var (run, iteration, set, item) =>
            new EvaluatedItem(
            stored.Stream, run, iteration, set, item, attempted.Policy, attempted.Samples.FirstOrDefault()?.Text,
            attempted.Samples.Sum(s => s.Tokens.Length), view?.Score),
        TurnTaken taken when view is not null && taken.Samples.FirstOrDefault()?.Sampled is { } turn =>
            view with { Text = $"{view.Text}\n{turn.Text}", Tokens = view.Tokens + turn.Tokens.Length },
        AttemptsScored scored when view is not null => view with { Score = scored.Scores.FirstOrDefault() },
        _ => view,
    };

    /// <summary>The view of a whole stream.</summary>
    public static EvaluatedItem? Fold(IEnumerable<StoredFact> facts) => facts.Aggregate((EvaluatedItem?)null, After);

    private static (string Run, int Iteration, int Set, int Item)? PlaceOf(string stream) =>
        StreamKey.TryParse(stream, out var key) && key is { Kind: StreamKind.Group, Group: GroupKind.Evaluation }
            ? (key.Run!, key.Iteration, key.Step, key.Number)
            : null;
}

/// <summary>Keeps <see cref="EvaluatedItem"/>.</summary>
public sealed partial class EvaluatedItemProjection : SingleStreamProjection<EvaluatedItem, string>
{
    public EvaluatedItemProjection()
    {
        Name = "EvaluatedItem";
        IncludeType<TaskAttempted>();
        IncludeType<TurnTaken>();
        IncludeType<AttemptsScored>();
    }

    public override EvaluatedItem? Evolve(EvaluatedItem? snapshot, string id, IEvent e) => EvaluatedItem.After(snapshot, EventFacts.Of(e));
}
