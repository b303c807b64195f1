using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using ToolR0.Contracts.Options;

namespace ToolR0.Contracts;

/// <summary>The two policies of a run. They start from one base model and share no weights, unless <see cref="RunOptions.SharedWeights"/>.</summary>
public enum Role
{
    Generator,
    Solver,
}

/// <summary>What an iteration is doing. The lower-case name is the one used in stream keys.</summary>
public enum Phase
{
    /// <summary>Training the Generator against the frozen Solver.</summary>
    Generator,

    /// <summary>Synthesising, verifying and selecting the curriculum.</summary>
    Curriculum,

    /// <summary>Training the Solver on the curriculum.</summary>
    Solver,

    /// <summary>Measuring the Solver on the held-out sets.</summary>
    Evaluation,

    /// <summary>Warm start: sampling the Generator and keeping what passes the gate. One step a round.</summary>
    WarmProposals,

    /// <summary>Warm start: fitting the Generator to what was kept.</summary>
    WarmGenerator,

    /// <summary>Warm start: sampling the Solver on the tasks that were kept. One step a round.</summary>
    WarmAttempts,

    /// <summary>Warm start: fitting the Solver to its right answers and to variants of their tasks.</summary>
    WarmSolver,
}

/// <summary>One dispatchable kind of work inside a step. A step walks its stages in order; a stage is done when all its shards have
/// answered.</summary>
public enum Stage
{
    Propose,
    Execute,
    Probe,
    Verify,
    Judge,
    Attempt,
    Score,
    Train,

    /// <summary>Looking at each curriculum candidate by itself.</summary>
    Filter,

    /// <summary>From a candidate's verification samples to its pass rate.</summary>
    Rate,

    /// <summary>From what the judge said of a candidate to its label.</summary>
    Label,

    /// <summary>The reference policy's log-probabilities of what is learned from.</summary>
    Reference,

    /// <summary>Looking at the warm start's proposals, each by itself.</summary>
    Gate,

    /// <summary>Making variants of tasks.</summary>
    Vary,

    /// <summary>Executing the calls of trajectories that go on.</summary>
    Act,

    /// <summary>The next turn of trajectories.</summary>
    Continue,
}

/// <summary>
/// Ids are derived, never invented: the same command twice names the same streams, messages and seeds.
/// <see cref="StreamKey"/> has the keys of streams, <see cref="StreamLayout"/> what stands in them.
/// </summary>
public static partial class Ids
{
    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    private static partial Regex RunName { get; }

    /// <exception cref="UserErrorException">Not a name for a run.</exception>
    public static string CheckedRunName(string run) =>
        RunName.IsMatch(run) ? run
            : throw new UserErrorException(
                $"run name '{run}': must be 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first");

    public static string RunStream(string run) => StreamKey.OfRun(run).ToString();

    /// <summary>A group in its step.</summary>
    /// <param name="turns">Turns that its trajectories may take.</param>
    public static string GroupStream(string run, int iteration, GroupKind kind, int step, int n, int turns = 1) =>
        StreamKey.OfGroup(run, iteration, kind, step, n, turns).ToString();

    /// <param name="kind">The lower-case name of a <see cref="GroupKind"/>.</param>
    /// <exception cref="ArgumentException">There is no such kind.</exception>
    public static string GroupStream(string run, int iteration, string kind, int step, int n) =>
        GroupStream(run, iteration, Enum.Parse<GroupKind>(kind, ignoreCase: true), step, n);

    /// <summary>All group streams of the step that a group belongs to, in order.</summary>
    /// <param name="stream">One of them.</param>
    /// <param name="groups">How many groups the step has.</param>
    public static IEnumerable<string> GroupsOfStep(string stream, int groups)
    {
        var key = StreamKey.Parse(stream);
        return Enumerable.Range(0, groups).Select(n => key.WithNumber(n).ToString());
    }

    /// <summary>A curriculum candidate from synthesis to selection or rejection.</summary>
    /// <param name="turns">Turns that a trajectory of its verification may take.</param>
    public static string TaskStream(string run, int iteration, int n, int turns = 1) => StreamKey.OfTask(run, iteration, n, turns).ToString();

    /// <summary>The result of one learning step.</summary>
    public static string PolicyStream(string run, int iteration, Role role, int step) => StreamKey.OfPolicy(run, iteration, role, step).ToString();

    /// <summary>A held-out set, named by the SHA-256 of its JSON Lines bytes.</summary>
    public static string HeldOutStream(string sha256) => StreamKey.OfHeldOut(sha256).ToString();

    /// <summary>What answered a benchmark and how it was asked, by a digest of both.</summary>
    public static string BenchmarkStream(string sha256, string digest) => StreamKey.OfBenchmark(sha256, digest).ToString();

    /// <summary>A catalogue of tools, named by the SHA-256 of its canonical JSON.</summary>
    public static string ToolsStream(string sha256) => StreamKey.OfTools(sha256).ToString();

    /// <summary>The unit of dispatch: a fixed list of groups that one worker computes as one batch.</summary>
    /// <param name="turn">Of the trajectories, from 1.</param>
    public static string Shard(string run, int iteration, Phase phase, int step, Stage stage, int index, int turn = 1) =>
        $"shard/{run}/{iteration}/{phase.WireName()}/{step}/{stage.ToString().ToLowerInvariant()}{(turn > 1 ? $"-{turn}" : "")}/{index}";

    public static string WireName(this Role role) => role == Role.Generator ? "generator" : "solver";

    public static string WireName(this GroupKind kind) => kind switch
    {
        GroupKind.Generator => "generator",
        GroupKind.Solver => "solver",
        GroupKind.Evaluation => "evaluation",
        GroupKind.Probe => "probe",
        GroupKind.Judge => "judge",
        GroupKind.Label => "label",
        GroupKind.WarmProposals => "warmproposals",
        GroupKind.WarmAttempts => "warmattempts",
        GroupKind.Variant => "variant",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown kind of group"),
    };

    public static string WireName(this Phase phase) => phase switch
    {
        Phase.Generator => "generator",
        Phase.Curriculum => "curriculum",
        Phase.Solver => "solver",
        Phase.Evaluation => "evaluation",
        Phase.WarmProposals => "warmproposals",
        Phase.WarmGenerator => "warmgenerator",
        Phase.WarmAttempts => "warmattempts",
        Phase.WarmSolver => "warmsolver",
        _ => throw new ArgumentOutOfRangeException(nameof(phase), phase, "unknown phase"),
    };

    /// <summary>The role that a phase trains; null for one that trains none.</summary>
    public static Role? Trains(this Phase phase) => phase switch
    {
        Phase.Generator => Role.Generator,
        Phase.Solver => Role.Solver,
        _ => phase.Fits(),
    };

    /// <summary>The role that a phase of the warm start fits; null for every other phase.</summary>
    public static Role? Fits(this Phase phase) => phase switch
    {
        Phase.WarmGenerator => Role.Generator,
        Phase.WarmSolver => Role.Solver,
        _ => null,
    };

    /// <summary>A message id that depends on nothing but its text: the first 16 bytes of the text's SHA-256.</summary>
    public static Guid MessageId(string text) => new(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}

/// <summary>
/// Seeds are derived too: from the run's seed and the place in the run, never from the run's name (two runs with equal seeds draw the
/// same tokens) and never from a shared generator.
/// </summary>
public static class Seeds
{
    /// <summary>The first eight bytes (little-endian) of SHA-256 of <c>"{runSeed}/{path}"</c>, with the sign bit cleared, so that it survives JSON
    /// and SQL.</summary>
    public static long Derive(long runSeed, string path)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{runSeed}/{path}")));
        return BinaryPrimitives.ReadInt64LittleEndian(hash) & long.MaxValue;
    }

    /// <summary>The seed of a later turn of a trajectory.</summary>
    /// <param name="trajectory">The seed of its first.</param>
    /// <param name="turn">From 2.</param>
    public static long Turn(long trajectory, int turn) => Derive(trajectory, FormattableString.Invariant($"turn/{turn}"));

    /// <summary>The seed of one completion.</summary>
    public static long Completion(long runSeed, int iteration, string kind, int step, int group, int sample) =>
        Derive(runSeed, $"{iteration}/{kind}/{step}/{group}/{sample}");
}
