using Npgsql;
using ToolR0.Testing;

namespace ToolR0.EventStore.Tests;

public sealed class FixtureTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    [Fact]
    public async Task The_fixture_gives_a_database_of_its_own()
    {
        await using var connection = new NpgsqlConnection(postgres.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        connection.PostgreSqlVersion.Major.ShouldBeGreaterThanOrEqualTo(13);
    }
}
