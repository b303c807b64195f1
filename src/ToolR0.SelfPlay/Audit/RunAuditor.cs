using ToolR0.Contracts;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Specs;
using ToolR0.SelfPlay.WarmStart;

namespace ToolR0.SelfPlay.Audit;

/// <summary>Follows a run's facts; knows the options, the policies in charge, the curriculum and the step under way.</summary>
internal sealed class RunAuditor(
    AuditEncoders encoders, IReadOnlyDictionary<string, IReadOnlyList<HeldOutItem>>? heldOut)
{
    private readonly Findings _findings = new();
    private readonly Dictionary<string, List<HeldOutItem>> _heldOut = heldOut?.ToDictionary(h => h.Key, h => h.Value.ToList()) ?? [];
    private readonly Dictionary<Role, string> _policies = [];
    private readonly Dictionary<TaskRef, ToolTask> _curriculum = [];
    private readonly Dictionary<string, (long Version, object Fact)> _outcomes = [];
    private Dictionary<string, (long Version, object Fact)>? _expectedOutcomes;
    private RunStarted? _run;
    private HeldOutGuard? _guard;

    /// <summary>Outcomes of calls that change something, as they were kept before they were answered.</summary>
    private readonly Dictionary<string, ToolCallsExecuted> _journal = new(StringComparer.Ordinal);
    private readonly WarmAudit _warm = new();
    private readonly Dictionary<Phase, int> _warmSteps = [];
    private IReadOnlyList<SelectedTask> _selected = [];
    private long _runVersion;
    private int _iteration;
    private int _stepsDone;
    private PhaseStarted? _phase;
    private StepAuditor? _step;

    /// <summary>Of the run's held-out items as far as they are known at the first curriculum.</summary>
    private HeldOutGuard Guard =>
        _guard ??= new HeldOutGuard(_run!.HeldOut.SelectMany(set => _heldOut.GetValueOrDefault(Ids.HeldOutStream(set.Sha256)) ?? []));

    public IReadOnlyList<AuditFinding> Next(StoredFact stored)
    {
        switch (stored.Fact)
        {
            case HeldOutRegistered registered:
                if (heldOut?.ContainsKey(stored.Stream) != true)
                    (_heldOut.TryGetValue(stored.Stream, out var items) ? items : _heldOut[stored.Stream] = []).AddRange(registered.Items);
                break;
            case CallsBegun:
                break;
            case ToolCallsExecuted executed when StreamKey.IsOf(stored.Stream, StreamKind.Calls):
                _journal[stored.Stream] = executed;
                break;
            case TaskSelected or TaskRejected:
                Outcome(stored);
                break;
            case TasksProposed or TaskAttempted or ToolCallsExecuted or ProposalsScored or AttemptsScored or PolicyUpdated
                or CandidateFiltered or CandidateRated or CandidateLabelled or ReferenceMeasured or ProposalsGated or TaskVaried or TurnTaken:
                if (stored.Fact is ToolCallsExecuted
                    && _journal.Remove(StreamKey.OfCalls(_run?.Run ?? "", new StreamPlace(stored.Stream, stored.Version)).ToString(), out var told))
                    _findings.CompareFacts(stored, told);
                if (_step is null)
                    _findings.Add(stored.Stream, stored.Version, "stream", stored.Fact.GetType().Name, "nothing: no step is under way");
                else
                    _step.Add(stored);
                break;
            default:
                RunFact(stored);
                break;
        }

        return _findings.Take();
    }

    public IReadOnlyList<AuditFinding> End()
    {
        CloseOutcomes();
        return _findings.Take();
    }

    private void RunFact(StoredFact stored)
    {
        _findings.Compare(stored.Stream, stored.Version, "version", stored.Version, ++_runVersion);
        _runVersion = stored.Version;
        if (stored.Fact is RunStarted started)
            Start(started, stored);
        else if (_run is null)
            _findings.Add(stored.Stream, stored.Version, "stream", stored.Fact.GetType().Name, "nothing: the run has not started");
        else
            RunFact(stored, _run.Run);
    }

    private void RunFact(StoredFact stored, string run)
    {
        switch (stored.Fact)
        {
            case IterationStarted iteration:
                CloseOutcomes();
                _findings.CompareFacts(stored, new IterationStarted(run, _iteration + 1, _policies[Role.Generator], _policies[Role.Solver]));
                (_iteration, _phase) = (iteration.Iteration, null);
                break;
            case PhaseStarted phase:
                var next = NextPhase();
                _findings.CompareFacts(
                    stored, new PhaseStarted(run, _iteration, next, StepsOf(next), _iteration == 0 ? _warmSteps.GetValueOrDefault(next) : 0));
                (_phase, _stepsDone) = (phase, 0);
                if (phase.Phase.Fits() is { } role)
                    _policies[role] = _run!.Base;
                break;
            case WarmStartSelected selected when _step is not null:
                if (_step.WarmStartSelected(stored) is { } expected)
                    _findings.CompareFacts(stored, expected);
                _warm.Add(selected);
                break;
            case StepStarted step:
                StepStart(step, stored);
                break;
            case CurriculumSelected selected when _step is not null:
                Curriculum(selected, stored);
                break;
            case EvaluationCompleted when _step is not null:
                _findings.CompareFacts(stored, _step.Evaluated());
                break;
            case StepCompleted completed when _step is not null:
                Complete(completed, stored, _step);
                break;
            case RunCompleted:
                CloseOutcomes();
                _findings.CompareFacts(stored, new RunCompleted(run, _policies[Role.Generator], _policies[Role.Solver]));
                break;
        }
    }

    private void Start(RunStarted started, StoredFact stored)
    {
        _run = started;
        _policies[Role.Generator] = _policies[Role.Solver] = started.Base;
        foreach (var set in started.HeldOut)
        {
            var count = _heldOut.TryGetValue(Ids.HeldOutStream(set.Sha256), out var items) ? items.Count : 0;
            _findings.Compare(stored.Stream, stored.Version, $"heldOut.{set.Name}.count", set.Count, count);
        }
    }

    private Phase NextPhase() => _iteration == 0 && (_phase is not null || _run!.HeldOut.Count == 0)
        && WarmStartPlan.Next(_phase?.Phase, _warm.Rounds, _run!.Options) is { } warm ? warm : _phase?.Phase switch
        {
            null when _iteration == 0 => Phase.Evaluation,
            null => _run!.Options.Generator.Train ? Phase.Generator : Phase.Curriculum,
            Phase.Generator => Phase.Curriculum,
            Phase.Curriculum => Phase.Solver,
            _ => Phase.Evaluation,
        };

    private int StepsOf(Phase phase) => phase switch
    {
        Phase.Generator => _run!.Options.Generator.Steps,
        Phase.Curriculum or Phase.WarmProposals or Phase.WarmAttempts => 1,
        Phase.WarmGenerator or Phase.WarmSolver =>
            _warm.Kept(phase.Fits()!.Value) is { } kept ? WarmStartPlan.Steps(kept, _run!.Options.WarmStart) : 0,
        Phase.Solver => _run!.Options.Solver.Steps,
        _ => _run!.HeldOut.Count,
    };

    private void StepStart(StepStarted started, StoredFact stored)
    {
        var options = _run!.Options;
        var (phase, step) = (_phase?.Phase ?? started.Phase, (_phase?.First ?? 0) + _stepsDone);
        _findings.CompareFacts(stored, new StepStarted(
            _run.Run,
            _iteration,
            phase,
            step,
            phase is Phase.Generator or Phase.Curriculum or Phase.WarmProposals ? SpecSampler.ForStep(options, _iteration, phase, step) : [],
            phase switch
            {
                Phase.Solver when _selected.Count > 0 && step < _phase?.Steps =>
                    [.. TrainingOrder.Positions(_selected.Count, _phase.Steps, options.Solver.PromptsPerStep, step)
                        .Select(position => _selected[position].Task)],
                Phase.Evaluation when step < _run.HeldOut.Count => Items(_run.HeldOut[step], options.Evaluation.Limit),
                Phase.WarmAttempts => _warm.Kept(Role.Generator)?.Kept ?? [],
                Phase.WarmGenerator or Phase.WarmSolver when _warm.Kept(phase.Fits()!.Value) is { } kept =>
                    WarmStartPlan.Step(kept, _stepsDone, options).Examples,
                _ => [],
            },
            new Dictionary<Role, string>(_policies)));
        _step = new StepAuditor(_run, started, _curriculum, _heldOut, _selected, () => Guard, _warm, _findings, encoders);
    }

    private static IReadOnlyList<TaskRef> Items(HeldOutSet set, int limit)
    {
        var stream = Ids.HeldOutStream(set.Sha256);
        return [.. Enumerable.Range(0, limit > 0 ? Math.Min(limit, set.Count) : set.Count).Select(i => new TaskRef(stream, i))];
    }

    private void Complete(StepCompleted completed, StoredFact stored, StepAuditor step)
    {
        step.Check(completed, stored);
        _stepsDone++;
        if (_iteration == 0 && completed.Phase != Phase.Evaluation)
            _warmSteps[completed.Phase] = _warmSteps.GetValueOrDefault(completed.Phase) + 1;
        if (completed.Policy is not null && step.Trained is { } role)
        {
            _policies[role] = completed.Policy;
            if (_run!.Options.SharedWeights && completed.Step + 1 == _phase?.Steps)
                _policies[Role.Generator] = _policies[Role.Solver] = completed.Policy;
        }

        _step = null;
    }

    private void Curriculum(CurriculumSelected selected, StoredFact stored)
    {
        var expected = _step!.Curriculum(stored);
        _findings.CompareFacts(stored, expected.Fact);
        _selected = selected.Tasks;
        _curriculum.Clear();
        foreach (var task in selected.Tasks.Select(t => t.Task))
        {
            if (_step.Task(task) is { } known)
                _curriculum[task] = known;
        }

        _expectedOutcomes = expected.Outcomes.ToDictionary(outcome => outcome.Stream, outcome => (outcome.Version, outcome.Fact));
        foreach (var (stream, (version, fact)) in _outcomes.ToList())
        {
            _outcomes.Remove(stream);
            CompareOutcome(stream, version, fact);
        }
    }

    /// <summary>A candidate's last event stands in the same append as the selection: before or after it.</summary>
    private void Outcome(StoredFact stored)
    {
        if (_expectedOutcomes is null)
            _outcomes[stored.Stream] = (stored.Version, stored.Fact);
        else
            CompareOutcome(stored.Stream, stored.Version, stored.Fact);
    }

    private void CompareOutcome(string stream, long version, object fact)
    {
        if (!_expectedOutcomes!.Remove(stream, out var expected))
        {
            _findings.Add(stream, version, "outcome", fact.ToString()!, "nothing");
            return;
        }

        _findings.Compare(stream, version, "version", version, expected.Version);
        if (fact.GetType() == expected.Fact.GetType())
            _findings.CompareFacts(stream, version, fact, expected.Fact);
        else
            _findings.Add(stream, version, "outcome", fact.ToString()!, expected.Fact.ToString()!);
    }

    private void CloseOutcomes()
    {
        foreach (var (stream, expected) in _expectedOutcomes ?? [])
            _findings.Add(stream, 0, "outcome", "nothing", expected.Fact.ToString()!);
        foreach (var (stream, (version, fact)) in _outcomes)
            _findings.Add(stream, version, "outcome", fact.ToString()!, "nothing: no curriculum was selected");
        _expectedOutcomes = null;
        _outcomes.Clear();
    }
}
