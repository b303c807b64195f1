using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.SelfPlay.Audit;

/// <summary>Holds one step's facts and recomputes what follows from them.</summary>
internal sealed partial class StepAuditor(
    RunStarted run,
    StepStarted step,
    IReadOnlyDictionary<TaskRef, ToolTask> curriculum,
    IReadOnlyDictionary<string, List<HeldOutItem>> heldOut,
    IReadOnlyList<SelectedTask> selected,
    Func<HeldOutGuard> guard,
    WarmAudit warm,
    Findings findings,
    AuditEncoders encoders)
{
    private readonly Dictionary<string, List<object>> _facts = [];
    private readonly RunOptions _options = run.Options;
    private PolicyUpdated? _updated;
    private IReadOnlyList<double[]>? _repetition;
    private IReadOnlyDictionary<string, double>? _metrics;

    /// <summary>The role this step trains.</summary>
    public Role? Trained => step.Phase.Trains();

    public void Add(StoredFact stored)
    {
        if (stored.Fact is PolicyUpdated updated)
        {
            Check(updated, stored);
            return;
        }

        if (PlaceOf(stored.Stream) is not { } place)
        {
            findings.Add(stored.Stream, stored.Version, "stream", stored.Fact.GetType().Name,
                "nothing: the stream belongs to no group of the step under way");
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
            case TurnTaken taken:
                Check(taken, stored);
                break;
            case ToolCallsExecuted executed:
                Check(executed, stored);
                break;
            case ProposalsScored:
                CheckProposals(stored, place);
                break;
            case AttemptsScored:
                if (place.Group == GroupKind.WarmAttempts)
                    warm.Add(stored.Stream, stored.Fact);
                CheckAttempts(stored);
                break;
            case ProposalsGated gated:
                CheckGate(gated, stored);
                break;
            case TaskVaried varied:
                CheckVariant(varied, stored);
                break;
            case CandidateFiltered or CandidateRated or CandidateLabelled:
                CheckCandidate(stored, place.Number);
                break;
            case ReferenceMeasured measured:
                Check(measured, stored);
                break;
        }
    }

    /// <summary>What was measured on the step's held-out set.</summary>
    public EvaluationCompleted Evaluated()
    {
        var set = step.Step < run.HeldOut.Count ? run.HeldOut[step.Step] : null;
        var answers = step.Tasks
            .Select((task, n) =>
                (Item: Item(task), Attempt: Whole(Stream(n))?.Attempted, Score: Fact<AttemptsScored>(Stream(n))?.Scores.FirstOrDefault()))
            .Where(answer => answer is { Item: not null, Score: not null }).ToList();
        var again = StepMetrics.Evaluated(
            step.Run, step.Iteration, set?.Name ?? "", step.Policies[Role.Solver], answers.Select(answer => (answer.Item!.Class, answer.Score!)));
        _metrics = StepMetrics.OfEvaluation(again, answers.Select(answer => answer.Attempt).OfType<TaskAttempted>(),
            answers.Select(answer => answer.Score!));
        return again;
    }

    public void Check(StepCompleted completed, StoredFact stored)
    {
        foreach (var (stream, last) in Expected())
        {
            if (!_facts.TryGetValue(stream, out var facts) || !facts.Any(last.IsInstanceOfType))
                findings.Add(stream, 0, "fact", "nothing", last.Name);
        }

        if (_updated is not null && step.Phase.Fits() is not null)
            _metrics = _updated.Metrics;
        else if (_updated is not null)
            _metrics = StepMetrics.OfTraining(_facts.SelectMany(f => f.Value.Select(fact => (f.Key, fact))), _updated, _options.Specs.KnownTools);
        if (_metrics is null)
            findings.Add(stored.Stream, stored.Version, "metrics", "some", "nothing: the step has no result");
        findings.CompareFacts(
            stored,
            new StepCompleted(step.Run, step.Iteration, step.Phase, step.Step, _updated?.Policy, _metrics ?? completed.Metrics),
            except: [.. MetricNames.Measured, .. Unknown(completed)]);
    }

    /// <summary>An older build measured no diversity.</summary>
    private IEnumerable<string> Unknown(StepCompleted completed) => completed.Metrics.ContainsKey(MetricNames.WrittenTasks) ? []
        : (_metrics ?? completed.Metrics).Keys.Where(name => MetricNames.OfDiversity.Contains(name.Split('.')[0]));

    private void Check(TasksProposed proposed, StoredFact stored, Place place)
    {
        var kind = step.Phase.WireName();
        Compare(stored, "run", proposed.Run, step.Run);
        Compare(stored, "spec", proposed.Spec, step.Specs[place.Number]);
        Compare(stored, "policy", proposed.Policy, step.Policies[Role.Generator]);
        Compare(stored, "signatures", proposed.Signatures, _options.Prompts.Set == PromptSet.Signatures);
        var count = step.Phase switch
        {
            Phase.Generator => _options.Generator.GroupSize,
            Phase.WarmProposals => _options.WarmStart.Generator.Samples,
            _ => 1,
        };
        var prompts = PromptsOf(stored.Stream, generator: true);
        CheckSamples(
            proposed.Samples, proposed.PromptTokens, proposed.Digest, stored, kind, place.Number, count,
            GeneratorPrompt.Given(proposed.Spec, prompts, _options.Specs));
        CheckPrompt(proposed.PromptTokens, GeneratorPrompt.Render(proposed.Spec, prompts, _options.Specs), stored);
    }

    private void Check(TaskAttempted attempted, StoredFact stored, Place place)
    {
        var (purpose, kind, samples, task) = place.Group switch
        {
            GroupKind.Probe => (AttemptPurpose.Probe, "probe", _options.Generator.Probes, Proposal(place.Number)),
            GroupKind.Judge => (AttemptPurpose.Judge, "judge", _options.Judge.Tries, Proposal(place.Number)),
            GroupKind.Label => (AttemptPurpose.Label, "label", _options.Judge.Tries, new TaskRef(CandidateStream(place.Number), 0)),
            null => (AttemptPurpose.Verify, "verify", _options.Curriculum.VerifySamples, new TaskRef(stored.Stream, 0)),
            GroupKind.Solver => (AttemptPurpose.Train, "solver", _options.Solver.GroupSize, Attempted[place.Number]),
            GroupKind.WarmAttempts => (AttemptPurpose.WarmStart, "warmattempts", _options.WarmStart.Solver.Samples, step.Tasks[place.Number]),
            _ => (AttemptPurpose.Evaluate, "evaluation", 1, step.Tasks[place.Number]),
        };
        Compare(stored, "run", attempted.Run, step.Run);
        Compare(stored, "purpose", attempted.Purpose, purpose);
        Compare(stored, "policy", attempted.Policy, step.Policies[Role.Solver]);
        Compare(stored, "task", attempted.Task, task);
        if (purpose is AttemptPurpose.Judge or AttemptPurpose.Label)
            samples = CheckTries(attempted, stored, samples);
        CheckSamples(attempted.Samples, attempted.PromptTokens, attempted.Digest, stored, kind, place.Number, samples);
        if (Task(attempted.Task) is not { } asked)
            findings.Add(stored.Stream, stored.Version, "task", attempted.Task.ToString(), "nothing: there is no such task");
        else if (attempted.Samples.Any(s => s.Finish != FinishReason.Void))
            CheckPrompt(attempted.PromptTokens, SolverPrompt.Of(asked, purpose, PromptsOf(stored.Stream, generator: false)), stored);
    }

    /// <summary>A judge is asked again until an answer can be read: the number of tries that the answers call for.</summary>
    private int CheckTries(TaskAttempted judged, StoredFact stored, int tries)
    {
        var readable = judged.Samples.ToList().FindIndex(s => s.Finish != FinishReason.Void && Judge.IsReadable(judged.Purpose, s.Text));
        var asked = readable >= 0 ? readable + 1 : Difficulty.PromptTooLong(judged.Samples) ? judged.Samples.Count : tries;
        Compare(stored, "samples.count", judged.Samples.Count, asked);
        return Math.Min(asked, tries);
    }

    /// <param name="given">What each text begins with before what was sampled.</param>
    private void CheckSamples(
        IReadOnlyList<Trajectory> samples, int[] promptTokens, string digest, StoredFact stored, string kind, int number, int count,
        string given = "")
    {
        Compare(stored, "digest", digest, Digests.OfGroup(promptTokens, samples));
        Compare(
            stored,
            "seeds",
            samples.Select(s => s.Seed).ToList(),
            [.. Enumerable.Range(0, count).Select(i => Seeds.Completion(_options.Seed, step.Iteration, kind, step.Step, number, i))]);
        for (var i = 0; i < samples.Count; i++)
        {
            var sample = samples[i];
            // An outside server need not tell them.
            if (_options.Inference.Engine == InferenceEngine.Local || sample.LogProbs.Length > 0)
                Compare(stored, $"samples[{i}].logProbs.count", sample.LogProbs.Length, sample.Tokens.Length);
            if (encoders.Decode is { } decode && sample.Finish != FinishReason.Void)
                Compare(stored, $"samples[{i}].text", sample.Text, given + decode(sample.Tokens));
        }
    }

    private void CheckPrompt(int[] tokens, IReadOnlyList<(string Role, string Content)> messages, StoredFact stored)
    {
        if (encoders.Prompt is { } encodePrompt)
            Compare<IEnumerable<int>>(stored, "promptTokens", tokens, encodePrompt(messages));
    }

    private void CheckProposals(StoredFact stored, Place place)
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

        var again = GeneratorReward.ScoreGroup(
            proposed, executed, Asked(GroupKind.Probe), Asked(GroupKind.Judge), step.Iteration, _options, repetition);
        findings.CompareFacts(stored, new ProposalsScored(step.Run, again));

        List<TaskAttempted?> Asked(GroupKind kind) =>
            [.. proposed.Samples.Select((_, i) => Whole(StepStream(kind, (place.Number * _options.Generator.GroupSize) + i))?.Attempted)];
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

    private void CheckAttempts(StoredFact stored)
    {
        if (Whole(stored.Stream) is not { Attempted: var attempted, Executed: { } executed } || Task(attempted.Task) is not { } task)
        {
            findings.Add(stored.Stream, stored.Version, "scores", "some", "nothing: attempts, executions or the task are missing");
            return;
        }

        findings.CompareFacts(stored, new AttemptsScored(step.Run, SolverReward.ScoreGroup(task, attempted, executed, _options)));
    }

    /// <summary>Of the base, one log-probability a token; which ones is taken as stored.</summary>
    private void Check(ReferenceMeasured measured, StoredFact stored)
    {
        var samples = Fact<TasksProposed>(stored.Stream)?.Samples ?? Whole(stored.Stream)?.Attempted.Samples ?? [];
        if (_options.Learning.KlWeight == 0 || Trained is null)
            findings.Add(stored.Stream, stored.Version, "fact", nameof(ReferenceMeasured), "nothing: the run's loss has no reference policy");
        findings.CompareFacts(
            stored, new ReferenceMeasured(step.Run, run.Base, measured.LogProbs, Digests.OfLogProbs(run.Base, measured.LogProbs)));
        Compare(stored, "logProbs.count", measured.LogProbs.Select(of => of.Length).ToList(), [.. samples.Select(sample => sample.Tokens.Length)]);
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
        findings.CompareFacts(stored, updated with
        {
            Run = step.Run,
            Role = role,
            Iteration = step.Iteration,
            Step = step.Step,
            Base = step.Policies[role],
            Groups = step.Phase.Fits() is not null ? [.. step.Tasks.Select(task => task.Stream).Distinct()]
                : [.. Enumerable.Range(0, Math.Max(step.Specs.Count, step.Tasks.Count)).Select(Stream)],
        });
    }

    /// <summary>Every group stream of the step with the fact that it has to reach.</summary>
    private IEnumerable<(string Stream, Type Last)> Expected() => step.Phase switch
    {
        Phase.Generator or Phase.Solver when _options.Learning.KlWeight > 0 =>
            Enumerable.Range(0, Math.Max(step.Specs.Count, step.Tasks.Count)).Select(n => (Stream(n), typeof(ReferenceMeasured))),
        Phase.Generator => step.Specs.Select((_, n) => (Stream(n), typeof(ProposalsScored))),
        Phase.Curriculum => step.Specs.Select((_, n) => (CandidateStream(n), typeof(ToolCallsExecuted))),
        Phase.WarmProposals => step.Specs.Select((_, n) => (Stream(n), typeof(ProposalsGated))),
        Phase.WarmGenerator or Phase.WarmSolver => [],
        _ => step.Tasks.Select((_, n) => (Stream(n), typeof(AttemptsScored))),
    };

    /// <summary>A task that this step's facts, the curriculum or a held-out set hold; null where there is none.</summary>
    public ToolTask? Task(TaskRef task) =>
        Fact<TasksProposed>(task.Stream) is not null ? TaskSource.Resolve(task, _facts[task.Stream])
        : curriculum.TryGetValue(task, out var known) ? known
        : warm.Tasks.TryGetValue(task, out var kept) ? kept
        : Item(task)?.Task;

    private HeldOutItem? Item(TaskRef task) =>
        heldOut.TryGetValue(task.Stream, out var items) && task.Index >= 0 && task.Index < items.Count ? items[task.Index] : null;

    private T? Fact<T>(string stream)
        where T : class => _facts.TryGetValue(stream, out var facts) ? facts.OfType<T>().FirstOrDefault() : null;

    private string Stream(int n) => StepStream(
        step.Phase switch
        {
            Phase.Generator => GroupKind.Generator,
            Phase.Solver => GroupKind.Solver,
            Phase.WarmProposals => GroupKind.WarmProposals,
            Phase.WarmAttempts => GroupKind.WarmAttempts,
            _ => GroupKind.Evaluation,
        },
        n);

    private string StepStream(GroupKind kind, int n) => Ids.GroupStream(step.Run, step.Iteration, kind, step.Step, n, _options.TurnsOf(kind));

    private string CandidateStream(int n) => Ids.TaskStream(step.Run, step.Iteration, n, _options.TurnsOf(null));

    private TaskRef Proposal(int number) => new(Stream(number / _options.Generator.GroupSize), number % _options.Generator.GroupSize);

    private void Compare<T>(StoredFact stored, string field, T value, T recomputed) =>
        findings.Compare(stored.Stream, stored.Version, field, value, recomputed);

    /// <summary>Where a stream stands in this step, null if it does not belong to it.</summary>
    private Place? PlaceOf(string stream)
    {
        if (!StreamKey.TryParse(stream, out var key) || key.Run != step.Run || key.Iteration != step.Iteration)
            return null;
        GroupKind? group = key.Kind == StreamKind.Group && key.Step == step.Step ? key.Group : null;
        if (key.Turns != _options.TurnsOf(group))
            return null;
        var count = (step.Phase, group) switch
        {
            (Phase.Generator, GroupKind.Generator) => step.Specs.Count,
            (Phase.Generator, GroupKind.Probe or GroupKind.Judge) => step.Specs.Count * _options.Generator.GroupSize,
            (Phase.Curriculum, GroupKind.Label) => step.Specs.Count,
            (Phase.Curriculum, null) when key.Kind == StreamKind.Task => step.Specs.Count,
            (Phase.Solver, GroupKind.Solver) or (Phase.Evaluation, GroupKind.Evaluation) or (Phase.WarmAttempts, GroupKind.WarmAttempts) =>
                step.Tasks.Count,
            (Phase.WarmProposals, GroupKind.WarmProposals) => step.Specs.Count,
            (Phase.Solver, GroupKind.Variant) => step.Tasks.Count,
            (Phase.WarmAttempts, GroupKind.Variant) => _options.WarmStart.Solver.Keep,
            _ => 0,
        };
        return key.Number < count ? new Place(group, key.Number) : null;
    }
}

/// <param name="Group">Null for a candidate.</param>
/// <param name="Number">The group's or candidate's number.</param>
internal sealed record Place(GroupKind? Group, int Number);
