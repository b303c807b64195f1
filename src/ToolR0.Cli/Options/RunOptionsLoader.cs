using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;

namespace ToolR0.Cli.Options;

/// <summary>Where a run's options come from. Later wins: preset, file, environment, flags.</summary>
public sealed record OptionSources
{
    public string? Preset { get; init; }

    /// <summary>--options: a JSON file of the shape of <see cref="RunOptions"/>.</summary>
    public string? File { get; init; }
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>--set: path=value, in order.</summary>
    public IReadOnlyList<string> Sets { get; init; } = [];
    public long? Seed { get; init; }
    public int? Iterations { get; init; }
}

/// <summary>Builds <see cref="RunOptions"/> from its sources. Does not validate ranges: that is <c>RunOptionsValidator</c>'s.</summary>
/// <param name="findPreset">Gives a preset by name, or null.</param>
public sealed class RunOptionsLoader(Func<string, RunOptions?> findPreset)
{
    public const string DefaultPreset = "nano";

    /// <exception cref="CliError">Unknown preset, missing or malformed file, unknown name, value of the wrong type.</exception>
    public RunOptions Load(OptionSources sources)
    {
        var file = sources.File is null ? null : ReadFile(sources.File);
        var environment = FromEnvironment(sources.Environment);
        var preset = sources.Preset
            ?? environment.FirstOrDefault(pair => pair.Path.Equals("preset", StringComparison.OrdinalIgnoreCase)).Value
            ?? PresetIn(file)
            ?? DefaultPreset;
        var start = findPreset(preset) ?? throw new CliError($"unknown preset '{preset}'; there are nano and paper");

        var tree = new OptionTree<RunOptions>(start with { Preset = preset });
        if (file is not null)
            tree.Overlay(file, sources.File!);
        foreach (var (path, value, variable) in environment)
            tree.Set(path, value, variable);
        foreach (var set in sources.Sets)
        {
            var at = set.IndexOf('=');
            if (at <= 0)
                throw new CliError($"--set '{set}' is not of the form path=value, e.g. --set solver.steps=10");
            tree.Set(set[..at].Trim(), set[(at + 1)..].Trim(), "--set");
        }

        tree.Set("preset", preset, "--preset");
        if (sources.Seed is { } seed)
            tree.Set("seed", seed.ToString(CultureInfo.InvariantCulture), "--seed");
        if (sources.Iterations is { } iterations)
            tree.Set("iterations", iterations.ToString(CultureInfo.InvariantCulture), "--iterations");
        return tree.Build();
    }

    private static JsonObject ReadFile(string path)
    {
        if (!File.Exists(path))
            throw new CliError($"--options {path}: there is no such file");
        try
        {
            return JsonNode.Parse(
                File.ReadAllText(path), documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })
                as JsonObject ?? throw new CliError($"--options {path}: a JSON object is expected at the top");
        }
        catch (JsonException e)
        {
            throw new CliError($"--options {path}: not JSON at line {e.LineNumber + 1}, column {e.BytePositionInLine + 1}");
        }
        catch (ArgumentException e)
        {
            throw new CliError($"--options {path}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static string? PresetIn(JsonObject? file) =>
        file?.FirstOrDefault(pair => pair.Key.Equals("preset", StringComparison.OrdinalIgnoreCase)).Value is JsonValue value && value.TryGetValue(out string? name)
            ? name
            : null;

    /// <summary>TOOLR0_SEED, TOOLR0_SOLVER__STEPS, …: two underscores go one level down; sections can not be set whole.</summary>
    private static List<(string Path, string Value, string Variable)> FromEnvironment(IReadOnlyDictionary<string, string> environment)
    {
        const string prefix = "TOOLR0_";
        var found = new List<(string, string, string)>();
        foreach (var (name, value) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            var path = name[prefix.Length..].Replace("__", ".", StringComparison.Ordinal);
            if (path.Contains('.') || (OptionJson.Find(typeof(RunOptions), path) is { } property && !OptionJson.IsSection(property.PropertyType)))
                found.Add((path, value, name));
        }

        return found;
    }
}
