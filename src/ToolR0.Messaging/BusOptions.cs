namespace ToolR0.Messaging;

public enum BusKind
{
    /// <summary>MassTransit's in-memory transport: everything in one process.</summary>
    Memory,

    /// <summary>RabbitMQ with quorum queues: separate processes.</summary>
    RabbitMq,
}

/// <summary>How messages travel. The same consumers run on both.</summary>
/// <param name="RabbitMq">amqp://user:password@host:port/virtual-host; used by <see cref="BusKind.RabbitMq"/> only.</param>
public sealed record BusOptions(BusKind Kind, Uri RabbitMq)
{
    public static readonly Uri DefaultRabbitMq = new("amqp://guest:guest@localhost:5672/");

    public static BusOptions Memory { get; } = new(BusKind.Memory, DefaultRabbitMq);

    /// <summary>Reads the settings <c>ToolR0:Bus</c> and <c>ToolR0:RabbitMq</c>; null means the default (memory, guest on localhost).</summary>
    /// <exception cref="FormatException">Names the setting, its value and the rule.</exception>
    public static BusOptions Parse(string? bus, string? rabbitMq)
    {
        var kind = bus?.ToLowerInvariant() switch
        {
            null or "" or "memory" => BusKind.Memory,
            "rabbitmq" => BusKind.RabbitMq,
            _ => throw new FormatException($"ToolR0:Bus is '{bus}': it must be memory or rabbitmq"),
        };
        if (string.IsNullOrEmpty(rabbitMq))
            return new BusOptions(kind, DefaultRabbitMq);
        if (!Uri.TryCreate(rabbitMq, UriKind.Absolute, out var uri) || uri.Scheme is not ("amqp" or "amqps") || uri.Host.Length == 0)
            throw new FormatException($"ToolR0:RabbitMq is '{Redacted(rabbitMq)}': it must look like amqp://user:password@host:5672/virtual-host");
        return new BusOptions(kind, uri);
    }

    /// <summary>Host, port and virtual host, without the credentials.</summary>
    public string Address => Kind == BusKind.Memory ? "memory" : $"{RabbitMq.Scheme}://{RabbitMq.Host}:{Port}{RabbitMq.AbsolutePath}";

    public override string ToString() => Address;

    internal int Port => RabbitMq.IsDefaultPort || RabbitMq.Port < 0 ? (RabbitMq.Scheme == "amqps" ? 5671 : 5672) : RabbitMq.Port;

    internal string VirtualHost => RabbitMq.AbsolutePath is "" or "/" ? "/" : Uri.UnescapeDataString(RabbitMq.AbsolutePath[1..]);

    internal (string User, string Password) Credentials
    {
        get
        {
            var parts = RabbitMq.UserInfo.Split(':', 2);
            return parts is [{ Length: > 0 } user, var password] ? (Uri.UnescapeDataString(user), Uri.UnescapeDataString(password))
                : ("guest", "guest");
        }
    }

    private static string Redacted(string text) => text.LastIndexOf('@') is var at and >= 0 ? "…" + text[at..] : text;
}
