using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.SelfPlay.Specs;
using ToolR0.Testing;
using ToolR0.TinyWorld;

namespace ToolR0.SelfPlay.Tests;

/// <summary>A small consistent run made of pure functions: what the services would store, with texts that are tokens by character.</summary>
internal sealed class SimulatedRun
{
    private const string Run = "sim";
    private static readonly HeldOutItem[] Items =
        [.. Enumerable.Range(0, 3)
            .Select(i => new HeldOutItem($"{i}", i == 0 ? "a" : "b", Given.Task(question: $"How long is the road of {i} mile")))];

    private readonly List<StoredFact> _facts = [];
    private readonly Dictionary<string, long> _versions = [];
    private readonly RunOptions _options;
    private readonly Dictionary<Role, string> _policies = new() { [Role.Generator] = "base", [Role.Solver] = "base" };

    private SimulatedRun(RunOptions options) => _options = options;

    public static RunOptions Options { get; } = ShippedPresets.Nano with
    {
        Iterations = 2,
        Specs = ShippedPresets.Nano.Specs with
        {
            Calls = new Dictionary<int, double> { [1] = 1 },
            MenuForOneCall = new Dictionary<int, double> { [2] = 1 }
        },
        Generator = ShippedPresets.Nano.Generator with { Steps = 1, PromptsPerStep = 2, GroupSize = 2, Probes = 4 },
        Curriculum = ShippedPresets.Nano.Curriculum with { Candidates = 8, Selected = 4, VerifySamples = 4 },
        Solver = ShippedPresets.Nano.Solver with { Steps = 1, PromptsPerStep = 2, GroupSize = 4 },
        Evaluation = new EvaluationOptions { Sets = ["seen"] },
    };

    public static IReadOnlyDictionary<string, IReadOnlyList<HeldOutItem>> HeldOut { get; } =
        new Dictionary<string, IReadOnlyList<HeldOutItem>> { [Ids.HeldOutStream("abc")] = Items };

    public static string Decode(IReadOnlyList<int> tokens) => string.Concat(tokens.Select(t => (char)t));

    public static IReadOnlyList<int> EncodePrompt(IReadOnlyList<(string Role, string Content)> messages) =>
        [.. string.Concat(messages.Select(m => $"{m.Role}:{m.Content};")).Select(c => (int)c)];

    public static List<StoredFact> Facts(RunOptions? options = null)
    {
        var run = new SimulatedRun(options ?? Options);
        run.Play();
        return run._facts;
    }

    private void Play()
    {
        Fact(new RunStarted(Run, _options, "base", [new HeldOutSet("seen", "abc", Items.Length)], "0.1.0"));
        Evaluate(0);
        for (var i = 1; i <= _options.Iterations; i++)
        {
            Fact(new IterationStarted(Run, i, _policies[Role.Generator], _policies[Role.Solver]));
            TrainGenerator(i);
            var tasks = Curriculum(i);
            TrainSolver(i, tasks);
            Evaluate(i);
        }

        Fact(new RunCompleted(Run, _policies[Role.Generator], _policies[Role.Solver]));
    }

    private void TrainGenerator(int iteration)
    {
        var specs = Start(iteration, Phase.Generator, []).Specs;
        var facts = new List<(string, object)>();
        var groups = specs.Select((_, n) => Ids.GroupStream(Run, iteration, "generator", 0, n)).ToList();
        var proposals = groups.Select((stream, n) =>
            Proposed(stream, specs[n], iteration, "generator", n, [n == 0 ? Question(iteration, n) : "nonsense", Question(iteration, n + 10)]))
                .ToList();
        var repetition = Repetition.OfGroups(proposals, _options.Generator.Reward);
        foreach (var (n, (stream, proposed)) in groups.Zip(proposals).Index())
        {
            var executed = Executed(stream, proposed);
            var tasks = GeneratorReward.Probeable(proposed, executed, _options);
            var probes = tasks.Select((task, sample) => task is null
                ? null
                : Attempted(Ids.GroupStream(Run, iteration, "probe", 0, n * 2 + sample), new TaskRef(stream, sample), task, AttemptPurpose.Probe,
                    iteration, "probe", n * 2 + sample, [true, false, true, false]))
                .ToList();
            var judged = tasks.Select((task, sample) => task is null || _options.Generator.Reward.CoherenceWeight == 0
                ? null
                : Judged("judge", new TaskRef(stream, sample), task, AttemptPurpose.Judge, iteration, n * 2 + sample, "<score>4</score>"))
                .ToList();
            var scored = new ProposalsScored(Run, GeneratorReward.ScoreGroup(proposed, executed, probes, judged, iteration, _options, repetition[n]));
            Fact(scored, stream);
            facts.AddRange([(stream, proposed), (stream, executed), (stream, scored)]);
            facts.AddRange(probes.Concat(judged).OfType<TaskAttempted>().Select((asked, i) => ($"asked {stream} {i}", (object)asked)));
        }

        Train(iteration, Role.Generator, groups, facts);
    }

    private IReadOnlyList<TaskRef> Curriculum(int iteration)
    {
        var specs = Start(iteration, Phase.Curriculum, []).Specs;
        var guard = new HeldOutGuard(Items);
        var candidates = specs.Select((spec, n) =>
        {
            var stream = Ids.TaskStream(Run, iteration, n);
            var proposed = Proposed(stream, spec, iteration, "curriculum", n, [n == 3 ? "broken" : Question(iteration, n)]);
            var filtered = CandidateFacts.Filter(Run, Candidate.Of(proposed, Executed(stream, proposed)), guard, _options);
            Fact(filtered, stream);
            return (Proposed: proposed, Filtered: new FilteredCandidate(new TaskRef(stream, 0), n, filtered));
        }).ToList();
        var verdicts = CurriculumBuilder.Verdicts([.. candidates.Select(c => c.Filtered)]);
        var rated = verdicts.Where(v => v.Survives).Select(v =>
        {
            var task = TaskSource.Resolve(v.Task, candidates[v.Index].Proposed)!;
            var attempt = Attempted(v.Task.Stream, v.Task, task, AttemptPurpose.Verify, iteration, "verify", v.Index,
                [true, v.Index % 2 == 0, true, false]);
            var rating = CandidateFacts.Rate(Run, task, attempt);
            Fact(rating, v.Task.Stream);
            if (_options.Curriculum.LabelBy != LabelBy.Judge || !CurriculumBuilder.Passes(rating, iteration, _options))
                return new RatedCandidate(v, rating);
            var label = CandidateFacts.Label(
                Run, Judged("label", v.Task, task, AttemptPurpose.Label, iteration, v.Index, "<difficulty>hard</difficulty>"), _options.Judge);
            Fact(label, Ids.GroupStream(Run, iteration, GroupKind.Label, 0, v.Index));
            return new RatedCandidate(v, rating, label);
        }).ToList();

        var selection = CurriculumBuilder.Select(rated, iteration, _options);
        var selected = selection.ToFact(Run, iteration, verdicts);
        var outcomes = selection.Outcomes(Run, iteration, verdicts).ToList();
        foreach (var (task, fact) in outcomes.Take(2))
            Fact(fact, task.Stream);
        Fact(selected);
        Fact(new StepCompleted(
            Run, iteration, Phase.Curriculum, 0, null, StepMetrics.OfCurriculum(selected, selection, verdicts, rated, Options.Specs.KnownTools)));
        foreach (var (task, fact) in outcomes.Skip(2))
            Fact(fact, task.Stream);
        return [.. selected.Tasks.Select(t => t.Task)];
    }

    private void TrainSolver(int iteration, IReadOnlyList<TaskRef> tasks)
    {
        var chosen = Start(iteration, Phase.Solver, [.. TrainingOrder.Positions(tasks.Count, 1, 2, 0).Select(position => tasks[position])]).Tasks;
        var facts = new List<(string, object)>();
        var groups = chosen.Select((_, n) => Ids.GroupStream(Run, iteration, "solver", 0, n)).ToList();
        for (var n = 0; n < chosen.Count; n++)
        {
            var proposed = (TasksProposed)_facts.First(f => f.Stream == chosen[n].Stream).Fact;
            var task = TaskSource.Resolve(chosen[n], proposed)!;
            facts.AddRange(Attempt(groups[n], chosen[n], task, AttemptPurpose.Train, iteration, "solver", n, [true, false, true, true])
                .Select(fact => (groups[n], fact)));
        }

        Train(iteration, Role.Solver, groups, facts);
    }

    private void Evaluate(int iteration)
    {
        var tasks = Start(iteration, Phase.Evaluation, [.. Items.Select((_, n) => new TaskRef(Ids.HeldOutStream("abc"), n))]).Tasks;
        var facts = tasks.Select((task, n) => Attempt(
            Ids.GroupStream(Run, iteration, "evaluation", 0, n), task, Items[n].Task, AttemptPurpose.Evaluate, iteration, "evaluation", n,
                [n % 2 == 0])).ToList();
        var scores = facts.Select((group, n) => (Items[n].Class, group.OfType<AttemptsScored>().Single().Scores[0])).ToList();
        var evaluated = StepMetrics.Evaluated(Run, iteration, "seen", _policies[Role.Solver], scores);
        Fact(evaluated);
        Fact(new StepCompleted(Run, iteration, Phase.Evaluation, 0, null,
            StepMetrics.OfEvaluation(evaluated, facts.SelectMany(group => group.OfType<TaskAttempted>()), scores.Select(s => s.Item2))));
    }

    private StepStarted Start(int iteration, Phase phase, IReadOnlyList<TaskRef> tasks)
    {
        Fact(new PhaseStarted(Run, iteration, phase, 1));
        var specs = phase is Phase.Generator or Phase.Curriculum ? SpecSampler.ForStep(_options, iteration, phase, 0) : [];
        var started = new StepStarted(Run, iteration, phase, 0, specs, tasks, new Dictionary<Role, string>(_policies));
        Fact(started);
        return started;
    }

    private void Train(int iteration, Role role, IReadOnlyList<string> groups, IEnumerable<(string, object)> facts)
    {
        foreach (var group in _options.Learning.KlWeight > 0 ? groups : [])
        {
            var sampled = _facts.First(f => f.Stream == group).Fact;
            var samples = (sampled as TasksProposed)?.Samples ?? ((TaskAttempted)sampled).Samples;
            float[][] logProbs = [.. samples.Select(s => s.LogProbs.Select(l => l - 0.125f).ToArray())];
            Fact(new ReferenceMeasured(Run, "base", logProbs, Digests.OfLogProbs("base", logProbs)), group);
        }

        var updated = new PolicyUpdated(
            Run, role, iteration, 0, _policies[role], $"{role.WireName()}-{iteration}", groups, new Dictionary<string, double> { ["loss"] = 0.5 });
        Fact(updated, Ids.PolicyStream(Run, iteration, role, 0));
        var metrics = StepMetrics.OfTraining(facts, updated, Options.Specs.KnownTools);
        metrics["wallSeconds"] = 3;
        _policies[role] = updated.Policy;
        if (_options.SharedWeights)
            _policies[Role.Generator] = _policies[Role.Solver] = updated.Policy;
        Fact(new StepCompleted(Run, iteration, role == Role.Generator ? Phase.Generator : Phase.Solver, 0, updated.Policy, metrics));
    }

    private IReadOnlyList<object> Attempt(
        string stream, TaskRef reference, ToolTask task, AttemptPurpose purpose, int iteration, string kind, int n, bool[] right)
    {
        var attempted = Attempted(stream, reference, task, purpose, iteration, kind, n, right);
        var executed = new ToolCallsExecuted(Run, [.. attempted.Samples.Select((s, i) =>
            new SampleExecution(i, [.. SolverAnswer.Parse(s.Text, false).Calls!.Select(c => new CallOutcome(c, CallStatus.Succeeded, "1", null))]))]);
        Fact(executed, stream);
        var scored = new AttemptsScored(Run, SolverReward.ScoreGroup(task, attempted, executed, _options));
        Fact(scored, stream);
        return [attempted, executed, scored];
    }

    private TasksProposed Proposed(string stream, TaskSpec spec, int iteration, string kind, int n, string[] texts)
    {
        var prompt = EncodePrompt(GeneratorPrompt.Render(spec, _options.Prompts, _options.Specs)).ToArray();
        Trajectory[] samples = [.. texts.Select((t, i) => Sample(t, Seeds.Completion(_options.Seed, iteration, kind, 0, n, i)))];
        var proposed = new TasksProposed(Run, spec, _policies[Role.Generator], prompt, samples, Digests.OfGroup(prompt, samples));
        Fact(proposed, stream);
        return proposed;
    }

    private TaskAttempted Attempted(
        string stream, TaskRef reference, ToolTask task, AttemptPurpose purpose, int iteration, string kind, int n, bool[] right)
    {
        var prompt = EncodePrompt(SolverPrompt.Render(task, _options.Prompts)).ToArray();
        var wrong = """<tool_call_answer>[{"name":"add_numbers","arguments":{"first":8}}]</tool_call_answer>""";
        Trajectory[] samples =
            [.. right.Select((r, i) =>
                Sample(r ? CompactFormat.Answer(task.Gold) : wrong, Seeds.Completion(_options.Seed, iteration, kind, 0, n, i)))];
        var attempted = new TaskAttempted(Run, reference, purpose, _policies[Role.Solver], prompt, samples, Digests.OfGroup(prompt, samples));
        Fact(attempted, stream);
        return attempted;
    }

    private TaskAttempted Judged(string kind, TaskRef reference, ToolTask task, AttemptPurpose purpose, int iteration, int n, string says)
    {
        var prompt = EncodePrompt(SolverPrompt.Of(task, purpose, _options.Prompts)).ToArray();
        Trajectory[] samples = [Sample(says, Seeds.Completion(_options.Seed, iteration, kind, 0, n, 0))];
        var judged = new TaskAttempted(Run, reference, purpose, _policies[Role.Solver], prompt, samples, Digests.OfGroup(prompt, samples));
        Fact(judged, Ids.GroupStream(Run, iteration, kind, 0, n));
        return judged;
    }

    private ToolCallsExecuted Executed(string stream, TasksProposed proposed)
    {
        var executed = new ToolCallsExecuted(Run, [.. proposed.Samples.Select((_, i) => new SampleExecution(
            i, [.. (TaskSource.Resolve(new TaskRef(stream, i), proposed)?.Gold ?? [])
                .Select(c => new CallOutcome(c, CallStatus.Succeeded, "1", null))]))]);
        Fact(executed, stream);
        return executed;
    }

    private static string Question(int iteration, int n) => Given.Proposal($"Convert 3 mile of road number {iteration}{n} to feet");

    private static Trajectory Sample(string text, long seed) =>
        new(seed, [.. text.Select(c => (int)c)], [.. text.Select((_, i) => -i / 100f)], text, FinishReason.Stop);

    private void Fact(object fact, string? stream = null)
    {
        stream ??= Ids.RunStream(Run);
        var version = _versions[stream] = _versions.GetValueOrDefault(stream) + 1;
        _facts.Add(new StoredFact(stream, version, _facts.Count + 1, fact, DateTimeOffset.UnixEpoch, null));
    }
}
