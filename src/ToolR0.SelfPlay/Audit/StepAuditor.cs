using System.Globalization;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.SelfPlay.Audit;

/// <summary>Holds one step's facts and recomputes what follows from them.</summary>
internal sealed class StepAuditor(
    RunStarted run,
    StepStarted step,
    IReadOnlyDictionary<TaskRef, ToolTask> curriculum,
    IReadOnlyDictionary<string, List<HeldOutItem>> heldOut,
    Findings findings,
    Func<IReadOnlyList<int>, string>? decode,
    Func<IReadOnlyList<(string Role, string Content)>, IReadOnlyList<int>>? encodePrompt)
{
    private readonly Dictionary<string, List<object>> _facts = [];
    private readonly RunOptions _options = run.Options;
    private PolicyUpdated? _updated;
    private IReadOnlyList<double[]>? _repetition;
    private IReadOnlyDictionary<string, double>? _metrics;

    /// <summary>The role this step trains.</summary>
    public Role? Trained => step.Phase switch
    {
        Phase.Generator => Role.Generator,
        Phase.Solver => Role.Solver,
        _ => null,
    };

    public void Add(StoredFact stored)
    {
        if (stored.Fact is PolicyUpdated updated)
        {
            Check(updated, stored);
            return;
        }

        if (Place(stored.Stream) is not { } place)
        {
            findings.Add(stored.Stream, stored.Version, "stream", stored.Fact.GetType().Name, "nothing: the stream belongs to no group of the step under way");
            return;
        }

        var facts = _facts.TryGetValue(stored.Stream, out var list) ? list : _facts[stored.Stream] = [];
        Compare(stored, "version", stored.Version, facts.Count + 1);
        facts.Add(stored.Fact);
        switch (stored.Fact)
        {
            case TasksProposed proposed:
                Check(proposed, stored, place);
                break;
            case TaskAttempted attempted:
                Check(attempted, stored, place);
                break;
            case ToolCallsExecuted executed:
                Check(executed, stored);
                break;
            case ProposalsScored scored:
                Check(scored, stored, place);
                break;
            case AttemptsScored scored:
                Check(scored, stored);
                break;
        }
    }

    /// <summary>The curriculum as the step's facts give it.</summary>
    public (CurriculumSelected Fact, IReadOnlyList<CandidateVerdict> Verdicts, CurriculumSelection Selection) Curriculum(HeldOutGuard guard)
    {
        var candidates = Enumerable.Range(0, step.Specs.Count)
            .Select(n => (n, Stream: Ids.TaskStream(step.Run, step.Iteration, n)))
            .Where(c => Fact<TasksProposed>(c.Stream) is { Samples.Count: > 0 })
            .Select(c => Candidate.Of(c.Stream, c.n, Fact<TasksProposed>(c.Stream)!, Fact<ToolCallsExecuted>(c.Stream)))
            .ToList();
        var verdicts = CurriculumBuilder.Filter(candidates, guard, _options);
        var verified = verdicts.Where(v => v.Survives && Fact<TaskAttempted>(v.Candidate.Task.Stream) is not null)
            .Select(v => new VerifiedCandidate(v, Fact<TaskAttempted>(v.Candidate.Task.Stream)!, Fact<TaskAttempted>(StepStream("label", v.Candidate.Index))));
        var selection = CurriculumBuilder.Select([.. verified], step.Iteration, _options);
        _metrics = StepMetrics.OfCurriculum(selection.ToFact(step.Run, step.Iteration, verdicts), selection, verdicts, _options.Specs.KnownTools);
        return (selection.ToFact(step.Run, step.Iteration, verdicts), verdicts, selection);
    }

    public void Check(EvaluationCompleted evaluated, StoredFact stored)
    {
        var set = step.Step < run.HeldOut.Count ? run.HeldOut[step.Step] : null;
        var answers = step.Tasks
            .Select((task, n) => (Item: Item(task), Score: Fact<AttemptsScored>(Stream(n))?.Scores.FirstOrDefault()))
            .Where(answer => answer is { Item: not null, Score: not null })
            .Select(answer => (answer.Item!.Class, answer.Score!)).ToList();
        var again = StepMetrics.Evaluated(step.Run, step.Iteration, set?.Name ?? "", step.Policies[Role.Solver], answers);
        Compare(stored, "set", evaluated.Set, again.Set);
        Compare(stored, "policy", evaluated.Policy, again.Policy);
        Compare(stored, "items", evaluated.Items, again.Items);
        Compare(stored, "accuracy", evaluated.Accuracy, again.Accuracy);
        findings.CompareNumbers(stored.Stream, stored.Version, "byClass", evaluated.ByClass, again.ByClass);
        _metrics = StepMetrics.OfEvaluation(again, answers.Select(answer => answer.Item2));
    }

    public void Check(StepCompleted completed, StoredFact stored)
    {
        Compare(stored, "iteration", completed.Iteration, step.Iteration);
        Compare(stored, "phase", completed.Phase, step.Phase);
        Compare(stored, "step", completed.Step, step.Step);
        Compare(stored, "policy", completed.Policy, _updated?.Policy);
        foreach (var (stream, last) in Expected())
        {
            if (!_facts.TryGetValue(stream, out var facts) || !facts.Any(last.IsInstanceOfType))
                findings.Add(stream, 0, "fact", "nothing", last.Name);
        }

        if (_updated is not null)
            _metrics = StepMetrics.OfTraining(_facts.SelectMany(f => f.Value.Select(fact => (f.Key, fact))), _updated, _options.Specs.KnownTools);
        if (_metrics is null)
            findings.Add(stored.Stream, stored.Version, "metrics", "some", "nothing: the step has no result");
        else
            findings.CompareNumbers(stored.Stream, stored.Version, "metrics", completed.Metrics, _metrics, [.. MetricNames.Measured, MetricNames.TokensSampled, MetricNames.TokensLearned]);
    }

    private void Check(TasksProposed proposed, StoredFact stored, Place place)
    {
        var kind = step.Phase.WireName();
        Compare(stored, "spec", proposed.Spec, step.Specs[place.Number]);
        Compare(stored, "policy", proposed.Policy, step.Policies[Role.Generator]);
        CheckSamples(proposed.Samples, proposed.PromptTokens, proposed.Digest, stored, kind, place.Number, step.Phase == Phase.Generator ? _options.Generator.GroupSize : 1);
        CheckPrompt(proposed.PromptTokens, GeneratorPrompt.Render(proposed.Spec, _options.Prompts), stored);
    }

    private void Check(TaskAttempted attempted, StoredFact stored, Place place)
    {
        var (purpose, kind, samples, task) = place.Kind switch
        {
            "probe" => (AttemptPurpose.Probe, "probe", _options.Generator.Probes, Proposal(place.Number)),
            "judge" => (AttemptPurpose.Judge, "judge", _options.Judge.Tries, Proposal(place.Number)),
            "label" => (AttemptPurpose.Label, "label", _options.Judge.Tries, new TaskRef(Ids.TaskStream(step.Run, step.Iteration, place.Number), 0)),
            "task" => (AttemptPurpose.Verify, "verify", _options.Curriculum.VerifySamples, new TaskRef(stored.Stream, 0)),
            "solver" => (AttemptPurpose.Train, "solver", _options.Solver.GroupSize, step.Tasks[place.Number]),
            _ => (AttemptPurpose.Evaluate, "evaluation", 1, step.Tasks[place.Number]),
        };
        Compare(stored, "purpose", attempted.Purpose, purpose);
        Compare(stored, "policy", attempted.Policy, step.Policies[Role.Solver]);
        Compare(stored, "task", attempted.Task, task);
        if (purpose is AttemptPurpose.Judge or AttemptPurpose.Label)
            samples = CheckTries(attempted, stored, samples);
        CheckSamples(attempted.Samples, attempted.PromptTokens, attempted.Digest, stored, kind, place.Number, samples);
        if (Task(attempted.Task) is not { } asked)
            findings.Add(stored.Stream, stored.Version, "task", attempted.Task.ToString(), "nothing: there is no such task");
        else if (attempted.Samples.Any(s => s.Finish != FinishReason.Void))
            CheckPrompt(attempted.PromptTokens, SolverPrompt.Of(asked, purpose, _options.Prompts), stored);
    }

    /// <summary>A judge is asked again until an answer can be read: the number of tries that the answers call for.</summary>
    private int CheckTries(TaskAttempted judged, StoredFact stored, int tries)
    {
        var readable = judged.Samples.ToList().FindIndex(s => s.Finish != FinishReason.Void && Judge.IsReadable(judged.Purpose, s.Text));
        var asked = readable >= 0 ? readable + 1 : Difficulty.PromptTooLong(judged.Samples) ? judged.Samples.Count : tries;
        Compare(stored, "samples.count", judged.Samples.Count, asked);
        return Math.Min(asked, tries);
    }

    private void CheckSamples(
        IReadOnlyList<Trajectory> samples, int[] promptTokens, string digest, StoredFact stored, string kind, int number, int count)
    {
        Compare(stored, "digest", digest, Digests.OfGroup(promptTokens, samples));
        findings.CompareLists(
            stored.Stream,
            stored.Version,
            "seeds",
            [.. samples.Select(s => s.Seed)],
            [.. Enumerable.Range(0, count).Select(i => Seeds.Completion(_options.Seed, step.Iteration, kind, step.Step, number, i))]);
        for (var i = 0; i < samples.Count; i++)
        {
            var sample = samples[i];
            // An outside server need not tell them.
            if (_options.Inference.Engine == InferenceEngine.Local || sample.LogProbs.Length > 0)
                Compare(stored, $"samples[{i}].logProbs.count", sample.LogProbs.Length, sample.Tokens.Length);
            if (decode is not null && sample.Finish != FinishReason.Void)
                Compare(stored, $"samples[{i}].text", sample.Text, decode(sample.Tokens));
        }
    }

    private void CheckPrompt(int[] tokens, IReadOnlyList<(string Role, string Content)> messages, StoredFact stored)
    {
        if (encodePrompt is not null)
            findings.CompareLists(stored.Stream, stored.Version, "promptTokens", tokens, encodePrompt(messages));
    }

    /// <summary>The executed calls are the ones that the texts make.</summary>
    private void Check(ToolCallsExecuted executed, StoredFact stored)
    {
        IReadOnlyList<IReadOnlyList<ToolCall>> made = _facts[stored.Stream][0] switch
        {
            TasksProposed proposed => [.. proposed.Samples.Select((_, i) => TaskSource.Resolve(new TaskRef(stored.Stream, i), proposed)?.Gold ?? [])],
            TaskAttempted attempted => [.. attempted.Samples.Select(s =>
                s.Finish == FinishReason.Void ? [] : SolverAnswer.Parse(s.Text, _options.Solver.RequireThink).Calls ?? [])],
            _ => [],
        };
        findings.CompareLists(stored.Stream, stored.Version, "samples.sample", [.. executed.Samples.Select(s => s.Sample)], [.. Enumerable.Range(0, made.Count)]);
        foreach (var sample in executed.Samples.Where(s => s.VoidCause is null && s.Sample >= 0 && s.Sample < made.Count))
        {
            findings.CompareLists(
                stored.Stream,
                stored.Version,
                $"samples[{sample.Sample}].calls",
                [.. sample.Calls.Select(c => Calls.Canonical(c.Call))],
                [.. made[sample.Sample].Select(Calls.Canonical)]);
        }
    }

    private void Check(ProposalsScored scored, StoredFact stored, Place place)
    {
        if (Fact<TasksProposed>(stored.Stream) is not { } proposed || Fact<ToolCallsExecuted>(stored.Stream) is not { } executed)
        {
            findings.Add(stored.Stream, stored.Version, "scores", "some", "nothing: proposals or executions are missing");
            return;
        }

        if (RepetitionOf(proposed, place.Number) is not { } repetition)
        {
            findings.Add(stored.Stream, stored.Version, "scores", "some", "nothing: proposals of the step are missing");
            return;
        }

        var again = GeneratorReward.ScoreGroup(proposed, executed, Asked("probe"), Asked("judge"), step.Iteration, _options, repetition);
        Compare(stored, "scores.count", scored.Scores.Count, again.Count);
        foreach (var ((a, b), i) in scored.Scores.Zip(again).Select((pair, i) => (pair, i)))
        {
            Field("sample", a.Sample, b.Sample);
            Field("format", a.Format, b.Format);
            Field("validity", a.Validity, b.Validity);
            Field("difficulty", a.Difficulty, b.Difficulty);
            Field("coherence", a.Coherence, b.Coherence);
            Field("curriculum", a.Curriculum, b.Curriculum);
            Field("repetition", a.Repetition, b.Repetition);
            Field("total", a.Total, b.Total);
            Field("passRate", a.PassRate, b.PassRate);
            Field("consistency", a.Consistency, b.Consistency);
            Field("reasons", string.Join(',', a.Reasons), string.Join(',', b.Reasons));
            Field("advantage", a.Advantage, b.Advantage);
            Field("void", a.Void, b.Void);

            void Field<T>(string name, T value, T recomputed) => Compare(stored, $"scores[{i}].{name}", value, recomputed);
        }

        List<TaskAttempted?> Asked(string kind) =>
            [.. proposed.Samples.Select((_, i) => Fact<TaskAttempted>(StepStream(kind, (place.Number * _options.Generator.GroupSize) + i)))];
    }

    /// <summary>Per sample the share of the batch that asks the same; null where the batch is not all there.</summary>
    private double[]? RepetitionOf(TasksProposed group, int number)
    {
        var reward = _options.Generator.Reward;
        if (!Repetition.NeedsWholeStep(reward))
            return Repetition.OfGroups([group], reward)[0];
        if (_repetition is null)
        {
            var groups = step.Specs.Select((_, n) => Fact<TasksProposed>(Stream(n))).OfType<TasksProposed>().ToList();
            _repetition = groups.Count == step.Specs.Count ? Repetition.OfGroups(groups, reward) : null;
        }

        return _repetition?[number];
    }

    private void Check(AttemptsScored scored, StoredFact stored)
    {
        if (Fact<TaskAttempted>(stored.Stream) is not { } attempted || Fact<ToolCallsExecuted>(stored.Stream) is not { } executed || Task(attempted.Task) is not { } task)
        {
            findings.Add(stored.Stream, stored.Version, "scores", "some", "nothing: attempts, executions or the task are missing");
            return;
        }

        var again = SolverReward.ScoreGroup(task, attempted, executed, _options);
        Compare(stored, "scores.count", scored.Scores.Count, again.Count);
        foreach (var ((a, b), i) in scored.Scores.Zip(again).Select((pair, i) => (pair, i)))
        {
            Field("sample", a.Sample, b.Sample);
            Field("format", a.Format, b.Format);
            Field("accuracy", a.Accuracy, b.Accuracy);
            Field("name", a.Name, b.Name);
            Field("keys", a.Keys, b.Keys);
            Field("values", a.Values, b.Values);
            Field("extraCallFactor", a.ExtraCallFactor, b.ExtraCallFactor);
            Field("total", a.Total, b.Total);
            Field("exact", a.Exact, b.Exact);
            Field("reasons", string.Join(',', a.Reasons), string.Join(',', b.Reasons));
            Field("advantage", a.Advantage, b.Advantage);
            Field("void", a.Void, b.Void);

            void Field<T>(string name, T value, T recomputed) => Compare(stored, $"scores[{i}].{name}", value, recomputed);
        }
    }

    private void Check(PolicyUpdated updated, StoredFact stored)
    {
        _updated = updated;
        if (Trained is not { } role)
        {
            findings.Add(stored.Stream, stored.Version, "role", updated.Role.WireName(), "nothing: the step trains no policy");
            return;
        }

        Compare(stored, "stream", stored.Stream, Ids.PolicyStream(step.Run, step.Iteration, role, step.Step));
        Compare(stored, "role", updated.Role, role);
        Compare(stored, "base", updated.Base, step.Policies[role]);
        findings.CompareLists(stored.Stream, stored.Version, "groups", updated.Groups, [.. Enumerable.Range(0, Math.Max(step.Specs.Count, step.Tasks.Count)).Select(Stream)]);
    }

    /// <summary>Every group stream of the step with the fact that it has to reach.</summary>
    private IEnumerable<(string Stream, Type Last)> Expected() => step.Phase switch
    {
        Phase.Generator => step.Specs.Select((_, n) => (Stream(n), typeof(ProposalsScored))),
        Phase.Curriculum => step.Specs.Select((_, n) => (Ids.TaskStream(step.Run, step.Iteration, n), typeof(ToolCallsExecuted))),
        _ => step.Tasks.Select((_, n) => (Stream(n), typeof(AttemptsScored))),
    };

    private ToolTask? Task(TaskRef task) =>
        Fact<TasksProposed>(task.Stream) is { } proposed ? TaskSource.Resolve(task, proposed)
        : curriculum.TryGetValue(task, out var known) ? known
        : Item(task)?.Task;

    private HeldOutItem? Item(TaskRef task) =>
        heldOut.TryGetValue(task.Stream, out var items) && task.Index >= 0 && task.Index < items.Count ? items[task.Index] : null;

    private T? Fact<T>(string stream)
        where T : class => _facts.TryGetValue(stream, out var facts) ? facts.OfType<T>().FirstOrDefault() : null;

    private string Stream(int n) => StepStream(step.Phase.WireName(), n);

    private string StepStream(string kind, int n) => Ids.GroupStream(step.Run, step.Iteration, kind, step.Step, n);

    private TaskRef Proposal(int number) => new(Stream(number / _options.Generator.GroupSize), number % _options.Generator.GroupSize);

    private void Compare<T>(StoredFact stored, string field, T value, T recomputed) =>
        findings.Compare(stored.Stream, stored.Version, field, value, recomputed);

    /// <summary>Where a stream stands in this step, null if it does not belong to it.</summary>
    private Place? Place(string stream)
    {
        var parts = stream.Split('/');
        var (kind, tail) = parts switch
        {
            ["group", _, _, var name, var at, _] when at == Text(step.Step) => (name, parts[^1]),
            ["task", _, _, _] => ("task", parts[^1]),
            _ => ("", ""),
        };
        if (parts.Length < 4 || parts[1] != step.Run || parts[2] != Text(step.Iteration) || !int.TryParse(tail, CultureInfo.InvariantCulture, out var number))
            return null;
        var count = (step.Phase, kind) switch
        {
            (Phase.Generator, "generator") => step.Specs.Count,
            (Phase.Generator, "probe" or "judge") => step.Specs.Count * _options.Generator.GroupSize,
            (Phase.Curriculum, "task" or "label") => step.Specs.Count,
            (Phase.Solver, "solver") or (Phase.Evaluation, "evaluation") => step.Tasks.Count,
            _ => 0,
        };
        return number >= 0 && number < count ? new Place(kind, number) : null;

        static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
    }
}

/// <param name="Kind">generator, probe, judge, task, label, solver or evaluation.</param>
/// <param name="Number">The group's number.</param>
internal sealed record Place(string Kind, int Number);
