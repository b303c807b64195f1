using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.Options;

/// <summary>Where a run's options come from. Later wins: preset, file, environment, flags.</summary>
public sealed record OptionSources
{
    /// <summary>--preset.</summary>
    public string? Preset { get; init; }

    /// <summary>--options: a JSON file of the shape of <see cref="RunOptions"/>.</summary>
    public string? File { get; init; }
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>--set: path=value, in order.</summary>
    public IReadOnlyList<string> Sets { get; init; } = [];
    public long? Seed { get; init; }
    public int? Iterations { get; init; }

    /// <summary>What a policy's folder says: its preset and prompts, where no preset is named.</summary>
    public TrainedWith? Trained { get; init; }

    /// <summary>Where neither a flag nor the file nor the environment names one.</summary>
    public string DefaultPreset { get; init; } = RunOptionsLoader.DefaultPreset;
}

/// <summary>Builds valid <see cref="RunOptions"/> from their sources.</summary>
public static class RunOptionsLoader
{
    public const string DefaultPreset = "nano";

    /// <param name="presets">By name.</param>
    /// <exception cref="UserErrorException">One line that names what is wrong and where it stands: preset, file, name, type or range.</exception>
    public static RunOptions Load(OptionSources sources, IReadOnlyDictionary<string, RunOptions> presets)
    {
        var environment = FromEnvironment(sources.Environment);
        var preset = sources.Preset ?? environment.LastOrDefault(v => v.Path.Equals("preset", StringComparison.OrdinalIgnoreCase)).Value;
        var options = sources.File is { } file
            ? From(file, () => RunOptionsJson.Load(Read(file), presets, sources.DefaultPreset, preset))
            : From("--preset", () => RunOptionsJson.Load("{}", presets, preset ?? sources.DefaultPreset));

        if (sources is { Trained: { } trained, File: null } && preset is null)
            options = trained.Apply(options, presets);
        foreach (var (path, value, variable) in environment.Where(v => !v.Path.Equals("preset", StringComparison.OrdinalIgnoreCase)))
            options = From(variable, () => RunOptionsJson.Set(options, path, value));
        foreach (var set in sources.Sets)
        {
            var at = set.IndexOf('=');
            if (at <= 0)
                throw new UserErrorException($"--set {set}: must be of the form path=value, e.g. --set solver.steps=10");
            options = From("--set", () => RunOptionsJson.Set(options, set[..at].Trim(), set[(at + 1)..]));
        }

        options = options with { Seed = sources.Seed ?? options.Seed, Iterations = sources.Iterations ?? options.Iterations };
        var problems = new RunOptionsValidator().Validate(options).Errors;
        return problems.Count == 0 ? options : throw new UserErrorException(string.Join("; ", problems.Select(problem => problem.ErrorMessage)));
    }

    private static RunOptions From(string source, Func<RunOptions> read)
    {
        try
        {
            return read();
        }
        catch (OptionsException e)
        {
            throw new UserErrorException($"{source}: {e.Message}");
        }
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--options {path}: {(File.Exists(path) ? "cannot be read" : "there is no such file")}");
        }
    }

    /// <summary>TOOLR0_SEED, TOOLR0_SOLVER__STEPS, …: two underscores go one level down. Other variables of that prefix are settings, not
    /// options.</summary>
    private static List<(string Path, string Value, string Variable)> FromEnvironment(IReadOnlyDictionary<string, string> environment)
    {
        var top = RunOptionsJson.Paths().Where(path => !path.Contains('.')).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return [.. environment
            .Where(variable => variable.Key.StartsWith(EnvironmentNames.Prefix, StringComparison.Ordinal))
            .Select(variable => (Path: EnvironmentNames.PathOf(variable.Key), variable.Value, Variable: variable.Key))
            .Where(variable => variable.Path.Contains('.') || top.Contains(variable.Path))
            .OrderBy(variable => variable.Variable, StringComparer.Ordinal)];
    }
}
