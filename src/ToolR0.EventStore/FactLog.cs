using System.Runtime.CompilerServices;
using JasperFx;
using Marten.Exceptions;
using Npgsql;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>
/// The fact log on Marten. An append is one transaction and one round trip. Reads of many streams or of a whole run go straight to Marten's
/// tables, one query each.
/// </summary>
public sealed class FactLog(EventStoreDatabase database) : IFactLog
{
    private const string Columns = "stream_id, version, seq_id, type, data, timestamp, causation_id";
    private const string Events = $"{EventStoreDatabase.Schema}.mt_events";
    private const string Streams = $"{EventStoreDatabase.Schema}.mt_streams";

    /// <inheritdoc/>
    /// <remarks>Facts of one stream must follow each other in version; they keep their order, streams are written in order of first appearance.</remarks>
    /// <exception cref="ArgumentException">An unknown type of fact, a version below 1, or versions of one stream that do not follow each other.</exception>
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
                catch (MartenException exception) when (SqlStateOf(exception) is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure && attempt < 5)
                {
                    // Two writers took the same streams in another order; one of them wins the next time.
                }
            }
        });
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default)
    {
        var versions = new Dictionary<string, long>(streams.Count);
        if (streams.Count == 0)
            return versions;
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var command = database.DataSource.CreateCommand($"select id, version from {Streams} where id = any($1) and version > 0");
            command.Parameters.AddWithValue(streams.ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
                versions[reader.GetString(0)] = reader.GetInt64(1);
            return versions;
        });
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>> ReadAsync(
        IReadOnlyCollection<string> streams, CancellationToken cancellation = default)
    {
        var facts = new Dictionary<string, IReadOnlyList<StoredFact>>(streams.Count);
        if (streams.Count == 0)
            return facts;
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var command = database.DataSource.CreateCommand(
                $"select {Columns} from {Events} where stream_id = any($1) order by stream_id, version");
            command.Parameters.AddWithValue(streams.ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                var fact = ReadFact(reader);
                if (facts.TryGetValue(fact.Stream, out var earlier))
                    ((List<StoredFact>)earlier).Add(fact);
                else
                    facts[fact.Stream] = new List<StoredFact> { fact };
            }

            return facts;
        });
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoredFact>> ReadAtAsync(IReadOnlyCollection<StreamPlace> places, CancellationToken cancellation = default)
    {
        var facts = new List<StoredFact>(places.Count);
        if (places.Count == 0)
            return facts;
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var command = database.DataSource.CreateCommand(
                $"select {Columns} from {Events} join unnest($1, $2) as place (stream, at) on stream_id = place.stream and version = place.at order by stream_id, version");
            command.Parameters.AddWithValue(places.Select(place => place.Stream).ToArray());
            command.Parameters.AddWithValue(places.Select(place => place.Version).ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
                facts.Add(ReadFact(reader));
            return facts;
        });
    }

    /// <inheritdoc/>
    /// <remarks>Rows come as the consumer takes them, whatever the size of the run; a connection is held until the last or until disposal.</remarks>
    public async IAsyncEnumerable<StoredFact> ReadRunAsync(
        string run, long? upTo = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        await using var connection = await database.GuardAsync(() => database.DataSource.OpenConnectionAsync(cancellation).AsTask());
        await using var command = new NpgsqlCommand(
            $"select {Columns} from {Events} where correlation_id = $1 and seq_id <= $2 order by seq_id", connection);
        command.Parameters.AddWithValue(run);
        command.Parameters.AddWithValue(upTo ?? long.MaxValue);
        command.CommandTimeout = 0; // the consumer sets the pace
        await using var reader = await database.GuardAsync(() => command.ExecuteReaderAsync(cancellation));
        var last = false;
        try
        {
            while (!(last = !await database.GuardAsync(() => reader.ReadAsync(cancellation))))
                yield return ReadFact(reader);
        }
        finally
        {
            if (!last)
                command.Cancel(); // the consumer left early: the rest of the run need not come over the wire
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            var prefix = Ids.RunStream("");
            await using var command = database.DataSource.CreateCommand(
                $"select substr(id, $2) from {Streams} where starts_with(id, $1) and version > 0 order by created desc, id desc");
            command.Parameters.AddWithValue(prefix);
            command.Parameters.AddWithValue(prefix.Length + 1);
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            var runs = new List<string>();
            while (await reader.ReadAsync(cancellation))
                runs.Add(reader.GetString(0));
            return runs;
        });
    }

    private static StoredFact ReadFact(NpgsqlDataReader reader)
    {
        var sequence = reader.GetInt64(2);
        return new StoredFact(
            reader.GetString(0),
            reader.GetInt64(1),
            sequence,
            FactTypes.Read(reader.GetString(3), reader.GetFieldValue<byte[]>(4), sequence),
            reader.GetFieldValue<DateTimeOffset>(5),
            reader.IsDBNull(6) ? null : reader.GetString(6));
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
