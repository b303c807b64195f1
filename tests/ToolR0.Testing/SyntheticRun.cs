using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Prompts;

namespace ToolR0.Testing;

/// <summary>A small run's facts, written by hand, as the services would store them, and a log that holds them.</summary>
public sealed class SyntheticRun : IFactLog
{
    public const string Name = "r1";
    public static readonly HeldOutSet Seen = new("seen", Digests.Sha256Hex("seen"), 4);
    private readonly List<StoredFact> _facts = [];
    private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public IReadOnlyList<StoredFact> Facts => _facts;

    /// <summary>Three iterations of two Generator steps, a curriculum of six tasks and three Solver steps; accuracy 1/4, 2/4, 3/4, 3/4 where
    /// measured.</summary>
    public static SyntheticRun Complete(int iterations = 3, int every = 1)
    {
        var options = new RunOptions { Preset = "nano", Seed = 7, Iterations = iterations, Evaluation = new EvaluationOptions { Every = every } };
        var run = new SyntheticRun();
        run.Append(Ids.HeldOutStream(Seen.Sha256),
            new HeldOutRegistered("seen", [.. Enumerable.Range(0, 4).Select(n => new HeldOutItem($"seen-{n}", "units", Task(n)))]));
        run.Append(Ids.RunStream(Name), new RunStarted(Name, options, Sha("base"), [Seen], "1.2.3"));
        run.Evaluate(0, right: 1);
        for (var iteration = 1; iteration <= iterations; iteration++)
        {
            run.Append(Ids.RunStream(Name), new IterationStarted(Name, iteration, Sha("g"), Sha("s")));
            run.Begin(iteration, Phase.Generator, 2);
            for (var step = 0; step < 2; step++)
                run.GeneratorStep(iteration, step);
            run.Curriculum(iteration);
            run.Begin(iteration, Phase.Solver, 3);
            for (var step = 0; step < 3; step++)
                run.SolverStep(iteration, step);
            if (options.Evaluation.IsDue(iteration, iterations))
                run.Evaluate(iteration, right: Math.Min(3, iteration + 1));
        }

        run.Append(Ids.RunStream(Name), new RunCompleted(Name, Sha("generator"), Sha("solver")));
        return run;
    }

    /// <summary>The same run, stopped after a global sequence.</summary>
    public SyntheticRun UpTo(long sequence)
    {
        var stopped = new SyntheticRun();
        stopped._facts.AddRange(_facts.Where(fact => fact.Sequence <= sequence));
        return stopped;
    }

    public static string Sha(string text) => Digests.Sha256Hex(text);

    public static ToolTask Task(int n) => new(
        $"How many km are {n} miles?",
        [new ToolSpec("convert_length", "", [new ToolParameter("value", "number"), new ToolParameter("unit", "string")], ["value", "unit"])],
        [new ToolCall("convert_length",
            new Dictionary<string, JsonElement> { ["value"] = JsonSerializer.SerializeToElement(n),
            ["unit"] = JsonSerializer.SerializeToElement("km") })]);

    public void Append(string stream, object fact, double seconds = 1)
    {
        _now = _now.AddSeconds(seconds);
        _facts.Add(new StoredFact(stream, _facts.Count(f => f.Stream == stream) + 1, _facts.Count + 1, fact, _now, null));
    }

    private void GeneratorStep(int iteration, int step)
    {
        Start(iteration, Phase.Generator, step);
        Append(Ids.GroupStream(Name, iteration, "generator", step, 0), Proposed(step));
        Complete(iteration, Phase.Generator, step,
            new() { ["rewardMean"] = 1 + (0.1 * step), ["formatMean"] = 0.9, ["passRate"] = 0.5, ["zeroVarianceShare"] = 0.25 });
    }

    private void Curriculum(int iteration)
    {
        Begin(iteration, Phase.Curriculum, 1);
        Start(iteration, Phase.Curriculum, 0);
        var tasks = new List<SelectedTask>();
        for (var n = 0; n < 6; n++)
        {
            var stream = Ids.TaskStream(Name, iteration, n);
            Append(stream, Proposed(n));
            tasks.Add(new SelectedTask(new TaskRef(stream, 0), "units", n < 2 ? "easy" : n < 4 ? "medium" : "hard", 1 - (n / 5.0), $"f{n}"));
        }

        Append(Ids.RunStream(Name), new CurriculumSelected(
            Name, iteration, tasks, Sha($"c{iteration}"), 40,
                new Dictionary<string, int> { ["duplicate"] = 20, ["missing_tags"] = 10 + iteration, ["low_agreement"] = 1 }));
        Complete(iteration, Phase.Curriculum, 0);
    }

    private void SolverStep(int iteration, int step)
    {
        Start(iteration, Phase.Solver, step);
        var stream = Ids.GroupStream(Name, iteration, "solver", step, 0);
        Append(stream, Attempt(AttemptPurpose.Train, "[]", 2));
        Append(stream, new AttemptsScored(Name, [Score(0, true), Score(1, false)]));
        Complete(iteration, Phase.Solver, step, new() { ["rewardMean"] = 1.5, ["accuracyMean"] = 0.75, ["exactShare"] = 0.5 });
    }

    private void Evaluate(int iteration, int right)
    {
        Begin(iteration, Phase.Evaluation, 1);
        Start(iteration, Phase.Evaluation, 0);
        for (var n = 0; n < 4; n++)
        {
            var stream = Ids.GroupStream(Name, iteration, "evaluation", 0, n);
            Append(stream, Attempt(AttemptPurpose.Evaluate, $"answer {n} of iteration {iteration} <b>", 1));
            Append(stream, new AttemptsScored(Name, [Score(0, n < right)]));
        }

        Append(Ids.RunStream(Name), new EvaluationCompleted(
            Name, iteration, "seen", Sha("s"), 4, right / 4.0, new Dictionary<string, double> { ["units"] = right / 4.0, ["money"] = 0.5 }));
        Complete(iteration, Phase.Evaluation, 0);
    }

    private static AttemptScore Score(int sample, bool exact) =>
        new(sample, 1, exact ? 1 : 0.5, 1, 1, exact ? 1 : 0, 1, exact ? 2 : 1.5, exact, [], 0);

    private static TaskAttempted Attempt(AttemptPurpose purpose, string text, int samples) =>
        new(Name, new TaskRef("x", 0), purpose, Sha("s"), [1], [.. Enumerable.Range(0, samples).Select(_ => Sample(text))], "d");

    public static TasksProposed Proposed(int n) => new(
        Name, new TaskSpec("units", TaskContext.SingleTurn, 1, 1), Sha("g"), [1, 2],
            [Sample(CompactFormat.Proposal("convert_length", Task(n)))], "d");

    private static Trajectory Sample(string text) => new(1, [1, 2, 3], [0, 0, 0], text, FinishReason.Stop);

    private void Begin(int iteration, Phase phase, int steps) => Append(Ids.RunStream(Name), new PhaseStarted(Name, iteration, phase, steps));

    private void Start(int iteration, Phase phase, int step) =>
        Append(Ids.RunStream(Name), new StepStarted(Name, iteration, phase, step, [], [], new Dictionary<Role, string>()));

    private void Complete(int iteration, Phase phase, int step, Dictionary<string, double>? metrics = null) => Append(
        Ids.RunStream(Name),
        new StepCompleted(Name, iteration, phase, step, null,
            new Dictionary<string, double>(metrics ?? []) { ["wallSeconds"] = 4, ["modelSeconds"] = 3, [MetricNames.TokensSampled] = 400 }));

    public Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    public Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    public Task<IReadOnlyDictionary<string,
        IReadOnlyList<StoredFact>>> ReadAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        System.Threading.Tasks.Task.FromResult<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>>(_facts.Where(f => streams.Contains(f.Stream))
            .GroupBy(f => f.Stream).ToDictionary(group => group.Key, group => (IReadOnlyList<StoredFact>)[.. group]));

    public async IAsyncEnumerable<StoredFact> ReadRunAsync(
        string run, long? upTo = null, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await System.Threading.Tasks.Task.CompletedTask;
        foreach (var fact in _facts.Where(f =>
            run == Name && !f.Stream.StartsWith("heldout/", StringComparison.Ordinal) && (upTo is null || f.Sequence <= upTo)))
            yield return fact;
    }

    public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default) =>
        System.Threading.Tasks.Task.FromResult<IReadOnlyList<string>>([Name]);
}
