using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Configuration;
using ToolR0.ToolServers.Reports;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.ToolServers.Tests;

/// <summary>Genuine servers from npm, installed once into the test's home folder; skipped where npm is absent or its registry is out of
/// reach.</summary>
public sealed class GenuineServers : IAsyncLifetime
{
    private const string Version = "2026.8.31";
    private static readonly string[] Packages = ["server-everything", "server-filesystem", "server-memory"];

    private readonly string _folder = Path.Combine(
        Environment.GetEnvironmentVariable("TOOLR0_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(OutsideTools.RepositoryRoot, ".toolr0", "test"),
        "tool-servers");

    /// <summary>Why they are not there; empty where they are.</summary>
    public string Missing { get; private set; } = "";

    public string Script(string package)
    {
        Assert.SkipWhen(Missing.Length > 0, Missing);
        return Path.Combine(_folder, "node_modules", "@modelcontextprotocol", package, "dist", "index.js");
    }

    public async ValueTask InitializeAsync()
    {
        if (Packages.All(package => File.Exists(Script(package))))
            return;
        Directory.CreateDirectory(_folder);
        try
        {
            List<string> words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", _folder];
            using var npm = Process.Start(new ProcessStartInfo("npm", [.. words, .. Packages.Select(p => $"@modelcontextprotocol/{p}@{Version}")])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
            await npm.WaitForExitAsync(limit.Token);
            if (npm.ExitCode != 0)
                Missing = $"npm install ended with code {npm.ExitCode}";
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or OperationCanceledException)
        {
            Missing = $"npm is absent or too slow: {e.Message}";
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>List, check and call against them.</summary>
public sealed class GenuineServerTests(GenuineServers servers) : IClassFixture<GenuineServers>, IDisposable
{
    private static readonly ToolOptions All = Servers.Options with { ReadOnlyOnly = false, MemoryMegabytes = 1024 };

    private readonly string _folder = Directory.CreateTempSubdirectory("toolr0-genuine-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task All_three_are_listed_checked_and_called_and_leave_no_process()
    {
        var source = ToolSourceReader.Read(Configuration(), new Dictionary<string, string>());
        int[] processes;
        await using (var set = await ToolServerSet.StartAsync(source, All, Cancellation))
        {
            set.Servers.ShouldAllBe(state => state.Reason == "");
            set.Servers.Select(state => state.Offered).ShouldBe([13, 14, 9]);
            set.Catalogue.Refused.Select(tool => tool.Name).ShouldBe(["simulate-research-query"]);
            set.Catalogue.Tools.Count.ShouldBe(35);
            processes = [.. set.Servers.SelectMany(state => state.Session!.Processes)];
            processes.Length.ShouldBeGreaterThanOrEqualTo(3);

            (await CallAsync(set, "get-sum", """{"a":"1","b":2.5}""")).ShouldSatisfyAllConditions(
                sum => sum.Text.ShouldBe("The sum of 1 and 2.5 is 3.5."),
                sum => sum.Repairs.ShouldHaveSingleItem());
            (await CallAsync(set, "get-tiny-image", "{}")).Text.ShouldContain("[image image/png,");
            (await CallAsync(set, "get-env", "{}")).Text.ShouldNotContain("TOOLR0_");
            File.WriteAllText(Path.Combine(_folder, "a.txt"), "line1\nline2 é\n");
            var path = JsonSerializer.Serialize(Path.Combine(_folder, "a.txt"));
            (await CallAsync(set, "read_text_file", $$"""{"path":{{path}}}""")).Text.ShouldBe("line1\nline2 é\n");
            (await CallAsync(set, "read_text_file", """{"path":"/etc/hostname"}""")).ShouldSatisfyAllConditions(
                outside => outside.Fault.ShouldBe(CallFault.Model),
                outside => outside.Error.ShouldContain("Access denied"));
            (await CallAsync(set, "read_text_file", "{}")).Error.ShouldContain("/path: is missing");
            (await CallAsync(set, "create_entities", """{"entities":[{"name":"Ann","entityType":"person","observations":["likes tea"]}]}"""))
                .Fault.ShouldBe(CallFault.None);
            (await CallAsync(set, "read_graph", "{}")).Text.ShouldContain("likes tea");
        }

        processes.Where(Servers.IsAlive).ShouldBeEmpty();
    }

    [Fact]
    public async Task Everything_is_reached_over_streamable_http()
    {
        var script = servers.Script("server-everything");
        var port = FreePort();
        var start = new ProcessStartInfo("node", [script, "streamableHttp"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PORT"] = $"{port}";
        using var server = Process.Start(start)!;
        try
        {
            for (var i = 0; i < 100 && !Answers(port); i++)
                await Task.Delay(100, Cancellation);
            var address = new Uri($"http://127.0.0.1:{port}/mcp");
            var definition = new ServerDefinition("everything") { Transport = ServerTransport.Http, Endpoint = address };
            await using var session = await ToolSession.StartAsync(definition, All, Cancellation);
            (await session.ListToolsAsync(Cancellation)).Tools.Count.ShouldBe(13);
            (await session.CallAsync("echo", Servers.Json("""{"message":"over http"}"""), Cancellation)).Text.ShouldBe("Echo: over http");
            server.Kill();
            var lost = await session.CallAsync("echo", Servers.Json("""{"message":"x"}"""), Cancellation);
            lost.Fault.ShouldBe(CallFault.Infrastructure);
        }
        finally
        {
            server.Kill();
        }
    }

    [Fact]
    public async Task The_report_shows_what_is_used_and_why_not()
    {
        var text = new StringWriter();
        var report = new ToolReport(Configuration(), Servers.Options, json: false, new Dictionary<string, string>(), text);
        (await report.CheckAsync(Cancellation)).ShouldBe(0);
        text.ToString().ShouldContain("write_file");
        text.ToString().ShouldContain("it does not say that it is read-only (tools.readOnlyOnly=false takes it)");
        text.ToString().ShouldContain("tools used");
    }

    private static Task<CallResult> CallAsync(ToolServerSet set, string name, string arguments) =>
        set.CallAsync(name, Servers.Json(arguments), Cancellation);

    private string Configuration()
    {
        var file = Path.Combine(_folder, "mcp.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            mcpServers = new
            {
                everything = new { command = "node", args = new[] { servers.Script("server-everything") } },
                files = new { command = "node", args = new[] { servers.Script("server-filesystem"), _folder } },
                memory = new
                {
                    command = "node",
                    args = new[] { servers.Script("server-memory") },
                    env = new Dictionary<string, string> { ["MEMORY_FILE_PATH"] = Path.Combine(_folder, "memory.jsonl") },
                },
            },
        }));
        return file;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool Answers(int port)
    {
        try
        {
            using var client = new TcpClient("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
