namespace ToolR0.Contracts.Options;

public enum UnknownTools
{
    /// <summary>A tool without an implementation is checked against its menu's schema only.</summary>
    CheckSchema,

    /// <summary>A tool without an implementation fails.</summary>
    Reject,
}

/// <summary>How long a tool server keeps its state.</summary>
public enum ToolSessions
{
    /// <summary>Each trajectory starts servers of its own: what one did, no other sees.</summary>
    Trajectory,

    /// <summary>The servers are started once for a run: for servers without state.</summary>
    Run,
}

/// <summary>Which tools are taken, and what their servers may use.</summary>
public sealed record ToolOptions
{
    public UnknownTools UnknownTools { get; init; } = UnknownTools.CheckSchema;

    /// <summary>SHA-256 of the catalogue that menus are drawn from, its name in the store; empty where there is none.</summary>
    public string CatalogueSha256 { get; init; } = "";

    /// <summary>
    /// The catalogue's tools are called on their servers, which tool execution must be told of. False: calls of them are checked against their menus
    /// only.
    /// </summary>
    public bool Execute { get; init; }

    /// <summary>Time limit of one call in seconds; a server's own <c>timeout</c> in its configuration goes before it.</summary>
    public double TimeoutSeconds { get; init; } = 5;

    /// <summary>Names of the only tools to take, as their server or the catalogue spells them; <c>*</c> stands for any text. Empty: all.</summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>Names of tools to leave out, written as in <see cref="Allow"/>, which it goes before.</summary>
    public IReadOnlyList<string> Deny { get; init; } = [];

    /// <summary>Only tools that say they change nothing. A tool that says nothing counts as one that changes something.</summary>
    public bool ReadOnlyOnly { get; init; } = true;

    public ToolSessions Session { get; init; } = ToolSessions.Trajectory;

    /// <summary>
    /// Called before each trajectory where <see cref="Session"/> is <see cref="ToolSessions.Run"/>: a tool's name, a space and its arguments as JSON.
    /// Empty: none.
    /// </summary>
    public string Reset { get; init; } = "";

    /// <summary>Time limit in seconds within which a server must have started and told its tools.</summary>
    public double StartSeconds { get; init; } = 30;

    /// <summary>Calls that one server gets per second; 0 means no limit.</summary>
    public double CallsPerSecond { get; init; }

    /// <summary>Calls of one server in flight.</summary>
    public int CallsAtOnce { get; init; } = 4;

    /// <summary>Characters of a result that are kept; the rest is cut, and the text says so.</summary>
    public int ResultCharacters { get; init; } = 65_536;

    /// <summary>Megabytes that a server may write for one request, whatever they are. A server that writes more is stopped.</summary>
    public int OutputMegabytes { get; init; } = 16;

    /// <summary>Megabytes of memory that a server and all it starts may take together. A server that takes more is stopped.</summary>
    public int MemoryMegabytes { get; init; } = 2_048;

    /// <summary>Seconds of processor time that each process of a server may take.</summary>
    public int CpuSeconds { get; init; } = 600;

    /// <summary>Processes that a server may have at a time. A server that has more is stopped.</summary>
    public int Processes { get; init; } = 64;

    /// <summary>False: servers are started without a network, where the system can do that; where it cannot, they are not started.</summary>
    public bool Network { get; init; } = true;
}
