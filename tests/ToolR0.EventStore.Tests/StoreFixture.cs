using ToolR0.EventStore.Tests;
using ToolR0.Testing;

[assembly: AssemblyFixture(typeof(StoreFixture))]

namespace ToolR0.EventStore.Tests;

/// <summary>A store on a database of its own, shared by the tests of this assembly: each test uses a run of its own.</summary>
public sealed class StoreFixture : IAsyncLifetime
{
    private readonly PostgresFixture _postgres = new();

    public EventStoreDatabase Database { get; private set; } = null!;

    internal FactLog Log => new(Database);

    public string ConnectionString => _postgres.ConnectionString;

    public Task<string> CreateDatabaseAsync() => _postgres.CreateDatabaseAsync();

    public async ValueTask InitializeAsync()
    {
        await _postgres.InitializeAsync();
        Database = new EventStoreDatabase(_postgres.ConnectionString);
        await Database.EnsureReadyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await _postgres.DisposeAsync();
    }
}
