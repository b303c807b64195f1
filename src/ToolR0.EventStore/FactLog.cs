using System.Runtime.CompilerServices;
using JasperFx;
using JasperFx.Events;
using Marten;
using Marten.Exceptions;
using Marten.Services;
using Npgsql;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>
/// The fact log on Marten. An append is one transaction and one round trip. Reads are Marten's own queries, one each, so that they pass the
/// upcasters; only the versions of streams come from its table of streams (<see cref="StreamTable"/>).
/// </summary>
public sealed class FactLog(EventStoreDatabase database) : IFactLog
{
    /// <inheritdoc/>
    /// <remarks>Facts of one stream must follow each other in version and keep their order. Streams are written in the ordinal order of their
    /// keys, so that writers of the same streams wait for each other instead of locking each other out until the server's
    /// <c>deadlock_timeout</c>.</remarks>
    /// <exception cref="ArgumentException">An unknown type of fact, a version below 1, or versions of one stream that do not follow each
    /// other.</exception>
    /// <exception cref="EventStoreException">The database refused or could not be reached; nothing was written.</exception>
    public async Task<bool> AppendAsync(
        string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default)
    {
        var byStream = GroupByStream(facts);
        if (byStream.Count == 0)
            return true;
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            for (var attempt = 1; ; attempt++)
            {
                await using var session = database.Store.LightweightSession();
                session.CorrelationId = run;
                session.CausationId = causationId;
                foreach (var (stream, appended) in byStream)
                    session.Events.Append(stream, appended[^1].Version, [.. appended.Select(a => a.Fact)]);
                try
                {
                    await session.SaveChangesAsync(cancellation);
                    return true;
                }
                catch (ConcurrencyException)
                {
                    return false;
                }
                catch (MartenException exception) when (SqlStateOf(exception) == PostgresErrorCodes.UniqueViolation)
                {
                    return false;
                }
                catch (MartenException exception) when (SqlStateOf(exception) is PostgresErrorCodes.DeadlockDetected
                    or PostgresErrorCodes.SerializationFailure && attempt < 5)
                {
                    // Another kind of writer took these rows in another order; one of the two wins the next time.
                }
            }
        });
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default)
    {
        if (streams.Count == 0)
            return new Dictionary<string, long>();
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(() => StreamTable.VersionsAsync(database.DataSource, streams, cancellation));
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>> ReadAsync(
        IReadOnlyCollection<string> streams, CancellationToken cancellation = default)
    {
        if (streams.Count == 0)
            return new Dictionary<string, IReadOnlyList<StoredFact>>();
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var session = database.Store.QuerySession();
            var keys = streams.ToArray();
            var events = await session.Events.QueryAllRawEvents().Where(e => e.StreamKey!.IsOneOf(keys)).ToListAsync(cancellation);
            return (IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>)events.Select(EventFacts.Of).GroupBy(fact => fact.Stream)
                .ToDictionary(stream => stream.Key, stream => (IReadOnlyList<StoredFact>)[.. stream.OrderBy(fact => fact.Version)]);
        });
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoredFact>> ReadFromAsync(string stream, long version, CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var session = database.Store.QuerySession();
            var events = await session.Events.FetchStreamAsync(stream, fromVersion: version, token: cancellation);
            return (IReadOnlyList<StoredFact>)[.. events.Select(EventFacts.Of)];
        });
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoredFact>> ReadAtAsync(IReadOnlyCollection<StreamPlace> places, CancellationToken cancellation = default)
    {
        if (places.Count == 0)
            return [];
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var session = database.Store.QuerySession();
            // Places are many streams at few versions: what both lists cross in excess is left out below.
            var keys = places.Select(place => place.Stream).Distinct().ToArray();
            var versions = places.Select(place => place.Version).Distinct().ToArray();
            var events = await session.Events.QueryAllRawEvents()
                .Where(e => e.StreamKey!.IsOneOf(keys) && e.Version.IsOneOf(versions)).ToListAsync(cancellation);
            var wanted = places.ToHashSet();
            return (IReadOnlyList<StoredFact>)[.. events.Select(EventFacts.Of)
                .Where(fact => wanted.Contains(new StreamPlace(fact.Stream, fact.Version)))];
        });
    }

    /// <inheritdoc/>
    /// <remarks>Rows come as the consumer takes them, whatever the size of the run; a connection is held until the last or until disposal.</remarks>
    public IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default)
    {
        var last = upTo ?? long.MaxValue;
        return StreamAsync(events => events.Where(e => e.CorrelationId == run && e.Sequence <= last), cancellation);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<StoredFact> ReadFactsAsync(string run, IReadOnlyCollection<Type> types, CancellationToken cancellation = default)
    {
        var names = types.Select(FactTypes.NameOf).ToArray();
        return StreamAsync(events => events.Where(e => e.CorrelationId == run && e.EventTypeName.IsOneOf(names)), cancellation);
    }

    /// <inheritdoc/>
    public async Task<long> CountAsync(string run, CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var session = database.Store.QuerySession();
            return await session.Events.QueryAllRawEvents().Where(e => e.CorrelationId == run).LongCountAsync(cancellation);
        });
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(() => StreamTable.RunsAsync(database.DataSource, cancellation));
    }

    private async IAsyncEnumerable<StoredFact> StreamAsync(
        Func<IQueryable<IEvent>, IQueryable<IEvent>> of, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await database.EnsureReadyAsync(cancellation);
        await using var session = database.Store.QuerySession(new SessionOptions { Timeout = 0 }); // the consumer sets the pace
        var events = Marten.QueryableExtensions.ToAsyncEnumerable(of(session.Events.QueryAllRawEvents()).OrderBy(e => e.Sequence), cancellation);
        await using var rows = events.GetAsyncEnumerator(cancellation);
        while (await database.GuardAsync(() => rows.MoveNextAsync().AsTask()))
            yield return EventFacts.Of(rows.Current);
    }

    private static List<(string Stream, List<FactAppend> Appended)> GroupByStream(IReadOnlyList<FactAppend> facts)
    {
        var groups = new List<(string Stream, List<FactAppend> Appended)>();
        var places = new Dictionary<string, List<FactAppend>>();
        foreach (var fact in facts)
        {
            if (!FactTypes.IsKnown(fact.Fact.GetType()))
                throw new ArgumentException($"{fact.Fact.GetType()} is not a fact that can be stored (ToolR0.EventStore.FactTypes)", nameof(facts));
            if (fact.Version < 1)
                throw new ArgumentException($"{fact.Stream}: version {fact.Version} is below 1", nameof(facts));
            if (!places.TryGetValue(fact.Stream, out var appended))
                groups.Add((fact.Stream, places[fact.Stream] = appended = []));
            else if (fact.Version != appended[^1].Version + 1)
                throw new ArgumentException($"{fact.Stream}: version {fact.Version} does not follow {appended[^1].Version}", nameof(facts));
            appended.Add(fact);
        }

        groups.Sort((a, b) => string.CompareOrdinal(a.Stream, b.Stream));
        return groups;
    }

    private static string? SqlStateOf(Exception exception)
    {
        for (var inner = exception.InnerException; inner is not null; inner = inner.InnerException)
        {
            if (inner is PostgresException postgres)
                return postgres.SqlState;
        }

        return null;
    }
}
