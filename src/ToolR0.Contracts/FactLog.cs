namespace ToolR0.Contracts;

/// <summary>A fact to append. <paramref name="Version"/> is the stream's version after the append (1 starts the stream).</summary>
public sealed record FactAppend(string Stream, long Version, object Fact);

/// <summary>A fact as stored.</summary>
/// <param name="Sequence">Global order of the store.</param>
/// <param name="CausationId">Shard or message that caused it.</param>
public sealed record StoredFact(string Stream, long Version, long Sequence, object Fact, DateTimeOffset At, string? CausationId);

/// <summary>
/// The event store as the services see it. Appends are all-or-nothing: if any stream is not just below the version that is asked for, nothing
/// is written and the answer is false, which to a worker means "answered before". Implemented by ToolR0.EventStore.
/// </summary>
public interface IFactLog
{
    /// <summary>
    /// Appends all facts in one transaction, with the run as correlation id. False, with nothing written, if a version is taken (another writer
    /// was first) or leaves a gap.
    /// </summary>
    /// <exception cref="ArgumentException">A version below 1, or versions of one stream that do not follow each other.</exception>
    Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default);

    /// <summary>Current version of each stream that exists.</summary>
    Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default);

    /// <summary>All facts of each stream in version order, in one round trip; a stream without facts is absent.</summary>
    Task<IReadOnlyDictionary<string,
        IReadOnlyList<StoredFact>>> ReadAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default);

    /// <summary>The facts of one stream from a version on, in version order; empty where there is nothing new.</summary>
    async Task<IReadOnlyList<StoredFact>> ReadFromAsync(string stream, long version, CancellationToken cancellation = default) =>
        (await ReadAsync([stream], cancellation)).TryGetValue(stream, out var facts) ? [.. facts.Where(fact => fact.Version >= version)] : [];

    /// <summary>
    /// The facts at exactly these places, in one round trip, whatever else their streams hold; a place without a fact is absent. A log that can
    /// select facts does, so that small facts are read without the payloads beside them; this one reads whole streams.
    /// </summary>
    async Task<IReadOnlyList<StoredFact>> ReadAtAsync(IReadOnlyCollection<StreamPlace> places, CancellationToken cancellation = default)
    {
        var streams = await ReadAsync([.. places.Select(place => place.Stream).Distinct()], cancellation);
        return [.. places.Where(place => streams.ContainsKey(place.Stream))
            .SelectMany(place => streams[place.Stream].Where(fact => fact.Version == place.Version))];
    }

    /// <summary>Every fact of a run in global order, streamed; up to and including <paramref name="upTo"/> when given.</summary>
    IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default);

    /// <summary>A run's facts of the given types in global order, streamed; no other fact is read.</summary>
    IAsyncEnumerable<StoredFact> ReadFactsAsync(string run, IReadOnlyCollection<Type> types, CancellationToken cancellation = default) =>
        ReadRunAsync(run, cancellation: cancellation).Where(fact => types.Contains(fact.Fact.GetType()));

    /// <summary>Number of facts of a run.</summary>
    async Task<long> CountAsync(string run, CancellationToken cancellation = default) =>
        await ReadRunAsync(run, cancellation: cancellation).LongCountAsync(cancellation);

    /// <summary>Names of all runs, newest first.</summary>
    Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default);
}
