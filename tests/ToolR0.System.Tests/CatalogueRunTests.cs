using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>A miniature run over menus of a server's tools, of the shipped base and with all services as they are.</summary>
public sealed class CatalogueRunTests(MiniatureRun miniature)
{
    private const string OptionsJson = """
        {
          "seed": 5, "iterations": 1,
          "generator": { "steps": 1, "promptsPerStep": 8, "groupSize": 4, "probes": 4 },
          "curriculum": { "candidates": 40, "selected": 8, "verifySamples": 4, "minAgreement": 0, "majorityFromIteration": 0 },
          "solver": { "steps": 1, "promptsPerStep": 4, "groupSize": 4 },
          "evaluation": { "sets": ["seen"], "limit": 6 }
        }
        """;

    [Fact]
    public async Task A_run_on_the_tools_of_a_server_ends_and_audits_without_the_server()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var (home, environment, options) = await miniature.NewHomeAsync(OptionsJson);

        var tools = Path.Combine(home, "mcp.json");
        await File.WriteAllTextAsync(tools, $$"""
            { "mcpServers": { "tinyworld": { "command": "dotnet", "args": ["{{Product.Command}}", "tools", "serve-world"] } } }
            """, cancellation);

        var errors = await Product.PlayAndAuditAsync(
            environment, "menus", options, "--tools", tools, "--set", "specs.menu=mixed", "--set", "solver.maxTurns=2");
        errors.ShouldContain("menus are drawn from");

        var facts = await Product.Toolr0Async(environment, "replay", "menus", "--all");
        facts.Output.ShouldContain("tasks proposed (tinyworld");

        // What it calls must be told again where it goes on, before anything waits for it.
        var without = await Product.Toolr0Async(environment, "run", "--run", "none", "--options", options, "--set", "tools.execute=true");
        without.ExitCode.ShouldNotBe(0);
        without.Errors.ShouldContain("run 'none' calls its tools: say where their servers are, with --tools FILE");
        PrivateServers.Remove(home);
    }
}
