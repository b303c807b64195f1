using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ToolR0.Contracts;
using ToolR0.EventStore.Projections;
using ToolR0.Testing;

namespace ToolR0.EventStore.Tests;

/// <summary>The read models, kept by the daemon of a host and rebuilt by command.</summary>
public sealed class ProjectionTests : IAsyncLifetime
{
    private readonly PostgresFixture _postgres = new();
    private readonly System.Collections.Concurrent.ConcurrentQueue<string> _log = [];
    private EventStoreDatabase _database = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private FactLog Log => new(_database);

    public async ValueTask InitializeAsync()
    {
        await _postgres.InitializeAsync();
        _database = new EventStoreDatabase(_postgres.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    [Fact]
    public async Task Kept_views_equal_the_folds_whether_followed_or_rebuilt()
    {
        var run = SyntheticRun.Complete(1);
        run.Append(Ids.TaskStream(SyntheticRun.Name, 1, 6), SyntheticRun.Proposed(6));
        run.Append(Ids.TaskStream(SyntheticRun.Name, 1, 6), new TaskRejected(SyntheticRun.Name, 1, "low_agreement", "names 0.1"));
        run.Append(Ids.TaskStream(SyntheticRun.Name, 1, 0), new TaskSelected(SyntheticRun.Name, 1, 0, "easy", 1));
        var half = run.Facts.Count / 2;
        using (var host = await StartDaemonAsync())
        {
            await StoreAsync(run.Facts.Take(half));
            await WaitAsync();
            await StoreAsync(run.Facts.Skip(half));
            await WaitAsync();
            await CheckAsync(run);
            await host.StopAsync(Cancellation);
        }

        await ExecuteAsync($"delete from {StepsTable.TableName}; delete from {EventStoreDatabase.Schema}.mt_doc_evaluateditem where data ->> 'item' = '1'");
        await ReadModels.RebuildAsync(_database, Cancellation);
        await CheckAsync(run);
    }

    [Fact]
    public async Task Without_a_daemon_a_reader_folds_what_it_needs_from_the_streams()
    {
        var run = SyntheticRun.Complete(1);
        await StoreAsync(run.Facts);
        var state = (await new RunStates(_database).SummariesAsync([SyntheticRun.Name, "unknown"], Cancellation)).ShouldHaveSingleItem();
        Json(state).ShouldBe(Json(RunSummary.Slim(await new RunStates(_database).LoadAsync(SyntheticRun.Name, Cancellation))));
        var views = new RunViews(_database, Log, TimeSpan.Zero);
        var items = await views.EvaluatedAsync(state, 1, 0, Cancellation);
        items.Count.ShouldBe(4);
        items[1].Score!.Exact.ShouldBeTrue();
    }

    [Fact]
    public async Task A_summary_that_is_behind_is_folded_on_from_its_version()
    {
        var run = SyntheticRun.Complete(1);
        using (var host = await StartDaemonAsync())
        {
            await StoreAsync(run.Facts.Take(20));
            await WaitAsync();
            await host.StopAsync(Cancellation);
        }

        await StoreAsync(run.Facts.Skip(20));
        var state = (await new RunStates(_database).SummariesAsync([SyntheticRun.Name], Cancellation)).ShouldHaveSingleItem();
        Json(state).ShouldBe(Json(RunSummary.Slim(await new RunStates(_database).LoadAsync(SyntheticRun.Name, Cancellation))));
        state.Status.ShouldBe(RunStatus.Completed);
    }

    private async Task CheckAsync(SyntheticRun run)
    {
        var folded = await new RunStates(_database).LoadAsync(SyntheticRun.Name, Cancellation);
        await using var session = _database.Store.QuerySession();
        var summary = (await session.LoadAsync<RunSummary>(Ids.RunStream(SyntheticRun.Name), Cancellation)).ShouldNotBeNull();
        Json(summary.State).ShouldBe(Json(RunSummary.Slim(folded)));

        var (views, folds) = (new RunViews(_database, Log, TimeSpan.FromSeconds(10)), new FoldedViews(Log));
        foreach (var iteration in new[] { 0, 1 })
        {
            var kept = await views.EvaluatedAsync(folded, iteration, 0, Cancellation);
            kept.Count.ShouldBe(4);
            Json(kept.OrderBy(x => x.Key)).ShouldBe(Json((await folds.EvaluatedAsync(folded, iteration, 0, Cancellation)).OrderBy(x => x.Key)));
        }

        var rejected = (await views.RejectedAsync(folded, ["low_agreement", "none"], Cancellation)).ShouldHaveSingleItem();
        Json(rejected).ShouldBe(Json((await folds.RejectedAsync(folded, ["low_agreement", "none"], Cancellation)).ShouldHaveSingleItem()));
        var selected = (await session.LoadAsync<CandidateView>(Ids.TaskStream(SyntheticRun.Name, 1, 0), Cancellation)).ShouldNotBeNull();
        (selected.Position, selected.Label, selected.Reason).ShouldBe((0, "easy", null));

        await using var command = _database.DataSource.CreateCommand(
            $"select run, iteration, phase, step, completed > started, policy, (metrics ->> $1)::float8 from {StepsTable.TableName} order by completed");
        command.Parameters.AddWithValue(MetricNames.WallSeconds);
        await using var reader = await command.ExecuteReaderAsync(Cancellation);
        foreach (var step in folded.CompletedSteps)
        {
            (await reader.ReadAsync(Cancellation)).ShouldBeTrue();
            (reader.GetString(0), reader.GetInt32(1), reader.GetString(2), reader.GetInt32(3))
                .ShouldBe((step.Run, step.Iteration, step.Phase.WireName(), step.Step));
            reader.GetDouble(6).ShouldBe(step.Metrics[MetricNames.WallSeconds]);
        }

        (await reader.ReadAsync(Cancellation)).ShouldBeFalse();
        run.Facts.ShouldNotBeEmpty();
    }

    private async Task<IHost> StartDaemonAsync()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(new Capture(_log));
        builder.Services.AddEventStore(_postgres.ConnectionString).AddReadModelDaemon().AddReadModelDaemon();
        var host = builder.Build();
        await host.StartAsync(Cancellation);
        return host;
    }

    private async Task StoreAsync(IEnumerable<StoredFact> facts)
    {
        foreach (var fact in facts)
            (await Log.AppendAsync(SyntheticRun.Name, "c", [new FactAppend(fact.Stream, fact.Version, fact.Fact)], Cancellation)).ShouldBeTrue();
    }

    private async Task WaitAsync()
    {
        var last = (await Log.ReadRunAsync(SyntheticRun.Name, cancellation: Cancellation).LastAsync(Cancellation)).Sequence;
        (await ReadModels.WaitAsync(_database, last, TimeSpan.FromSeconds(20), Cancellation))
            .ShouldBeTrue($"progress of {last}: {string.Join(", ", (await _database.Store.Advanced.AllProjectionProgress()).Select(s => $"{s.ShardName} {s.Sequence}"))}\n{string.Join("\n", _log)}");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancellation);
    }

    private static string Json(object value) => JsonSerializer.Serialize(value, EventJson.Options);

    /// <summary>What the daemon says, for the message of a test that waited in vain.</summary>
    private sealed class Capture(System.Collections.Concurrent.ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
