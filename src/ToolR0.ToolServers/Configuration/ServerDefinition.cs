namespace ToolR0.ToolServers.Configuration;

/// <summary>How a server is talked to.</summary>
public enum ServerTransport
{
    /// <summary>A program that is started here, over its standard input and output.</summary>
    Stdio,

    /// <summary>Streamable HTTP, and HTTP with SSE where that is refused.</summary>
    Http,

    /// <summary>HTTP with SSE.</summary>
    Sse,
}

/// <summary>
/// A tool server as a client's configuration describes it, every variable replaced. Its text (<see cref="ToString"/>) holds no value of an argument,
/// a variable or a header, since any of them may be a secret.
/// </summary>
public sealed record ServerDefinition(string Name)
{
    public ServerTransport Transport { get; init; }

    /// <summary>The program of a <see cref="ServerTransport.Stdio"/> server, started without a shell.</summary>
    public string Command { get; init; } = "";

    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Variables that the server gets besides the few that every program needs.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Absolute; empty: a temporary folder of its own.</summary>
    public string WorkingFolder { get; init; } = "";

    public Uri? Endpoint { get; init; }

    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>False: the configuration says that it is not to be started.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Why it cannot be started, in one line; empty where nothing speaks against it.</summary>
    public string NotStartable { get; init; } = "";

    /// <summary>The only tools to take, by the server's own names; empty: all.</summary>
    public IReadOnlyList<string> OnlyTools { get; init; } = [];

    /// <summary>Tools to leave out, by the server's own names.</summary>
    public IReadOnlyList<string> HiddenTools { get; init; } = [];

    /// <summary>Tools that the user lets run unasked, by the server's own names; <c>*</c> is all.</summary>
    public IReadOnlyList<string> ApprovedTools { get; init; } = [];

    /// <summary>Time limit of one call in seconds; 0 where the configuration says none.</summary>
    public double TimeoutSeconds { get; init; }

    /// <summary>Folders that the server is told of as the client's roots; none unless the user set them.</summary>
    public IReadOnlyList<string> Roots { get; init; } = [];

    /// <summary>What the user should know of how the entry was read, a line each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Texts that stand in no message: values of variables, headers and inputs.</summary>
    public IReadOnlyList<string> Secrets { get; init; } = [];

    /// <summary>The text without anything of <see cref="Secrets"/>.</summary>
    public string Redact(string text)
    {
        foreach (var secret in Secrets.Where(s => s.Length >= ShortestSecret).OrderByDescending(s => s.Length))
            text = text.Replace(secret, "***", StringComparison.Ordinal);
        return text;
    }

    public override string ToString() => Transport == ServerTransport.Stdio
        ? $"{Name}: {Path.GetFileName(Command)} with {Arguments.Count} arguments"
        : $"{Name}: {Endpoint?.GetLeftPart(UriPartial.Authority)}";

    /// <summary>Shorter values are no secrets, and to take them out would make every text unreadable.</summary>
    private const int ShortestSecret = 5;
}
