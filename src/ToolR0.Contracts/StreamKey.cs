using System.Globalization;

namespace ToolR0.Contracts;

/// <summary>What a stream is about.</summary>
public enum StreamKind
{
    /// <summary><c>run/{run}</c>: the run's life.</summary>
    Run,

    /// <summary><c>group/{run}/{iteration}/{group kind}/{step}/{n}</c>: one group from proposal or attempt to score.</summary>
    Group,

    /// <summary><c>task/{run}/{iteration}/{n}</c>: a curriculum candidate from synthesis to selection or rejection.</summary>
    Task,

    /// <summary><c>policy/{run}/{iteration}/{role}/{step}</c>: the result of one learning step.</summary>
    Policy,

    /// <summary><c>heldout/{sha256}</c>: a held-out set, named by the SHA-256 of its JSON Lines bytes.</summary>
    HeldOut,

    /// <summary><c>benchmark/{sha256}/{digest}</c>: what answered a benchmark and how it was asked, by a digest of both.</summary>
    Benchmark,

    /// <summary><c>tools/{sha256}</c>: a catalogue of tools, named by the SHA-256 of its canonical JSON.</summary>
    Tools,

    /// <summary><c>calls/{run}/{digest}</c>: calls that change something, and what they returned, until their outcome stands in its group.</summary>
    Calls,
}

/// <summary>What a group is for. The lower-case name is the one in stream keys.</summary>
public enum GroupKind
{
    /// <summary>Proposals of a Generator step.</summary>
    Generator,

    /// <summary>Attempts that the Solver learns from.</summary>
    Solver,

    /// <summary>Answers to held-out items.</summary>
    Evaluation,

    /// <summary>What the Solver answers to a proposal of a Generator step.</summary>
    Probe,

    /// <summary>What the Solver, as a judge, says of a proposal's coherence.</summary>
    Judge,

    /// <summary>What the Solver, as a judge, says of a candidate's difficulty.</summary>
    Label,

    /// <summary>Proposals of the warm start.</summary>
    WarmProposals,

    /// <summary>Answers of the warm start to its own tasks.</summary>
    WarmAttempts,

    /// <summary>A variant of a task.</summary>
    Variant,
}

/// <summary>
/// The key of a stream, in parts: the one place that writes and reads keys. Which parts a key has follows from its <see cref="Kind"/>; the others
/// keep their defaults.
/// </summary>
public readonly record struct StreamKey
{
    private const char Separator = '/';

    private readonly int _laterTurns;

    private StreamKey(StreamKind kind) => Kind = kind;

    public StreamKind Kind { get; }

    /// <summary>Of all kinds but those that belong to every run: <see cref="StreamKind.HeldOut"/>, <see cref="StreamKind.Benchmark"/>,
    /// <see cref="StreamKind.Tools"/>.</summary>
    public string? Run { get; private init; }

    public int Iteration { get; private init; }

    /// <summary>Of a <see cref="StreamKind.Group"/>.</summary>
    public GroupKind Group { get; private init; }

    /// <summary>Of a <see cref="StreamKind.Policy"/>.</summary>
    public Role Role { get; private init; }

    /// <summary>Of a group or policy, from 0.</summary>
    public int Step { get; private init; }

    /// <summary>Of a group in its step or a candidate in its iteration, from 0.</summary>
    public int Number { get; private init; }

    /// <summary>
    /// Turns that a trajectory may take, in a group of attempts or in a candidate's verification: it says which facts the stream has. 1 is not
    /// written.
    /// </summary>
    public int Turns
    {
        get => 1 + _laterTurns;
        private init => _laterTurns = value - 1;
    }

    /// <summary>Of a held-out set, benchmark or catalogue of tools.</summary>
    public string? Sha256 { get; private init; }

    /// <summary>Of a benchmark: what answered it and how it was asked.</summary>
    public string? Digest { get; private init; }

    public static StreamKey OfRun(string run) => new(StreamKind.Run) { Run = run };

    public static StreamKey OfGroup(string run, int iteration, GroupKind kind, int step, int n, int turns = 1) =>
        new(StreamKind.Group) { Run = run, Iteration = iteration, Group = kind, Step = step, Number = n, Turns = turns };

    public static StreamKey OfTask(string run, int iteration, int n, int turns = 1) =>
        new(StreamKind.Task) { Run = run, Iteration = iteration, Number = n, Turns = turns };

    public static StreamKey OfPolicy(string run, int iteration, Role role, int step) =>
        new(StreamKind.Policy) { Run = run, Iteration = iteration, Role = role, Step = step };

    public static StreamKey OfHeldOut(string sha256) => new(StreamKind.HeldOut) { Sha256 = sha256 };

    public static StreamKey OfBenchmark(string sha256, string digest) => new(StreamKind.Benchmark) { Sha256 = sha256, Digest = digest };

    public static StreamKey OfTools(string sha256) => new(StreamKind.Tools) { Sha256 = sha256 };

    /// <summary>What is known of calls that change something, beside the stream that their outcome stands in.</summary>
    public static StreamKey OfCalls(string run, StreamPlace outcome) => new(StreamKind.Calls)
    {
        Run = run,
        Digest = Digests.Sha256Hex(string.Create(CultureInfo.InvariantCulture, $"{outcome.Stream}@{outcome.Version}"))[..32],
    };

    /// <summary>Whether a key is of a kind; false for a text that is not a key.</summary>
    public static bool IsOf(string key, StreamKind kind) => TryParse(key, out var parsed) && parsed.Kind == kind;

    /// <exception cref="FormatException">Not a key; names the text.</exception>
    public static StreamKey Parse(string key) =>
        TryParse(key, out var parsed) ? parsed : throw new FormatException($"'{key}' is not the key of a stream");

    public static bool TryParse(string key, out StreamKey parsed)
    {
        var (found, known) = key.Split(Separator) switch
        {
            ["run", { Length: > 0 } run] => (OfRun(run), true),
            ["group", var run, var iteration, var name, var step, var n]
                when Is(iteration, out var i) && Is(step, out var s) && Is(n, out var number) && IsWireName(name, out GroupKind kind) =>
                    (OfGroup(run, i, kind, s, number), true),
            ["group", var run, var iteration, var name, var step, var n, var more]
                when Is(iteration, out var i) && Is(step, out var s) && Is(n, out var number) && IsWireName(name, out GroupKind kind)
                    && Is(more, out var turns) && turns > 1 => (OfGroup(run, i, kind, s, number, turns), true),
            ["task", var run, var iteration, var n] when Is(iteration, out var i) && Is(n, out var number) => (OfTask(run, i, number), true),
            ["task", var run, var iteration, var n, var more]
                when Is(iteration, out var i) && Is(n, out var number) && Is(more, out var turns) && turns > 1 =>
                    (OfTask(run, i, number, turns), true),
            ["policy", var run, var iteration, var name, var step]
                when Is(iteration, out var i) && Is(step, out var s) && IsWireName(name, out Role role) => (OfPolicy(run, i, role, s), true),
            ["heldout", { Length: > 0 } sha256] => (OfHeldOut(sha256), true),
            ["benchmark", { Length: > 0 } sha256, { Length: > 0 } digest] => (OfBenchmark(sha256, digest), true),
            ["calls", { Length: > 0 } run, { Length: > 0 } digest] => (new StreamKey(StreamKind.Calls) { Run = run, Digest = digest }, true),
            ["tools", { Length: > 0 } sha256] => (OfTools(sha256), true),
            _ => (default, false),
        };
        parsed = found;
        return known;
    }

    /// <summary>The key with another number: another group of the same step, or another candidate of the same iteration.</summary>
    public StreamKey WithNumber(int n) => this with { Number = n };

    /// <summary>The key as the store has it.</summary>
    public override string ToString() => Kind switch
    {
        StreamKind.Run => $"run/{Run}",
        StreamKind.Group => string.Create(CultureInfo.InvariantCulture, $"group/{Run}/{Iteration}/{Group.WireName()}/{Step}/{Number}{More}"),
        StreamKind.Task => string.Create(CultureInfo.InvariantCulture, $"task/{Run}/{Iteration}/{Number}{More}"),
        StreamKind.Policy => string.Create(CultureInfo.InvariantCulture, $"policy/{Run}/{Iteration}/{Role.WireName()}/{Step}"),
        StreamKind.HeldOut => $"heldout/{Sha256}",
        StreamKind.Calls => $"calls/{Run}/{Digest}",
        StreamKind.Tools => $"tools/{Sha256}",
        _ => $"benchmark/{Sha256}/{Digest}",
    };

    private string More => Turns > 1 ? string.Create(CultureInfo.InvariantCulture, $"/{Turns}") : "";

    private static bool Is(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static bool IsWireName<T>(string text, out T value)
        where T : struct, Enum
    {
        value = default;
        return text.Length > 0 && char.IsAsciiLetterLower(text[0]) && Enum.TryParse(text, ignoreCase: true, out value);
    }
}
