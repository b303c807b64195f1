using System.Diagnostics;
using System.Net;
using System.Text.Json;
using ToolR0.Testing;

namespace ToolR0.ServiceDefaults.Tests;

/// <summary>Each service's own program, as its container starts it, against a real PostgreSQL and a real RabbitMQ.</summary>
public sealed class ServiceProgramTests(PostgresFixture postgres, RabbitMqFixture rabbitMq)
    : IClassFixture<PostgresFixture>, IClassFixture<RabbitMqFixture>
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };

    public static TheoryData<string> Services { get; } = ["Coordinator", "TaskGeneration", "Solving", "ToolExecution", "RewardScoring", "Learning"];

    [Theory]
    [MemberData(nameof(Services))]
    public async Task It_starts_says_that_it_is_ready_and_ends_on_a_signal(string service)
    {
        var port = LocalServer.FreePort();
        var home = PrivateServers.NewHome();
        using var process = Start(service, new()
        {
            ["TOOLR0_POSTGRES"] = postgres.ConnectionString,
            ["TOOLR0_RABBITMQ"] = rabbitMq.Address,
            ["TOOLR0_HOME"] = home,
            ["TOOLR0_HEALTH_PORT"] = port.ToString(),
            ["TOOLR0_WORKERS"] = "1",
        });
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var (status, body) = await UntilReadyAsync(process, port);
        status.ShouldBe(HttpStatusCode.OK, body);
        var report = JsonDocument.Parse(body).RootElement;
        report.GetProperty("status").GetString().ShouldBe("ready");
        report.GetProperty("bus").GetBoolean().ShouldBeTrue();
        report.GetProperty("store").GetBoolean().ShouldBeTrue();
        body.ShouldNotContain("127.0.0.1");
        body.ShouldNotContain("assword");
        (await Http.GetAsync($"http://127.0.0.1:{port}/health/live", TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Http.GetAsync($"http://127.0.0.1:{port}/", TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        PrivateServers.Run("healthy.sh", port.ToString());

        Process.Start("kill", ["-TERM", process.Id.ToString()])!.WaitForExit();
        (await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).ShouldContain("ready on amqp://");
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(0, await errors);
        (await errors).ShouldBeEmpty();
        PrivateServers.Remove(home);
    }

    [Fact]
    public async Task Without_a_store_it_ends_with_one_line_that_names_the_setting()
    {
        using var process = Start("RewardScoring", []);
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(1);
        error.Trim().ShouldStartWith("reward-scoring: ");
        error.Trim().ShouldNotContain('\n');
        error.ShouldContain("TOOLR0_POSTGRES");
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("RewardScoring")]
    [InlineData("ToolExecution")]
    public void A_service_that_runs_no_policy_carries_no_libtorch(string service)
    {
        var files = Directory.GetFiles(Folder(service), "*", SearchOption.AllDirectories).Select(Path.GetFileName).ToList();
        files.ShouldContain($"ToolR0.{service}.dll");
        files.ShouldNotContain(name => name!.Contains("torch", StringComparison.OrdinalIgnoreCase));
        files.ShouldNotContain("ToolR0.Policies.dll");
    }

    private static string Folder(string service)
    {
        var configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}") ? "Release"
            : "Debug";
        return Path.Combine(PrivateServers.RepositoryRoot, "src", $"ToolR0.{service}", "bin", configuration, "net10.0");
    }

    private static Process Start(string service, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(Folder(service), $"ToolR0.{service}.dll")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("TOOLR0_", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static async Task<(HttpStatusCode Status, string Body)> UntilReadyAsync(Process process, int port)
    {
        var until = DateTime.UtcNow + TimeSpan.FromSeconds(90);
        while (true)
        {
            try
            {
                var answer = await Http.GetAsync($"http://127.0.0.1:{port}/health/ready", TestContext.Current.CancellationToken);
                var body = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                if (answer.IsSuccessStatusCode || DateTime.UtcNow > until)
                    return (answer.StatusCode, body);
                answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException && DateTime.UtcNow < until && !process.HasExited)
            {
                // It does not listen yet.
            }

            await Task.Delay(200, TestContext.Current.CancellationToken);
        }
    }
}
