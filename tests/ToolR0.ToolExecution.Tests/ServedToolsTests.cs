using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Prompts;
using ToolR0.Testing;
using ToolR0.TinyWorld;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolExecution.Tests;

/// <summary>Calls of a run on a real server, in a process of its own, that misbehaves as its tools say.</summary>
public sealed class ServedToolsTests : IAsyncLifetime
{
    private const string Run = "r";
    private static readonly string Stream = Ids.GroupStream(Run, 1, GroupKind.Solver, 0, 0);
    private static readonly ToolSpec[] Menu =
        [.. new[] { "echo", "hang", "count", "exit", "tokens", "deep", "long", "refuse" }.Select(name =>
            new ToolSpec(name, "", [new ToolParameter("text", "string")], []))];

    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-served-").FullName;
    private string _catalogue = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string File => Path.Combine(_folder, "mcp.json");

    private string Counts => Path.Combine(_folder, "counts");

    private string[] Counted => System.IO.File.Exists(Counts) ? System.IO.File.ReadAllLines(Counts) : [];

    private RunOptions Options(bool readOnly = false) => ShippedPresets.NanoAgent with
    {
        Tools = new ToolOptions
        {
            Execute = true,
            CatalogueSha256 = _catalogue,
            TimeoutSeconds = 3,
            ReadOnlyOnly = readOnly,
            Session = ToolSessions.Run,
        },
    };

    public async ValueTask InitializeAsync()
    {
        var server = new
        {
            command = "dotnet",
            args = new[] { Path.Combine(AppContext.BaseDirectory, "ToolR0.HostileServer.dll"), "" },
            env = new { COUNT_FILE = Counts },
        };
        await System.IO.File.WriteAllTextAsync(File, JsonSerializer.Serialize(new { mcpServers = new { hostile = server } }), Cancellation);
        _catalogue = await DigestAsync(readOnly: false);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task What_a_server_returns_is_the_outcome_and_whose_fault_it_was_stays_apart()
    {
        await using var servers = Servers();
        var executor = new ToolExecutor([], servers);

        var echo = await CallAsync(executor, "echo", "hi");
        echo.Calls.Single().ShouldBe(new CallOutcome(echo.Calls.Single().Call, CallStatus.Succeeded, "\"hi\"", null));
        (await CallAsync(executor, "refuse", "")).Calls.Single().Status.ShouldBe(CallStatus.Failed);
        (await CallAsync(executor, "deep", "")).Calls.Single().Status.ShouldBe(CallStatus.Unavailable);
        (await CallAsync(executor, "no_such", "")).Calls.Single().Status.ShouldBe(CallStatus.UnknownTool);

        var lost = await CallAsync(executor, "hang", "");
        lost.Calls.ShouldBeEmpty();
        lost.VoidCause.ShouldNotBeNull().ShouldContain("longer than 3 s");
        (await CallAsync(executor, "echo", "again")).Calls.Single().Result.ShouldBe("\"again\"");
    }

    [Fact]
    public async Task A_server_that_ends_in_a_call_costs_that_trajectory_alone()
    {
        await using var servers = Servers();
        var executor = new ToolExecutor([], servers);
        (await CallAsync(executor, "exit", "")).VoidCause.ShouldNotBeNull();

        // Whoever comes next finds a server that is gone: nothing was called yet, so it is started again.
        (await CallAsync(executor, "echo", "x")).Calls.Single().Result.ShouldBe("\"x\"");
    }

    /// <summary>Whoever shares the servers with a call that takes too long, or with one that ends its server, loses nothing by it.</summary>
    [Theory]
    [InlineData("hang")]
    [InlineData("exit")]
    public async Task One_call_costs_those_beside_it_nothing(string bad)
    {
        await using var servers = Servers();
        var executor = new ToolExecutor([], servers);
        await CallAsync(executor, "echo", "first");
        var beside = Enumerable.Range(0, 6).Select(i => CallAsync(executor, "echo", $"w{i}")).ToList();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        (await CallAsync(executor, bad, "")).VoidCause.ShouldNotBeNull();
        clock.Elapsed.TotalSeconds.ShouldBeLessThan(3 + 1, "a call that took too long is not made again");
        foreach (var (result, i) in (await Task.WhenAll(beside)).Select((result, i) => (result, i)))
            result.Calls.Single().Result.ShouldBe($"\"w{i}\"");
        (await CallAsync(executor, "echo", "after")).Calls.Single().Result.ShouldBe("\"after\"");
    }

    /// <summary>More trajectories than have servers at a time, each with what it saved and nothing of the others'.</summary>
    [Fact]
    public async Task Each_trajectory_finds_its_own_state_in_its_next_turn()
    {
        var world = Path.Combine(_folder, "world.json");
        var server = new { command = "dotnet", args = new[] { Path.Combine(AppContext.BaseDirectory, "ToolR0.HostileServer.dll"), "world" } };
        await System.IO.File.WriteAllTextAsync(world, JsonSerializer.Serialize(new { mcpServers = new { world = server } }), Cancellation);
        var tools = new ToolOptions { Execute = true, ReadOnlyOnly = false, StartSeconds = 60, TimeoutSeconds = 20 };
        await using (var set = await ToolServerSet.StartAsync(ToolSourceReader.Read(world, new Dictionary<string, string>()), tools, Cancellation))
            tools = tools with { CatalogueSha256 = set.Catalogue.Digest };
        await using var servers = new RunServers(world, new Dictionary<string, string>());
        var executor = new ToolExecutor([], servers);
        var task = new ToolTask("q", [WorldCatalog.Find("save_entry")!.ToSpec(), WorldCatalog.Find("load_record")!.ToSpec()], []);
        ToolCall[] load = [Given.Call("load_record", """{"key":"a"}""")];

        var saved = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => executor.ExecuteAsync(
            task, [Given.Call("save_entry", $$"""{"key":"a","value":{{i}}}""")], tools, Cancellation, trajectory: $"t{i}")));
        var loaded = await Task.WhenAll(saved.Select((turn, i) => executor.ExecuteAsync(
            task, load, tools, Cancellation, turn.Calls, trajectory: $"t{i}")));
        loaded.Select(turn => turn.Calls.Single().Result).ShouldBe(Enumerable.Range(0, 10).Select(i => $"\"{i}\""));
        (await executor.ExecuteAsync(task, load, tools, Cancellation, trajectory: "another")).Calls.Single().Result.ShouldBe("null");

        var lost = await executor.ExecuteAsync(task, load, tools, Cancellation, saved[0].Calls, trajectory: "unknown");
        lost.VoidCause.ShouldNotBeNull().ShouldContain("gone");
    }

    [Fact]
    public async Task Other_tools_than_the_run_was_started_with_are_another_catalogue()
    {
        await using var servers = Servers();
        var options = Options().Tools with { CatalogueSha256 = new string('0', 64) };
        var executor = new ToolExecutor([], servers);
        var refused = await Should.ThrowAsync<ServersAwayException>(() => executor.ExecuteAsync(
            new ToolTask("q", Menu, []), [Call("echo", "x")], options, Cancellation));
        refused.Message.ShouldContain("another catalogue");
        (await Should.ThrowAsync<ServersAwayException>(() => new ToolExecutor([]).ExecuteAsync(
            new ToolTask("q", Menu, []), [Call("echo", "x")], Options().Tools, Cancellation))).Message.ShouldContain("TOOLR0_TOOLS_FILE");
    }

    [Fact]
    public async Task Calls_that_change_something_are_made_once_however_often_they_are_asked_for()
    {
        var log = Log(["count", "echo", "count"]);
        log.AfterAppend = facts => facts.Any(fact => fact.Stream == Stream) ? throw new IOException("the answer is lost") : Task.CompletedTask;
        await AskAsync(log);
        log.AfterAppend = null;
        await AskAsync(log);

        Counted.ShouldBe(["0", "2"], ignoreOrder: true);
        var executed = log.Stream(Stream)[1].ShouldBeOfType<ToolCallsExecuted>();
        executed.Samples.ShouldAllBe(sample => sample.VoidCause == null && sample.Calls.Single().Status == CallStatus.Succeeded);
        log.Stream(StreamKey.OfCalls(Run, new StreamPlace(Stream, 2)).ToString()).Count.ShouldBe(2);
    }

    [Fact]
    public async Task What_was_begun_and_not_told_is_never_made_again()
    {
        var log = Log(["count", "echo", "count"]);
        var journal = StreamKey.OfCalls(Run, new StreamPlace(Stream, 2)).ToString();
        await log.AppendAsync(Run, "c", [new FactAppend(journal, 1, new CallsBegun(Run, Stream, 2, [0, 2]))], Cancellation);
        await AskAsync(log);

        Counted.ShouldBeEmpty();
        var executed = log.Stream(Stream)[1].ShouldBeOfType<ToolCallsExecuted>();
        executed.Samples.Select(sample => sample.VoidCause).ShouldBe([VoidCauses.DeliveryUnknown, null, VoidCauses.DeliveryUnknown]);
    }

    [Fact]
    public async Task A_reply_that_was_lost_makes_its_sample_void()
    {
        var log = Log(["count"], "die");
        await AskAsync(log);
        Counted.ShouldBe(["die"]);
        log.Stream(Stream)[1].ShouldBeOfType<ToolCallsExecuted>().Samples.Single().VoidCause.ShouldNotBeNull();
    }

    private static ToolCall Call(string tool, string text) => Given.Call(tool, JsonSerializer.Serialize(new { text }));

    private RunServers Servers() => new(File, new Dictionary<string, string>());

    private Task<ToolExecutionResult> CallAsync(ToolExecutor executor, string tool, string text) => executor.ExecuteAsync(
        new ToolTask("q", Menu, []), [Call(tool, text)], Options().Tools, Cancellation, trajectory: tool + text);

    private async Task<string> DigestAsync(bool readOnly)
    {
        await using var set = await ToolServerSet.StartAsync(
            ToolSourceReader.Read(File, new Dictionary<string, string>()), Options(readOnly).Tools, Cancellation);
        return set.Catalogue.Digest;
    }

    /// <summary>A group of one call each.</summary>
    private InMemoryFactLog Log(IReadOnlyList<string> tools, string? text = null)
    {
        var log = new InMemoryFactLog();
        var task = new TaskRef("heldout/x", 0);
        var samples = tools.Select((tool, i) => new Trajectory(
            i, [], [], CompactFormat.Answer([Call(tool, text ?? $"{i}")]), FinishReason.Stop)).ToList();
        log.AppendAsync(Run, "c",
        [
            new FactAppend(Ids.RunStream(Run), 1, new RunStarted(Run, Options(), "p", [], "1")),
            new FactAppend("heldout/x", 1, new HeldOutRegistered("x", [new HeldOutItem("1", "c", new ToolTask("q", Menu, []))])),
            new FactAppend(Stream, 1, new TaskAttempted(Run, task, AttemptPurpose.Train, "p", [], samples, "")),
        ], Cancellation).Wait(Cancellation);
        return log;
    }

    private async Task AskAsync(InMemoryFactLog log)
    {
        await using var bed = await ServiceBed.StartAsync(services => services.AddToolExecution(File), bus => bus.AddToolExecutionConsumers(), log);
        await bed.AskAsync(new ExecuteToolCalls(Run, "shard/r/1/solver/0/execute/0", [new StreamPlace(Stream, 2)]));
    }
}
