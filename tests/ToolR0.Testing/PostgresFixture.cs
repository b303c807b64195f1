using Npgsql;

namespace ToolR0.Testing;

/// <summary>
/// A real PostgreSQL server for a test run: <c>TOOLR0_TEST_POSTGRES</c> (a connection string whose user may create databases) or a private
/// one started on first use and stopped when the test process ends. Use as an xunit class or assembly fixture; databases are dropped with it.
/// </summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private static readonly Lazy<string> Server = new(StartServer);
    private readonly List<string> _databases = [];

    /// <summary>An empty database of this fixture's own, made when it started.</summary>
    public string ConnectionString { get; private set; } = "";

    public async ValueTask InitializeAsync() => ConnectionString = await CreateDatabaseAsync();

    /// <summary>One more empty database; its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test_{Guid.NewGuid():N}";
        await ExecuteAsync($"create database {name}");
        lock (_databases)
            _databases.Add(name);
        return new NpgsqlConnectionStringBuilder(Server.Value) { Database = name }.ConnectionString;
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        foreach (var name in _databases)
            await ExecuteAsync($"drop database if exists {name} with (force)");
    }

    private static async Task ExecuteAsync(string sql)
    {
        var server = new NpgsqlConnectionStringBuilder(Server.Value) { Pooling = false };
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static string StartServer()
    {
        if (Environment.GetEnvironmentVariable("TOOLR0_TEST_POSTGRES") is { Length: > 0 } given)
            return given;
        var home = PrivateServers.NewHome();
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            PrivateServers.Run("postgres.sh", "stop", "--home", home);
            PrivateServers.Remove(home);
        };
        return PrivateServers.Run("postgres.sh", "start", "--home", home);
    }
}
