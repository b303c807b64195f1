using System.Text.Json;
using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>A study with real processes, killed in the middle.</summary>
public sealed class StudyTests : IAsyncLifetime
{
    private const string Study = """
        {
          "name": "tiny", "asks": "Does a killed study go on?", "preset": "nano-study", "bases": ["base-nano"], "seeds": [1], "reference": "full",
          "set": {
            "iterations": 1, "generator.steps": 1, "generator.promptsPerStep": 4, "generator.groupSize": 4,
            "solver.steps": 2, "solver.promptsPerStep": 4,
            "curriculum.candidates": 40, "curriculum.minAgreement": 0, "evaluation.limit": 6
          },
          "arms": [
            { "name": "full", "says": "all" },
            { "name": "shared", "says": "one policy", "set": { "sharedWeights": true } },
            { "name": "impossible", "says": "no menu is so large", "set": { "curriculum.minDistinctTools": 99 } }
          ]
        }
        """;

    private readonly PostgresFixture _postgres = new();
    private readonly string _home = PrivateServers.NewHome();

    public async ValueTask InitializeAsync()
    {
        await _postgres.InitializeAsync();
        Directory.CreateDirectory(_home);
        await File.WriteAllTextAsync(Path.Combine(_home, "tiny.json"), Study);
    }

    public async ValueTask DisposeAsync()
    {
        await _postgres.DisposeAsync();
        PrivateServers.Remove(_home);
    }

    [Fact]
    public async Task A_killed_study_goes_on_and_a_failed_run_is_reported()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var environment = new Dictionary<string, string> { ["TOOLR0_HOME"] = _home, ["TOOLR0_POSTGRES"] = _postgres.ConnectionString };
        string[] arguments = ["study", Path.Combine(_home, "tiny.json"), "--parallel", "1"];
        using (var first = Product.Start("dotnet", environment, [Product.Command, .. arguments]))
        {
            while (await first.StandardOutput.ReadLineAsync(cancellation) is { } line && !line.StartsWith("[  1/3]", StringComparison.Ordinal))
            {
                // Until one run is over and the next has begun.
            }

            first.Kill();
        }

        var second = await Product.Toolr0Async(environment, arguments);
        second.ExitCode.ShouldBe(1, second.Errors);
        second.ErrorLines.ShouldBe(["toolr0: 1 of 3 runs failed and are left out; the same command goes on with them"]);
        second.Output.ShouldMatch(@"\[  1/3\]  full .*\(was in the store\)");
        second.Output.ShouldContain("FAILED: the curriculum of iteration 1 is empty");

        var folder = Path.Combine(_home, "studies", "tiny");
        File.ReadAllText(Path.Combine(folder, "study.md")).ShouldContain("2 of 3 runs completed");
        File.Exists(Path.Combine(folder, "plot.svg")).ShouldBeTrue();
        var runs = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "study.json"))).RootElement.GetProperty("runs");
        foreach (var run in runs.EnumerateArray().Take(2))
        {
            run.GetProperty("coreSeconds").GetDouble().ShouldBeGreaterThan(0);
            run.GetProperty("accuracy").GetProperty("seen").GetArrayLength().ShouldBe(2);
            var audit = await Product.Toolr0Async(
                new Dictionary<string, string>(
                    environment)
                { ["TOOLR0_HOME"] = Path.Combine(_home, "studies", "runs", run.GetProperty("run").GetString()!) },
                "audit",
                run.GetProperty("run").GetString()!);
            audit.ExitCode.ShouldBe(0, audit.Output + audit.Errors);
        }
    }
}
