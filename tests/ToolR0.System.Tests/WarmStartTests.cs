using ToolR0.SelfPlay.Options;
using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>A miniature run with a warm start, of the shipped base and with all services as they are.</summary>
public sealed class WarmStartTests(MiniatureRun miniature)
{
    private const string OptionsJson = """
        {
          "seed": 5, "iterations": 1,
          "warmStart": {
            "rounds": 2, "tasksPerTool": 0, "batchesPerStep": 4,
            "generator": { "prompts": 6, "samples": 4, "keep": 12, "fit": { "epochs": 1, "batch": 4, "learningRate": 1e-4 } },
            "solver": { "samples": 4, "keep": 24, "fit": { "epochs": 1, "batch": 4, "learningRate": 1e-4 } }
          },
          "variation": { "variants": 2, "curriculum": 0.5 },
          "generator": { "steps": 1, "promptsPerStep": 4, "groupSize": 4, "probes": 4 },
          "curriculum": { "candidates": 40, "selected": 8, "verifySamples": 4, "minAgreement": 0, "majorityFromIteration": 0 },
          "solver": { "steps": 1, "promptsPerStep": 4, "groupSize": 4 },
          "evaluation": { "sets": ["seen"], "limit": 6 }
        }
        """;

    [Fact]
    public async Task A_run_with_a_warm_start_ends_audits_reports_it_and_leaves_policies_that_say_how_they_are_asked()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var (home, environment, options) = await miniature.NewHomeAsync(OptionsJson);

        await Product.PlayAndAuditAsync(environment, "warm", options);

        var report = await File.ReadAllTextAsync(Path.Combine(home, "runs", "warm", "report.html"), cancellation);
        report.ShouldContain("<h2>Warm start</h2>");
        var solver = MiniatureRun.SummaryIn(home, "warm").GetProperty("policySha256").GetProperty("solver").GetString()!;
        TrainedWith.Read(Path.Combine(home, "policies", solver)).ShouldNotBeNull().Preset.ShouldBe("nano");
        PrivateServers.Remove(home);
    }
}
