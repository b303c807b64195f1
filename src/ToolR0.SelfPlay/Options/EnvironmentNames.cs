namespace ToolR0.SelfPlay.Options;

/// <summary>
/// The variables that begin with TOOLR0_: settings of a process, and options of a run by their path (TOOLR0_SOLVER__STEPS). A name that is neither
/// says nothing to anybody, and is most likely misspelled.
/// </summary>
public static class EnvironmentNames
{
    public const string Prefix = "TOOLR0_";

    /// <summary>For the tests, whichever they are.</summary>
    private const string ForTests = Prefix + "TEST_";

    /// <summary>Settings of the commands, the services, the scripts in infra/ and the containers.</summary>
    private static readonly string[] Settings =
    [
        "HOME", "BUS", "POSTGRES", "POSTGRES_USER", "POSTGRES_PASSWORD", "RABBITMQ", "RABBITMQ_USER", "RABBITMQ_PASSWORD", "WORKERS", "DEVICE",
        "TRACE", "LOG", "LOG_LEVEL", "HEALTH_PORT", "HEALTH_HOST", "COMMAND", "COPY_OUT", "BENCHMARKS", "CONFIGURATION", "POSTGRES_OPTIONS",
        "SKIP_BUILD", "TORCH_BACKEND", "GPUS", "VERSION", "RELOAD_COMMAND", "ROLE", "POLICY", "MODEL", "FOLDER", "PRESET", "TOOLS_FILE",
    ];

    /// <summary>The option that a variable gives: two underscores go one level down.</summary>
    public static string PathOf(string variable) => variable[Prefix.Length..].Replace("__", ".", StringComparison.Ordinal);

    /// <summary>One line per variable that is not known, with the nearest that is, in the order of their names.</summary>
    public static IReadOnlyList<string> Unknown(IReadOnlyDictionary<string, string> environment)
    {
        var unknown = environment.Keys.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && !IsKnown(name))
            .Order(StringComparer.Ordinal).ToList();
        if (unknown.Count == 0)
            return [];
        string[] known = [.. Settings.Select(setting => Prefix + setting), .. RunOptionsJson.Paths().Select(Variable)];
        return [.. unknown.Select(name => $"{name} is not a setting or option; the nearest is {Spelling.Nearest(known, name, 1).First()}")];
    }

    private static bool IsKnown(string variable) =>
        Settings.Contains(variable[Prefix.Length..], StringComparer.Ordinal) || variable.StartsWith(ForTests, StringComparison.Ordinal)
        || RunOptionsJson.Has(PathOf(variable));

    /// <summary>solver.learningRate -> TOOLR0_SOLVER__LEARNINGRATE.</summary>
    private static string Variable(string path) => Prefix + path.Replace(".", "__", StringComparison.Ordinal).ToUpperInvariant();
}
