using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>A miniature run of several turns, with all services as they are.</summary>
public sealed class ActingRunTests(MiniatureRun miniature)
{
    private const string OptionsJson = """
        {
          "seed": 3, "iterations": 1,
          "generator": { "steps": 1, "promptsPerStep": 6, "groupSize": 4, "probes": 4 },
          "curriculum": { "candidates": 48, "selected": 12, "verifySamples": 4, "minAgreement": 0, "majorityFromIteration": 0 },
          "solver": { "steps": 2, "promptsPerStep": 4, "groupSize": 4 },
          "evaluation": { "sets": ["chained", "refusal"], "limit": 10 }
        }
        """;

    [Fact]
    public async Task A_run_of_several_turns_ends_and_audits()
    {
        var (home, environment, options) = await miniature.NewHomeAsync(OptionsJson);

        await Product.PlayAndAuditAsync(environment, "acting", options, "--preset", "nano-agent", "--set", "learning.klWeight=0.01");

        var facts = await Product.Toolr0Async(environment, "replay", "acting", "--all");
        facts.Output.ShouldMatch("turn 2 of [1-9]");
        facts.Output.ShouldMatch("turn 3 of [1-9]");
        PrivateServers.Remove(home);
    }
}
