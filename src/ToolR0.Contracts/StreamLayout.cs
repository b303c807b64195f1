using System.Collections.Concurrent;

namespace ToolR0.Contracts;

/// <summary>A place in a stream: the version that a fact has, or takes, there (1 starts the stream).</summary>
public readonly record struct StreamPlace(string Stream, long Version);

/// <summary>
/// Which fact stands at which version of which kind of stream: the one place that knows. A candidate's outcome (<see cref="TaskSelected"/> or
/// <see cref="TaskRejected"/>) ends its stream wherever it got to, and <see cref="ReferenceMeasured"/> follows the scores where a run asks for it;
/// the streams of runs, held-out sets, benchmarks and catalogues of tools have as many facts as happen.
/// </summary>
public static class StreamLayout
{
    private static readonly Type[] Proposals = [typeof(TasksProposed), typeof(ToolCallsExecuted), typeof(ProposalsScored)];
    private static readonly Type[] Attempts = [typeof(TaskAttempted), typeof(ToolCallsExecuted), typeof(AttemptsScored)];
    private static readonly Type[] Asked = [typeof(TaskAttempted)];
    private static readonly Type[] Labels = [typeof(TaskAttempted), typeof(CandidateLabelled)];
    private static readonly Type[] Candidates =
        [typeof(TasksProposed), typeof(ToolCallsExecuted), typeof(CandidateFiltered), typeof(TaskAttempted), typeof(CandidateRated)];
    private static readonly Type[] Gated = [typeof(TasksProposed), typeof(ToolCallsExecuted), typeof(ProposalsGated)];
    private static readonly Type[] Variants = [typeof(TaskVaried)];
    private static readonly Type[] Updates = [typeof(PolicyUpdated)];

    /// <summary>By kind of stream and number of turns.</summary>
    private static readonly ConcurrentDictionary<(Type[] Of, int Turns), Type[]> OfTurns = new();

    /// <summary>The facts of a stream in version order, from 1; empty where their number is open.</summary>
    public static IReadOnlyList<Type> Of(StreamKey key) => FactsOf(key);

    /// <summary>Where the calls of a turn go that is followed by another, and where that other turn goes.</summary>
    /// <param name="stream">Of attempts, or a candidate.</param>
    /// <param name="turn">The one that follows, from 2.</param>
    public static (StreamPlace Calls, StreamPlace Turn) Turn(string stream, int turn)
    {
        var first = PlaceOf<TaskAttempted>(stream).Version;
        return (new(stream, first + 2 * turn - 3), new(stream, first + 2 * turn - 2));
    }

    /// <summary>Where the last turn goes that a stream of attempts, or a candidate, has room for.</summary>
    public static StreamPlace LastTurn(string stream) =>
        StreamKey.Parse(stream).Turns is var turns and > 1 ? Turn(stream, turns).Turn : PlaceOf<TaskAttempted>(stream);

    private static Type[] FactsOf(StreamKey key)
    {
        var facts = OfOneTurn(key);
        return key.Turns == 1 ? facts : OfTurns.GetOrAdd((facts, key.Turns), static of => WithTurns(of.Of, of.Turns));
    }

    private static Type[] OfOneTurn(StreamKey key) => key.Kind switch
    {
        StreamKind.Group => key.Group switch
        {
            GroupKind.Generator => Proposals,
            GroupKind.Solver or GroupKind.Evaluation or GroupKind.WarmAttempts => Attempts,
            GroupKind.Label => Labels,
            GroupKind.WarmProposals => Gated,
            GroupKind.Variant => Variants,
            _ => Asked,
        },
        StreamKind.Task => Candidates,
        StreamKind.Policy => Updates,
        _ => [],
    };

    private static Type[] WithTurns(Type[] facts, int turns)
    {
        var attempted = Array.IndexOf(facts, typeof(TaskAttempted));
        var more = Enumerable.Range(2, turns - 1).SelectMany(_ => new[] { typeof(ToolCallsExecuted), typeof(TurnTaken) });
        return [.. facts[..(attempted + 1)], .. more, .. facts[(attempted + 1)..]];
    }

    /// <summary>The place of a kind of fact in a stream. Of several executions in a group of attempts it is the last, in a candidate the
    /// first.</summary>
    /// <exception cref="ArgumentException">Streams of this kind hold no such fact at a version of its own.</exception>
    public static StreamPlace PlaceOf<TFact>(string stream) => new(stream, VersionOf<TFact>(StreamKey.Parse(stream)));

    /// <inheritdoc cref="PlaceOf{TFact}(string)"/>
    public static StreamPlace PlaceOf<TFact>(StreamKey stream) => new(stream.ToString(), VersionOf<TFact>(stream));

    /// <summary>Up to where a stream says what a task is: proposals with the execution of their gold calls, else its beginning.</summary>
    public static StreamPlace OfTask(string stream) =>
        new(stream, Of(StreamKey.Parse(stream)) is [var first, var next, ..] && first == typeof(TasksProposed) && next == typeof(ToolCallsExecuted)
            ? 2 : 1);

    /// <summary>The place where a stream begins.</summary>
    public static StreamPlace First(string stream) => new(stream, 1);

    /// <summary>The place of the fact with which a stream of this kind is complete.</summary>
    /// <exception cref="ArgumentException">Streams of this kind have no last fact.</exception>
    public static StreamPlace Last(string stream) => Of(StreamKey.Parse(stream)) is { Count: > 0 } facts
        ? new(stream, facts.Count)
        : throw new ArgumentException($"'{stream}' has no last fact", nameof(stream));

    /// <summary>Where a candidate's <see cref="TaskSelected"/> or <see cref="TaskRejected"/> goes: after the last fact it has.</summary>
    /// <param name="verified">It was verified and rated; else it was filtered only.</param>
    public static StreamPlace Outcome(string candidate, bool verified)
    {
        var last = verified ? PlaceOf<CandidateRated>(candidate) : PlaceOf<CandidateFiltered>(candidate);
        return last with { Version = last.Version + 1 };
    }

    private static long VersionOf<TFact>(StreamKey key)
    {
        var facts = FactsOf(key);
        var at = typeof(TFact) == typeof(ToolCallsExecuted) && key.Kind == StreamKind.Group ? Array.LastIndexOf(facts, typeof(TFact))
            : Array.IndexOf(facts, typeof(TFact));
        if (at >= 0)
            return at + 1;
        var isLearnedFrom = key is { Kind: StreamKind.Group, Group: GroupKind.Generator or GroupKind.Solver };
        return typeof(TFact) == typeof(ReferenceMeasured) && isLearnedFrom ? facts.Length + 1
            : throw new ArgumentException($"'{key}' holds no {typeof(TFact).Name} at a version of its own", nameof(key));
    }
}
