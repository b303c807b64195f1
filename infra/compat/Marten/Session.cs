using System.Text.Json;
using JasperFx.Events;
using Marten.Events;
using Marten.Exceptions;
using Npgsql;
using NpgsqlTypes;

namespace Marten;

/// <summary>A unit of work: appends are remembered and written together by <see cref="SaveChangesAsync"/>. Not thread safe.</summary>
internal sealed class Session(DocumentStore store) : IDocumentSession, IEventStoreOperations
{
    private const string EventColumns =
        "seq_id, id, stream_id, version, data, type, timestamp, mt_dotnet_type, correlation_id, causation_id";

    private readonly List<StreamAction> _actions = [];

    public string? CausationId { get; set; }

    public string? CorrelationId { get; set; }

    public IEventStoreOperations Events => this;

    Marten.Events.IQueryEventStore IQuerySession.Events => this;

    private string SchemaName => store.Options.DatabaseSchemaName;

    public StreamAction Append(string stream, long expectedVersion, params object[] events)
    {
        var action = _actions.Find(a => a.Key == stream);
        if (action is null)
            _actions.Add(action = new StreamAction(stream));
        foreach (var data in events)
            action.Add(new Event(data) { StreamKey = stream });
        action.ExpectedVersionOnServer = expectedVersion - action.Events.Count;
        return action;
    }

    public async Task SaveChangesAsync(CancellationToken token = default)
    {
        var actions = _actions.Where(a => a.Events.Count > 0).ToList();
        if (actions.Count == 0)
            return;
        var now = DateTimeOffset.UtcNow;
        await using var connection = await store.DataSource.OpenConnectionAsync(token);

        // One batch is one round trip and, without a transaction of its own, one transaction.
        await using var batch = new NpgsqlBatch(connection);
        foreach (var action in actions)
            batch.BatchCommands.Add(AppendCommand(action, now));
        try
        {
            await using var reader = await batch.ExecuteReaderAsync(token);
            foreach (var action in actions)
            {
                await reader.ReadAsync(token);
                var answer = reader.GetFieldValue<long[]>(0);
                for (var i = 0; i < action.Events.Count; i++)
                {
                    action.Events[i].Version = answer[0] - action.Events.Count + 1 + i;
                    action.Events[i].Sequence = answer[1 + i];
                }

                await reader.NextResultAsync(token);
            }
        }
        catch (PostgresException exception)
        {
            throw Explain(exception, batch, actions);
        }

        _actions.Clear();
    }

    public async Task<IReadOnlyList<IEvent>> FetchStreamAsync(
        string streamKey, long version = 0, DateTimeOffset? timestamp = null, long fromVersion = 0, CancellationToken token = default)
    {
        await using var command = store.DataSource.CreateCommand($"""
            select {EventColumns} from {SchemaName}.mt_events
            where stream_id = $1 and version >= $2 and ($3 = 0 or version <= $3) and ($4::timestamptz is null or timestamp <= $4)
              and is_archived = false
            order by version
            """);
        command.Parameters.AddWithValue(streamKey);
        command.Parameters.AddWithValue(fromVersion);
        command.Parameters.AddWithValue(version);
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.TimestampTz, Value = (object?)timestamp?.UtcDateTime ?? DBNull.Value });
        await using var reader = await command.ExecuteReaderAsync(token);
        var events = new List<IEvent>();
        while (await reader.ReadAsync(token))
            events.Add(Read(reader));
        return events;
    }

    public async Task<StreamState?> FetchStreamStateAsync(string streamKey, CancellationToken token = default)
    {
        await using var command = store.DataSource.CreateCommand(
            $"select version, timestamp, created, is_archived from {SchemaName}.mt_streams where id = $1");
        command.Parameters.AddWithValue(streamKey);
        await using var reader = await command.ExecuteReaderAsync(token);
        if (!await reader.ReadAsync(token))
            return null;
        return new StreamState
        {
            Key = streamKey,
            Version = reader.GetInt64(0),
            LastTimestamp = reader.GetFieldValue<DateTimeOffset>(1),
            Created = reader.GetFieldValue<DateTimeOffset>(2),
            IsArchived = reader.GetBoolean(3),
        };
    }

    public void Dispose()
    {
        // Connections are held for the length of one call only.
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private NpgsqlBatchCommand AppendCommand(StreamAction action, DateTimeOffset now)
    {
        var events = action.Events;
        foreach (var added in events)
        {
            added.CorrelationId ??= CorrelationId;
            added.CausationId ??= CausationId;
            added.Timestamp = now;
        }

        var command = new NpgsqlBatchCommand(
            $"select {SchemaName}.mt_quick_append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");
        Add(NpgsqlDbType.Varchar, action.Key!);
        Add(NpgsqlDbType.Varchar, DBNull.Value);
        Add(NpgsqlDbType.Varchar, "*DEFAULT*");
        AddArray(NpgsqlDbType.Uuid, e => e.Id);
        AddArray(NpgsqlDbType.Varchar, e => e.EventTypeName);
        AddArray(NpgsqlDbType.Varchar, e => e.DotNetTypeName);
        AddArray(NpgsqlDbType.Jsonb, e => JsonSerializer.SerializeToUtf8Bytes(e.Data, e.EventType, store.Options.Json));
        AddArray<byte[]?>(NpgsqlDbType.Bytea, _ => null);
        AddArray(NpgsqlDbType.Varchar, e => e.CausationId);
        AddArray(NpgsqlDbType.Varchar, e => e.CorrelationId);
        AddArray<byte[]?>(NpgsqlDbType.Jsonb, _ => null);
        AddArray(NpgsqlDbType.TimestampTz, e => e.Timestamp);
        Add(NpgsqlDbType.Bigint, action.ExpectedVersionOnServer!.Value);
        return command;

        void Add(NpgsqlDbType type, object value) => command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = type, Value = value });
        void AddArray<T>(NpgsqlDbType type, Func<IEvent, T> column) => Add(NpgsqlDbType.Array | type, events.Select(column).ToArray());
    }

    private static Exception Explain(PostgresException exception, NpgsqlBatch batch, List<StreamAction> actions)
    {
        var place = exception.BatchCommand is NpgsqlBatchCommand failed ? batch.BatchCommands.IndexOf(failed) : -1;
        var action = place >= 0 ? actions[place] : actions[0];
        return exception switch
        {
            { SqlState: "MT003" } => new EventStreamUnexpectedMaxEventIdException(action.Key!, null, action.ExpectedVersionOnServer ?? -1, -1),
            { SqlState: "MT001" } => new InvalidStreamOperationException(exception.MessageText),
            { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "pk_mt_events_stream_and_version" } =>
                new EventStreamUnexpectedMaxEventIdException(exception.MessageText),
            _ => new MartenCommandException(null, exception),
        };
    }

    private Event Read(NpgsqlDataReader reader)
    {
        var alias = reader.GetString(5);
        if (!store.Options.EventGraph.TryResolve(alias, reader.IsDBNull(7) ? null : reader.GetString(7), out var type))
            throw new UnknownEventTypeException(alias);
        var data = JsonSerializer.Deserialize(reader.GetFieldValue<byte[]>(4), type, store.Options.Json)
            ?? throw new MartenException($"Event {reader.GetInt64(0)} has no data");
        return new Event(data)
        {
            Sequence = reader.GetInt64(0),
            Id = reader.GetGuid(1),
            StreamKey = reader.GetString(2),
            Version = reader.GetInt64(3),
            Timestamp = reader.GetFieldValue<DateTimeOffset>(6),
            CorrelationId = reader.IsDBNull(8) ? null : reader.GetString(8),
            CausationId = reader.IsDBNull(9) ? null : reader.GetString(9),
        };
    }

    private sealed class Event(object data) : IEvent
    {
        public Guid Id { get; set; } = Guid.CreateVersion7();

        public long Version { get; set; }

        public long Sequence { get; set; }

        public object Data { get; } = data;

        public string? StreamKey { get; set; }

        public DateTimeOffset Timestamp { get; set; }

        public Type EventType => Data.GetType();

        public string EventTypeName { get; set; } = EventGraph.AliasOf(data.GetType());

        public string DotNetTypeName { get; set; } = EventGraph.DotNetNameOf(data.GetType());

        public string? CausationId { get; set; }

        public string? CorrelationId { get; set; }
    }
}
