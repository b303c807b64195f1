using System.Text.Json;
using ToolR0.Testing;

[assembly: AssemblyFixture(typeof(ToolR0.System.Tests.MiniatureRun))]

namespace ToolR0.System.Tests;

/// <summary>
/// A miniature of the nano run, played once in one process with the bus in memory: what runs on the stack, interrupted runs and altered facts are
/// compared with.
/// </summary>
public sealed class MiniatureRun : IAsyncLifetime
{
    public const string Name = "miniature";
    private readonly PostgresFixture _postgres = new();

    /// <summary>Options that make every phase short and no phase empty.</summary>
    public static string OptionsJson { get; } = """
        {
          "seed": 11, "iterations": 2,
          "generator": { "steps": 2, "promptsPerStep": 4, "groupSize": 4, "probes": 4 },
          "curriculum": { "candidates": 40, "selected": 12, "verifySamples": 4, "minAgreement": 0, "majorityFromIteration": 0 },
          "solver": { "steps": 3, "promptsPerStep": 4, "groupSize": 4 },
          "evaluation": { "limit": 6 }
        }
        """;

    /// <summary>A folder of the test's own, gone afterwards.</summary>
    public string Home { get; } = PrivateServers.NewHome();

    public string ConnectionString => _postgres.ConnectionString;

    public string OptionsFile => Path.Combine(Home, "options.json");

    public Outcome Outcome { get; private set; } = new(-1, "", "not run");

    /// <summary>summary.json.</summary>
    public JsonElement Summary { get; private set; }

    public Dictionary<string, string> Environment => new() { ["TOOLR0_HOME"] = Home, ["TOOLR0_POSTGRES"] = ConnectionString };

    public async ValueTask InitializeAsync()
    {
        await _postgres.InitializeAsync();
        Directory.CreateDirectory(Home);
        await File.WriteAllTextAsync(OptionsFile, OptionsJson);
        Outcome = await Product.Toolr0Async(Environment, "run", "--run", Name, "--options", OptionsFile);
        if (Outcome.ExitCode != 0)
            throw new InvalidOperationException($"the miniature run ended with code {Outcome.ExitCode}: {Outcome.Errors}\n{Outcome.Output}");
        Summary = SummaryIn(Home, Name);
    }

    public async ValueTask DisposeAsync()
    {
        await _postgres.DisposeAsync();
        PrivateServers.Remove(Home);
    }

    /// <summary>An empty database beside the miniature's.</summary>
    public Task<string> CreateDatabaseAsync() => _postgres.CreateDatabaseAsync();

    /// <summary>A folder, a database and a file of options for another run.</summary>
    public async Task<(string Home, IReadOnlyDictionary<string, string> Environment, string Options)> NewHomeAsync(string optionsJson)
    {
        var home = PrivateServers.NewHome();
        Directory.CreateDirectory(home);
        var options = Path.Combine(home, "options.json");
        await File.WriteAllTextAsync(options, optionsJson, TestContext.Current.CancellationToken);
        return (home, new Dictionary<string, string> { ["TOOLR0_HOME"] = home, ["TOOLR0_POSTGRES"] = await CreateDatabaseAsync() }, options);
    }

    public static JsonElement SummaryIn(string home, string run) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(home, "runs", run, "summary.json"))).RootElement;

    /// <summary>What must not depend on how a run was played.</summary>
    public static string Identity(JsonElement summary) =>
        string.Join(' ', ((string[])["curriculumSha256", "policySha256", "heldOut", "seed"]).Select(name => summary.GetProperty(name).ToString()));
}
