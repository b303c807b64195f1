using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Tests;

public sealed class DatabaseTests(StoreFixture store)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_processes_may_create_the_schema_at_once()
    {
        var connection = await store.CreateDatabaseAsync();
        var databases = Enumerable.Range(0, 8).Select(_ => new EventStoreDatabase(connection)).ToList();
        await Task.WhenAll(databases.Select(d => d.EnsureReadyAsync(Cancellation)));
        (await new FactLog(databases[0]).AppendAsync("r", "", [new FactAppend("run/r", 1, Facts.Started("r"))], Cancellation)).ShouldBeTrue();
        (await new FactLog(databases[7]).RunsAsync(Cancellation)).ShouldBe(["r"]);
        var (version, events, bytes) = await databases[3].DescribeAsync(Cancellation);
        version.ShouldNotBeEmpty();
        events.ShouldBe(1);
        bytes.ShouldBePositive();
        foreach (var database in databases)
            await database.DisposeAsync();
    }

    [Fact]
    public async Task A_store_opened_again_has_what_was_stored()
    {
        var connection = await store.CreateDatabaseAsync();
        for (var version = 1; version <= 2; version++)
        {
            await using var database = new EventStoreDatabase(connection);
            object fact = version == 1 ? Facts.Started("r") : new RunPaused("r");
            (await new FactLog(database).AppendAsync("r", "", [new FactAppend("run/r", version, fact)], Cancellation)).ShouldBeTrue();
        }

        await using var last = new EventStoreDatabase(connection);
        (await new RunStates(last).LoadAsync("r", Cancellation)).Status.ShouldBe(RunStatus.Paused);
    }

    [Fact]
    public async Task The_services_work_from_a_container()
    {
        await using var services = new ServiceCollection().AddEventStore(store.ConnectionString).BuildServiceProvider();
        var run = Facts.Run();
        (await services.GetRequiredService<IFactLog>()
            .AppendAsync(run, "", [new FactAppend(Ids.RunStream(run), 1, Facts.Started(run))], Cancellation)).ShouldBeTrue();
        (await services.GetRequiredService<RunStates>().LoadAsync(run, Cancellation)).Run.ShouldBe(run);
    }

    [Fact]
    public async Task An_unreachable_server_is_told_in_one_line_with_setting_host_and_port()
    {
        await using var database = new EventStoreDatabase("Host=127.0.0.1;Port=1;Username=u;Password=p;Database=d");
        foreach (var attempt in new Func<Task>[]
        {
            () => database.EnsureReadyAsync(Cancellation),
            () => new FactLog(database).AppendAsync("r", "", [new FactAppend("run/r", 1, Facts.Started("r"))], Cancellation),
            () => new FactLog(database).ReadRunAsync("r", cancellation: Cancellation).ToListAsync(Cancellation).AsTask(),
        })
        {
            var message = (await Should.ThrowAsync<EventStoreException>(attempt)).Message;
            message.ShouldStartWith("cannot reach PostgreSQL at 127.0.0.1:1, set by ToolR0:Postgres (environment TOOLR0_POSTGRES)");
            message.ShouldNotContain('\n');
        }
    }

    [Fact]
    public async Task A_wrong_password_or_database_is_told_in_one_line()
    {
        var settings = new NpgsqlConnectionStringBuilder(store.ConnectionString) { Database = "no_such_database" };
        await using var missing = new EventStoreDatabase(settings.ConnectionString);
        (await Should.ThrowAsync<EventStoreException>(() => missing.EnsureReadyAsync(Cancellation))).Message.ShouldContain(
            "\"no_such_database\" does not exist");

        settings = new NpgsqlConnectionStringBuilder(store.ConnectionString) { Password = "wrong" };
        await using var refused = new EventStoreDatabase(settings.ConnectionString);
        (await Should.ThrowAsync<EventStoreException>(() => refused.EnsureReadyAsync(Cancellation))).Message.ShouldContain("refuses the user");
    }

    [Theory]
    [InlineData("Hots=x")]
    [InlineData("Port=abc;Host=x")]
    [InlineData("Database=x")]
    public void What_is_no_connection_string_is_refused_at_once(string text) =>
        Should.Throw<EventStoreException>(() => new EventStoreDatabase(text)).Message.ShouldContain("ToolR0:Postgres");

    [Fact]
    public void A_full_disk_is_told_in_one_line()
    {
        var refused = new PostgresException("could not extend file", "ERROR", "ERROR", PostgresErrorCodes.DiskFull);
        var told = EventStoreException.From(new Marten.Exceptions.MartenCommandException(null, refused), "db:5432");
        told.ShouldBeOfType<EventStoreException>().Message.ShouldBe("PostgreSQL at db:5432 has no disk space left; nothing was written");
    }

    [Fact]
    public async Task After_the_server_dropped_all_connections_the_store_goes_on()
    {
        var connection = await store.CreateDatabaseAsync();
        await using var database = new EventStoreDatabase(connection);
        var log = new FactLog(database);
        (await log.AppendAsync("r", "", [new FactAppend("run/r", 1, Facts.Started("r"))], Cancellation)).ShouldBeTrue();
        await using (var other = NpgsqlDataSource.Create(store.ConnectionString))
        await using (var command = other.CreateCommand(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()"))
        {
            command.Parameters.AddWithValue(new NpgsqlConnectionStringBuilder(connection).Database!);
            await command.ExecuteNonQueryAsync(Cancellation);
        }

        // The first use may find its connection dead; what a consumer does then is try again.
        var done = false;
        for (var attempt = 0; attempt < 5 && !done; attempt++)
        {
            try
            {
                done = await log.AppendAsync("r", "", [new FactAppend("run/r", 2, new RunPaused("r"))], Cancellation);
            }
            catch (EventStoreException exception)
            {
                exception.Message.ShouldContain("PostgreSQL at");
            }
        }

        done.ShouldBeTrue();
    }
}
