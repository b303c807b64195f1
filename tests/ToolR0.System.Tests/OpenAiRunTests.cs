using System.Text.Json;
using ToolR0.Policies;
using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>A miniature run that samples nothing itself: each role's completions come from a server with OpenAI's interface.</summary>
public sealed class OpenAiRunTests(MiniatureRun miniature)
{
    [Fact]
    public async Task A_run_through_outside_servers_ends_and_audits_though_requests_fail()
    {
        var cancellation = TestContext.Current.CancellationToken;
        TorchRuntime.Configure(1);
        var folder = Path.Combine(Path.GetDirectoryName(Product.Command)!, "assets", "base-nano");
        using var policy = Policy.Load(folder);
        using var generator = new ConformingServer(policy);
        using var solver = new ConformingServer(policy) { Tells = Tells.TokenNames };
        int[] faults = [500, 0, 503];
        foreach (var fault in faults)
        {
            generator.Faults.Enqueue(fault);
            solver.Faults.Enqueue(fault);
        }

        var home = PrivateServers.NewHome();
        Directory.CreateDirectory(home);
        var options = Path.Combine(home, "options.json");
        await File.WriteAllTextAsync(options, OptionsJson(generator.Root, solver.Root), cancellation);
        var environment = new Dictionary<string, string> { ["TOOLR0_HOME"] = home, ["TOOLR0_POSTGRES"] = await miniature.CreateDatabaseAsync() };

        await Product.PlayAndAuditAsync(environment, "served", options);

        // Every completion was asked for, every failed request again, and no failure became a sample.
        var events = await ExportAsync(environment, home);
        int[] asked = [SamplesOf("tasks_proposed"), SamplesOf("task_attempted")];
        generator.Requests.Count.ShouldBeGreaterThanOrEqualTo(asked[0] + faults.Length);
        solver.Requests.Count.ShouldBeGreaterThanOrEqualTo(asked[1] + faults.Length);
        asked.ShouldAllBe(count => count > 50);
        (generator.Faults.Count + solver.Faults.Count).ShouldBe(0);
        events.Where(e => e.Type is "tasks_proposed" or "task_attempted").SelectMany(e => e.Data.GetProperty("samples").EnumerateArray())
            .Count(sample => sample.GetProperty("finish").ToString().Equals("void", StringComparison.OrdinalIgnoreCase)
                || sample.TryGetProperty("reencoded", out _)).ShouldBe(0);

        // Each server was told of every policy of its role, the last one among them, and of no other role's; never while it was answering.
        var policies = MiniatureRun.SummaryIn(home, "served").GetProperty("policySha256");
        foreach (var (server, role) in new[] { (generator, "generator"), (solver, "solver") })
        {
            server.ReloadedInUse.ShouldBeFalse();
            server.Reloads.ShouldAllBe(reload => (string)reload["role"]! == role);
            var served = server.Reloads.Select(reload => (string)reload["policy"]!).ToHashSet();
            served.ShouldContain(Policy.HashOf(folder));
            served.ShouldContain(policies.GetProperty(role).GetString()!);
        }

        var steps = events.Where(e => e.Type == "policy_updated").Select(e => e.Data.GetProperty("metrics")).ToList();
        steps.Count.ShouldBe(5);
        // The server computes what the learner does, up to rounding: the importance of a token is 1.
        steps.Where(m => m.GetProperty("skipped").GetDouble() == 0).ShouldAllBe(m => Math.Abs(m.GetProperty("ratioMean").GetDouble() - 1) < 1e-3);
        steps.ShouldContain(m => m.GetProperty("skipped").GetDouble() == 0);

        var eval = await Product.Toolr0Async(environment, "eval", "--policy", policies.GetProperty("solver").GetString()!, "--options", options,
            "--limit", "6", "--json");
        eval.ExitCode.ShouldBe(0, eval.Errors);
        JsonDocument.Parse(eval.Output).RootElement.GetProperty("sets").GetProperty("seen").GetProperty("exact").GetDouble()
            .ShouldBe(MiniatureRun.SummaryIn(home, "served").GetProperty("heldOut").GetProperty("seen").EnumerateArray().Last().GetDouble(), 1e-9);
        solver.Requests.Count.ShouldBeGreaterThanOrEqualTo(asked[1] + faults.Length + 6);
        PrivateServers.Remove(home);

        int SamplesOf(string type) => events.Where(e => e.Type == type).Sum(e => e.Data.GetProperty("samples").GetArrayLength());
    }

    private static string OptionsJson(string generator, string solver) => $$"""
        {
          "seed": 12, "iterations": 1,
          "generator": { "steps": 2, "promptsPerStep": 4, "groupSize": 4, "probes": 2 },
          "curriculum": { "candidates": 40, "selected": 12, "verifySamples": 2, "minAgreement": 0, "majorityFromIteration": 0 },
          "solver": { "steps": 3, "promptsPerStep": 4, "groupSize": 4 },
          "evaluation": { "sets": ["seen"], "limit": 6 },
          "inference": {
            "engine": "openAi", "timeoutSeconds": 15, "concurrency": 8, "processedLogProbs": true,
            "generator": { "url": "{{generator}}/v1", "model": "generator", "reloadUrl": "{{generator}}/reload" },
            "solver": { "url": "{{solver}}/v1", "model": "solver-{policy}", "reloadUrl": "{{solver}}/reload" }
          }
        }
        """;

    private static async Task<List<(string Type, JsonElement Data)>> ExportAsync(Dictionary<string, string> environment, string home)
    {
        var path = Path.Combine(home, "events.jsonl");
        (await Product.Toolr0Async(environment, "export", "served", "--out", path)).ExitCode.ShouldBe(0);
        return [.. File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement)
            .Select(e => (e.GetProperty("type").GetString()!, e.GetProperty("data")))];
    }
}
