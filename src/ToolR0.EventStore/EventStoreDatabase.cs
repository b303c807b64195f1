using JasperFx;
using JasperFx.Events;
using JasperFx.OpenTelemetry;
using Marten;
using Npgsql;
using ToolR0.EventStore.Projections;
using ToolR0.EventStore.Upcasters;
using Weasel.Core;

namespace ToolR0.EventStore;

/// <summary>
/// The database behind the store: one pool of connections shared by Marten and by the bulk reads on its tables, and the schema, which any
/// number of processes may create at once.
/// </summary>
public sealed class EventStoreDatabase : IAsyncDisposable, IDisposable
{
    /// <summary>The schema of Marten's tables.</summary>
    public const string Schema = "toolr0";

    /// <summary>Ours on Marten's events table: a run's events in order.</summary>
    internal const string RunIndex = "mt_events_run";

    // Any number that no other program takes an advisory lock on in this database.
    private const long SchemaLock = 7_072_320_001;

    private readonly Lock _gate = new();
    private readonly DocumentStore _store;
    private Task? _ready;

    /// <exception cref="EventStoreException">Not a connection string.</exception>
    public EventStoreDatabase(string connectionString)
    {
        var settings = ConnectionSettings.Parse(connectionString);
        // No automatic preparation of statements: Npgsql 10 loses track of them when a batch is refused, as that of a late writer is.
        Server = $"{settings.Host}:{settings.Port}";
        DataSource = new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
        _store = DocumentStore.For(Configure);
    }

    /// <summary>host:port, as messages name it.</summary>
    public string Server { get; }

    public NpgsqlDataSource DataSource { get; }

    public IDocumentStore Store => _store;

    /// <summary>Creates what is missing in the database, once per process; several processes take turns.</summary>
    /// <exception cref="EventStoreException">The server can not be reached, or refuses.</exception>
    public Task EnsureReadyAsync(CancellationToken cancellation = default)
    {
        lock (_gate)
        {
            if (_ready is null || _ready.IsFaulted || _ready.IsCanceled)
                _ready = CreateSchemaAsync();
            return _ready.WaitAsync(cancellation);
        }
    }

    /// <summary>Version of the server, number of events, bytes on disk.</summary>
    public async Task<(string Version, long Events, long Bytes)> DescribeAsync(CancellationToken cancellation = default)
    {
        await EnsureReadyAsync(cancellation);
        return await GuardAsync(async () =>
        {
            await using var command = DataSource.CreateCommand(
                $"select current_setting('server_version'), (select count(*) from {Schema}.mt_events), pg_total_relation_size('{Schema}.mt_events')");
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            await reader.ReadAsync(cancellation);
            return (reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2));
        });
    }

    /// <summary>One round trip to the server.</summary>
    /// <exception cref="EventStoreException">It does not answer.</exception>
    public Task PingAsync(CancellationToken cancellation = default) => GuardAsync(async () =>
    {
        await using var command = DataSource.CreateCommand("select 1");
        return await command.ExecuteScalarAsync(cancellation);
    });

    public void Dispose()
    {
        _store.Dispose();
        DataSource.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await DataSource.DisposeAsync();
    }

    /// <summary>Runs a piece of database work; what fails is told in one line.</summary>
    internal async Task<T> GuardAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Marten.Exceptions.UnknownEventTypeException exception)
        {
            // Marten does not say which event it was.
            var (sequence, type) = await StreamTable.FirstUnknownAsync(DataSource, [.. FactTypes.All.Select(FactTypes.NameOf)]);
            throw new EventStoreException($"event {sequence} is a '{type}', which this version of ToolR0 does not know", exception);
        }
        catch (Exception exception) when (EventStoreException.From(exception, Server) is EventStoreException told && told != exception)
        {
            throw told;
        }
    }

    private void Configure(StoreOptions options)
    {
        options.Connection(DataSource);
        options.DatabaseSchemaName = Schema;
        options.AutoCreateSchemaObjects = AutoCreate.None; // under our lock only, see CreateSchemaAsync
        options.UseSystemTextJsonForSerialization(EnumStorage.AsString, Casing.CamelCase, EventJson.Configure);
        options.Events.StreamIdentity = StreamIdentity.AsString;
        options.Events.MetadataConfig.EnableAll();
        options.Events.AddEventTypes(FactTypes.All);
        options.Events.IgnoreIndex(RunIndex);
        options.OpenTelemetry.TrackConnections = TrackLevel.Normal; // spans for whoever listens
        options.Events.Upcast(Upcasting.All);
        ReadModels.Register(options);
    }

    private Task CreateSchemaAsync() => GuardAsync(async () =>
    {
        await using var connection = await DataSource.OpenConnectionAsync();
        await ExecuteAsync(connection, $"select pg_advisory_lock({SchemaLock})");
        try
        {
            await _store.Storage.ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate.CreateOrUpdate);
            await ExecuteAsync(connection, $"""
                set client_min_messages = warning;
                create index if not exists {RunIndex} on {Schema}.mt_events (correlation_id, seq_id);
                do $$ begin
                    if (select attcompression <> 'l' from pg_attribute where attrelid = '{Schema}.mt_events'::regclass and attname = 'data') then
                        alter table {Schema}.mt_events alter column data set compression lz4; -- several times faster than the default
                    end if;
                exception when others then null; -- a server before 14, or built without lz4
                end $$
                """);
        }
        finally
        {
            await ExecuteAsync(connection, $"select pg_advisory_unlock({SchemaLock})");
        }

        return true;
    });

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        // A whole stack that starts at once takes turns: the last one waits for all others.
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 180 };
        await command.ExecuteNonQueryAsync();
    }
}
