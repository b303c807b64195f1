using System.Collections;
using System.Data.Common;
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

    /// <summary>TOOLR0_HEALTH_PORT: where health is told over HTTP; null tells it nowhere.</summary>
    public int? HealthPort { get; init; }

    /// <summary>TOOLR0_HEALTH_HOST: the address that is listened on; <c>*</c> is every one.</summary>
    public string HealthHost { get; init; } = "127.0.0.1";

    /// <summary>TOOLR0_COMMAND: how whoever reads our messages calls the toolr0 command, e.g. <c>docker compose run --rm toolr0</c>.</summary>
    public string Command { get; init; } = "toolr0";

    /// <summary>TOOLR0_COPY_OUT: what copies a file from where this process writes, the path and the target still to come; null where it can be
    /// opened as it is.</summary>
    public string? CopyOut { get; init; }

    /// <summary>TOOLR0_TOOLS_FILE: the file of the servers whose tools are called; null: runs that call their tools are refused.</summary>
    public string? ToolsFile { get; init; }

    /// <summary>The settings of a service's process: TOOLR0_POSTGRES is required, the bus is RabbitMQ unless TOOLR0_BUS says otherwise.</summary>
    /// <exception cref="UserErrorException">Names the variable, its value and the rule.</exception>
    public static Settings OfService(IReadOnlyDictionary<string, string> environment)
    {
        var settings = Read(null, null, null, null, environment, BusKind.RabbitMq);
        settings.RequirePostgres();
        return settings;
    }

    /// <summary>
    /// From flags, else the environment (TOOLR0_HOME, TOOLR0_POSTGRES, TOOLR0_BUS, TOOLR0_RABBITMQ, TOOLR0_WORKERS), else defaults. User and password
    /// may stand in variables of their own, where every character means itself: TOOLR0_POSTGRES_USER, TOOLR0_POSTGRES_PASSWORD,
    /// TOOLR0_RABBITMQ_USER, TOOLR0_RABBITMQ_PASSWORD; they count where the connection string or address names none.
    /// </summary>
    /// <param name="defaultBus">When neither says which.</param>
    /// <param name="busOfEnvironment">False: TOOLR0_BUS is not read, and TOOLR0_RABBITMQ only says where RabbitMQ is, should a flag ask for
    /// it.</param>
    /// <exception cref="UserErrorException">A value that is none.</exception>
    public static Settings Read(
        string? home,
        string? postgres,
        string? bus,
        string? rabbitMq,
        IReadOnlyDictionary<string, string> environment,
        BusKind defaultBus = BusKind.Memory,
        bool busOfEnvironment = true)
    {
        string? From(string? flag, string variable) =>
            !string.IsNullOrWhiteSpace(flag) ? flag : environment.TryGetValue(variable, out var value) && !string.IsNullOrWhiteSpace(value)
                ? value : null;

        var kind = From(bus, busOfEnvironment ? "TOOLR0_BUS" : "")
            ?? (defaultBus == BusKind.RabbitMq || !string.IsNullOrWhiteSpace(rabbitMq) ? "rabbitmq" : "memory");
        BusOptions options;
        try
        {
            options = BusOptions.Parse(kind, From(rabbitMq, "TOOLR0_RABBITMQ"));
        }
        catch (FormatException e)
        {
            throw new UserErrorException($"{e.Message} (--bus, --rabbitmq or TOOLR0_BUS, TOOLR0_RABBITMQ)");
        }

        return new Settings(
            Path.GetFullPath(From(home, "TOOLR0_HOME") ?? ".toolr0"),
            WithAccount(From(postgres, "TOOLR0_POSTGRES"), From(null, "TOOLR0_POSTGRES_USER"), From(null, "TOOLR0_POSTGRES_PASSWORD")),
            WithAccount(options, From(null, "TOOLR0_RABBITMQ_USER"), From(null, "TOOLR0_RABBITMQ_PASSWORD")),
            Number("TOOLR0_WORKERS", 1024) is { } count ? new WorkerOptions(count) : WorkerOptions.Default)
        {
            HealthPort = Number("TOOLR0_HEALTH_PORT", 65535),
            HealthHost = From(null, "TOOLR0_HEALTH_HOST") ?? "127.0.0.1",
            Command = From(null, "TOOLR0_COMMAND") ?? "toolr0",
            CopyOut = From(null, "TOOLR0_COPY_OUT"),
            ToolsFile = From(null, "TOOLR0_TOOLS_FILE"),
        };

        int? Number(string variable, int most) => From(null, variable) is not { } text ? null
            : int.TryParse(text, out var number) && number >= 1 && number <= most ? number
            : throw new UserErrorException($"{variable} is '{text}': it must be a number from 1 to {most}");
    }

    /// <summary>The connection string, or the error that none was given.</summary>
    public string RequirePostgres() =>
        Postgres ?? throw new UserErrorException("no PostgreSQL was given (--postgres or TOOLR0_POSTGRES); infra/toolr0 starts a private one");

    public string RunFolder(string run) => Path.Combine(Home, "runs", run);

    /// <summary>The process's environment variables.</summary>
    public static IReadOnlyDictionary<string, string> ProcessEnvironment() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "");

    private static string? WithAccount(string? connection, string? user, string? password)
    {
        if (connection is null || (user is null && password is null))
            return connection;
        try
        {
            var parts = new DbConnectionStringBuilder { ConnectionString = connection };
            Add(["username", "user name", "user id", "userid", "uid"], user);
            Add(["password", "pwd", "psw"], password);
            return parts.ConnectionString;

            void Add(string[] names, string? value)
            {
                if (value is not null && !names.Any(parts.ContainsKey))
                    parts[names[0]] = value;
            }
        }
        catch (ArgumentException)
        {
            // Not a connection string: whoever connects says so, and names the setting.
            return connection;
        }
    }

    private static BusOptions WithAccount(BusOptions bus, string? user, string? password) =>
        password is null || bus.RabbitMq.UserInfo.Length > 0
            ? bus
            : bus with
            {
                RabbitMq = new UriBuilder(bus.RabbitMq)
                {
                    UserName = Uri.EscapeDataString(user ?? "guest"),
                    Password = Uri.EscapeDataString(password)
                }.Uri,
            };
}
