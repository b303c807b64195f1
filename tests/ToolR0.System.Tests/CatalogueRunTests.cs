using ToolR0.Testing;

namespace ToolR0.System.Tests;

/// <summary>A miniature run over menus of a catalogue, of the shipped base and with all services as they are.</summary>
public sealed class CatalogueRunTests(MiniatureRun miniature)
{
    private const string OptionsJson = """
        {
          "seed": 5, "iterations": 1,
          "specs": {
            "menu": "mixed",
            "catalogue": [
              { "server": "clockserver", "tool": { "name": "zone_time", "description": "Time in a zone.",
                "parameters": [{ "name": "zone", "type": "string", "description": "" }], "required": ["zone"] } },
              { "server": "clockserver", "tool": { "name": "add_minutes", "description": "Adds minutes.",
                "parameters": [{ "name": "time", "type": "string", "description": "" }, { "name": "minutes", "type": "integer", "description": "" }],
                "required": ["time", "minutes"] } },
              { "server": "fileserver", "tool": { "name": "file_size", "description": "Size of a file.",
                "parameters": [{ "name": "path", "type": "string", "description": "" }], "required": ["path"] } }
            ]
          },
          "generator": { "steps": 1, "promptsPerStep": 8, "groupSize": 4, "probes": 4 },
          "curriculum": { "candidates": 40, "selected": 8, "verifySamples": 4, "minAgreement": 0, "majorityFromIteration": 0 },
          "solver": { "steps": 1, "promptsPerStep": 4, "groupSize": 4 },
          "evaluation": { "sets": ["seen"], "limit": 6 }
        }
        """;

    [Fact]
    public async Task A_run_draws_half_of_its_menus_from_the_catalogue_ends_and_audits()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var home = PrivateServers.NewHome();
        Directory.CreateDirectory(home);
        var environment = new Dictionary<string, string> { ["TOOLR0_HOME"] = home, ["TOOLR0_POSTGRES"] = await miniature.CreateDatabaseAsync() };
        var options = Path.Combine(home, "options.json");
        await File.WriteAllTextAsync(options, OptionsJson, cancellation);

        await Product.PlayAndAuditAsync(environment, "menus", options);

        var facts = await Product.Toolr0Async(environment, "replay", "menus", "--all");
        facts.Output.ShouldContain("tasks proposed (clockserver");
        PrivateServers.Remove(home);
    }
}
