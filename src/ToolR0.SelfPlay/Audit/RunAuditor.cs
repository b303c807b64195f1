
using ToolR0.Contracts;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.Audit;

/// <summary>Follows a run's facts; knows the options, the policies in charge, the curriculum and the step under way.</summary>
internal sealed class RunAuditor(
    Func<IReadOnlyList<int>, string>? decode,
    Func<IReadOnlyList<(string Role, string Content)>, IReadOnlyList<int>>? encodePrompt,
    IReadOnlyDictionary<string, IReadOnlyList<HeldOutItem>>? heldOut)
{
    private readonly Findings _findings = new();
    private readonly Dictionary<string, List<HeldOutItem>> _heldOut = heldOut?.ToDictionary(h => h.Key, h => h.Value.ToList()) ?? [];
    private readonly Dictionary<Role, string> _policies = [];
    private readonly Dictionary<TaskRef, ToolTask> _curriculum = [];
    private readonly Dictionary<string, (long Version, object Fact)> _outcomes = [];
    private Dictionary<string, object>? _expectedOutcomes;
    private RunStarted? _run;
    private long _runVersion;
    private int _phaseSteps;
    private StepAuditor? _step;

    public IReadOnlyList<AuditFinding> Next(StoredFact stored)
    {
        switch (stored.Fact)
        {
            case HeldOutRegistered registered:
                if (heldOut?.ContainsKey(stored.Stream) != true)
                    (_heldOut.TryGetValue(stored.Stream, out var items) ? items : _heldOut[stored.Stream] = []).AddRange(registered.Items);
                break;
            case TaskSelected or TaskRejected:
                Outcome(stored);
                break;
            case TasksProposed or TaskAttempted or ToolCallsExecuted or ProposalsScored or AttemptsScored or PolicyUpdated:
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
        Compare(stored, "version", stored.Version, ++_runVersion);
        _runVersion = stored.Version;
        switch (stored.Fact)
        {
            case RunStarted started:
                Start(started, stored);
                break;
            case IterationStarted iteration:
                CloseOutcomes();
                Compare(stored, "generator", iteration.Generator, _policies[Role.Generator]);
                Compare(stored, "solver", iteration.Solver, _policies[Role.Solver]);
                break;
            case PhaseStarted phase:
                _phaseSteps = phase.Steps;
                break;
            case StepStarted started when _run is not null:
                StepStart(started, stored);
                break;
            case CurriculumSelected selected when _step is not null:
                Curriculum(selected, stored);
                break;
            case EvaluationCompleted evaluated when _step is not null:
                _step.Check(evaluated, stored);
                break;
            case StepCompleted completed when _step is not null:
                _step.Check(completed, stored);
                if (completed.Policy is not null && _step.Trained is { } role)
                {
                    _policies[role] = completed.Policy;
                    if (_run!.Options.SharedWeights && completed.Step + 1 == _phaseSteps)
                        _policies[Role.Generator] = _policies[Role.Solver] = completed.Policy;
                }

                _step = null;
                break;
            case RunCompleted completed:
                CloseOutcomes();
                Compare(stored, "generator", completed.Generator, _policies[Role.Generator]);
                Compare(stored, "solver", completed.Solver, _policies[Role.Solver]);
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
            Compare(stored, $"heldOut.{set.Name}.count", set.Count, count);
        }
    }

    private void StepStart(StepStarted started, StoredFact stored)
    {
        foreach (var (role, policy) in started.Policies)
            Compare(stored, $"policies.{role.WireName()}", policy, _policies[role]);
        if (started.Phase is Phase.Generator or Phase.Curriculum)
        {
            _findings.CompareLists(
                stored.Stream, stored.Version, "specs", started.Specs, SpecSampler.ForStep(_run!.Options, started.Iteration, started.Phase, started.Step));
        }

        if (started.Phase == Phase.Solver)
        {
            for (var i = 0; i < started.Tasks.Count; i++)
            {
                if (!_curriculum.ContainsKey(started.Tasks[i]))
                    _findings.Add(stored.Stream, stored.Version, $"tasks[{i}]", started.Tasks[i].ToString(), "a task of the curriculum");
            }
        }

        _step = new StepAuditor(_run!, started, _curriculum, _heldOut, _findings, decode, encodePrompt);
    }

    private void Curriculum(CurriculumSelected selected, StoredFact stored)
    {
        var guard = new HeldOutGuard(_run!.HeldOut.SelectMany(set => _heldOut.GetValueOrDefault(Ids.HeldOutStream(set.Sha256)) ?? []));
        var (expected, verdicts, selection) = _step!.Curriculum(guard);
        _findings.CompareLists(stored.Stream, stored.Version, "tasks", selected.Tasks, expected.Tasks);
        Compare(stored, "sha256", selected.Sha256, expected.Sha256);
        Compare(stored, "candidates", selected.Candidates, expected.Candidates);
        _findings.CompareNumbers(stored.Stream, stored.Version, "rejected", selected.Rejected, expected.Rejected);

        _curriculum.Clear();
        foreach (var verdict in verdicts.Where(v => v.Task is not null))
            _curriculum[verdict.Candidate.Task] = verdict.Task!;
        var kept = selected.Tasks.Select(t => t.Task).ToHashSet();
        foreach (var task in _curriculum.Keys.Where(task => !kept.Contains(task)).ToList())
            _curriculum.Remove(task);

        _expectedOutcomes = selection.Outcomes(selected.Run, selected.Iteration, verdicts).ToDictionary(o => o.Task.Stream, o => o.Fact);
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
            _findings.Add(stream, version, "outcome", fact.ToString()!, "nothing");
        else if (!fact.Equals(expected))
            _findings.Add(stream, version, "outcome", fact.ToString()!, expected.ToString()!);
    }

    private void CloseOutcomes()
    {
        foreach (var (stream, expected) in _expectedOutcomes ?? [])
            _findings.Add(stream, 0, "outcome", "nothing", expected.ToString()!);
        foreach (var (stream, (version, fact)) in _outcomes)
            _findings.Add(stream, version, "outcome", fact.ToString()!, "nothing: no curriculum was selected");
        _expectedOutcomes = null;
        _outcomes.Clear();
    }

    private void Compare<T>(StoredFact stored, string field, T value, T recomputed) => _findings.Compare(stored.Stream, stored.Version, field, value, recomputed);
}
