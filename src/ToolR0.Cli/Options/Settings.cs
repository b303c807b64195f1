namespace ToolR0.Cli.Options;

/// <summary>Which transport carries messages.</summary>
public enum BusKind
{
    /// <summary>Inside one process.</summary>
    Memory,
    RabbitMq,
}

/// <summary>What a process connects to and where it keeps files; nothing here changes a run's result.</summary>
/// <param name="Home">Absolute path of the state folder.</param>
/// <param name="Postgres">Npgsql connection string, null when none was given.</param>
/// <param name="RabbitMq">amqp:// address, null when none was given.</param>
public sealed record Settings(string Home, string? Postgres, BusKind Bus, Uri? RabbitMq)
{
    /// <summary>From flags, else the environment (TOOLR0_HOME, TOOLR0_POSTGRES, TOOLR0_BUS, TOOLR0_RABBITMQ), else defaults.</summary>
    /// <exception cref="CliError">A value that is none.</exception>
    public static Settings Read(
        string? home, string? postgres, string? bus, string? rabbitMq, IReadOnlyDictionary<string, string> environment, BusKind defaultBus = BusKind.Memory)
    {
        string? From(string? flag, string variable) =>
            !string.IsNullOrWhiteSpace(flag) ? flag : environment.TryGetValue(variable, out var value) && !string.IsNullOrWhiteSpace(value) ? value : null;

        var address = From(rabbitMq, "TOOLR0_RABBITMQ");
        Uri? uri = null;
        if (address is not null && (!Uri.TryCreate(address, UriKind.Absolute, out uri) || uri.Scheme is not ("amqp" or "amqps")))
            throw new CliError("the RabbitMQ address must look like amqp://user:password@host:5672/vhost (--rabbitmq or TOOLR0_RABBITMQ)");

        var kind = From(bus, "TOOLR0_BUS") switch
        {
            null => rabbitMq is not null ? BusKind.RabbitMq : defaultBus,
            "memory" => BusKind.Memory,
            "rabbitmq" => BusKind.RabbitMq,
            var other => throw new CliError($"the bus is '{other}'; use memory or rabbitmq (--bus or TOOLR0_BUS)"),
        };
        if (kind == BusKind.RabbitMq && uri is null)
            throw new CliError("the bus is rabbitmq, but no address was given (--rabbitmq or TOOLR0_RABBITMQ)");

        return new Settings(Path.GetFullPath(From(home, "TOOLR0_HOME") ?? ".toolr0"), From(postgres, "TOOLR0_POSTGRES"), kind, uri);
    }

    /// <summary>The connection string, or the error that none was given.</summary>
    public string RequirePostgres() =>
        Postgres ?? throw new CliError("no PostgreSQL was given (--postgres or TOOLR0_POSTGRES); infra/toolr0 starts a private one");

    public string PoliciesFolder => Path.Combine(Home, "policies");

    public string RunFolder(string run) => Path.Combine(Home, "runs", run);

    /// <summary>The process's environment variables.</summary>
    public static IReadOnlyDictionary<string, string> ProcessEnvironment() =>
        Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "");
}
