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

    /// <summary>The facts of a stream in version order, from 1; empty where their number is open.</summary>
    public static IReadOnlyList<Type> Of(StreamKey key) => key.Kind switch
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

    /// <summary>The place of a kind of fact in a stream.</summary>
    /// <exception cref="ArgumentException">Streams of this kind hold no such fact at a version of its own.</exception>
    public static StreamPlace PlaceOf<TFact>(string stream) => new(stream, VersionOf<TFact>(StreamKey.Parse(stream)));

    /// <inheritdoc cref="PlaceOf{TFact}(string)"/>
    public static StreamPlace PlaceOf<TFact>(StreamKey stream) => new(stream.ToString(), VersionOf<TFact>(stream));

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

    private static long VersionOf<TFact>(StreamKey key) => Of(key) is var facts && IndexOf(facts, typeof(TFact)) is var at and >= 0
        ? at + 1
        : typeof(TFact) == typeof(ReferenceMeasured) && (facts == Proposals || facts == Attempts && key.Group == GroupKind.Solver)
        ? facts.Count + 1
        : throw new ArgumentException($"'{key}' holds no {typeof(TFact).Name} at a version of its own", nameof(key));

    private static int IndexOf(IReadOnlyList<Type> facts, Type fact)
    {
        for (var i = 0; i < facts.Count; i++)
        {
            if (facts[i] == fact)
                return i;
        }

        return -1;
    }
}
