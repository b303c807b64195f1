
using ToolR0.Contracts;
using ToolR0.Messaging;

namespace ToolR0.ServiceDefaults;

/// <summary>What a process connects to and where it keeps files; nothing here changes a run's result.</summary>
/// <param name="Home">Absolute path of the state folder.</param>
/// <param name="Postgres">Npgsql connection string, null when none was given.</param>
/// <param name="Workers">Model computations side by side.</param>
public sealed record Settings(string Home, string? Postgres, BusOptions Bus, WorkerOptions Workers)
{
    public string PoliciesFolder => Path.Combine(Home, "policies");

    /// <summary>From flags, else the environment (TOOLR0_HOME, TOOLR0_POSTGRES, TOOLR0_BUS, TOOLR0_RABBITMQ, TOOLR0_WORKERS), else defaults.</summary>
    /// <param name="defaultBus">When neither says which.</param>
    /// <exception cref="UserErrorException">A value that is none.</exception>
    public static Settings Read(
        string? home, string? postgres, string? bus, string? rabbitMq, IReadOnlyDictionary<string, string> environment, BusKind defaultBus = BusKind.Memory)
    {
        string? From(string? flag, string variable) =>
            !string.IsNullOrWhiteSpace(flag) ? flag : environment.TryGetValue(variable, out var value) && !string.IsNullOrWhiteSpace(value) ? value : null;

        var workers = From(null, "TOOLR0_WORKERS") is not { } text ? WorkerOptions.Default
            : int.TryParse(text, out var count) && count is >= 1 and <= 1024 ? new WorkerOptions(count)
            : throw new UserErrorException($"TOOLR0_WORKERS is '{text}': it must be a number from 1 to 1024");
        var kind = From(bus, "TOOLR0_BUS") ?? (defaultBus == BusKind.RabbitMq || !string.IsNullOrWhiteSpace(rabbitMq) ? "rabbitmq" : "memory");
        try
        {
            var options = BusOptions.Parse(kind, From(rabbitMq, "TOOLR0_RABBITMQ"));
            return new Settings(Path.GetFullPath(From(home, "TOOLR0_HOME") ?? ".toolr0"), From(postgres, "TOOLR0_POSTGRES"), options, workers);
        }
        catch (FormatException e)
        {
            throw new UserErrorException($"{e.Message} (--bus, --rabbitmq or TOOLR0_BUS, TOOLR0_RABBITMQ)");
        }
    }

    /// <summary>The connection string, or the error that none was given.</summary>
    public string RequirePostgres() =>
        Postgres ?? throw new UserErrorException("no PostgreSQL was given (--postgres or TOOLR0_POSTGRES); infra/toolr0 starts a private one");

    public string RunFolder(string run) => Path.Combine(Home, "runs", run);

    /// <summary>The process's environment variables.</summary>
    public static IReadOnlyDictionary<string, string> ProcessEnvironment() =>
        Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "");
}
