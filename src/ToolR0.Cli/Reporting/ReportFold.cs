using System.Globalization;
using ToolR0.Contracts;

namespace ToolR0.Cli.Reporting;

/// <summary>
/// Folds a run's events, in order, into a <see cref="RunReport"/>. Holds sums, not events, so that a run of any size fits; the examples are
/// read afterwards from the streams that <see cref="ReportReader"/> picks.
/// </summary>
public sealed class ReportFold
{
    private readonly Dictionary<(int Iteration, Phase Phase, int Step), StepTotals> _open = [];
    private readonly List<StepReport> _steps = [];
    private readonly List<CurriculumReport> _curricula = [];
    private readonly List<EvaluationCompleted> _evaluations = [];
    private readonly Dictionary<Role, string> _policies = [];
    private RunStarted? _started;
    private DateTimeOffset _startedAt;
    private DateTimeOffset _endedAt;
    private DateTimeOffset? _pausedAt;
    private TimeSpan _paused;
    private RunStatus _status;
    private string? _reason;
    private long _events;
    private long _tokens;

    public void Add(StoredFact stored)
    {
        _events++;
        if (_started is not null && stored.At > _endedAt)
            _endedAt = stored.At;

        switch (stored.Fact)
        {
            case RunStarted started:
                (_started, _startedAt, _endedAt, _status) = (started, stored.At, stored.At, RunStatus.Running);
                _policies[Role.Generator] = _policies[Role.Solver] = started.Base;
                break;
            case RunPaused:
                (_status, _pausedAt) = (RunStatus.Paused, stored.At);
                break;
            case RunResumed:
                if (_pausedAt is { } since)
                    _paused += stored.At - since;
                (_status, _pausedAt, _reason) = (RunStatus.Running, null, null);
                break;
            case RunCompleted completed:
                _status = RunStatus.Completed;
                _policies[Role.Generator] = completed.Generator;
                _policies[Role.Solver] = completed.Solver;
                break;
            case RunFailed failed:
                (_status, _reason) = (RunStatus.Failed, failed.Reason);
                break;
            case RunCancelled cancelled:
                (_status, _reason) = (RunStatus.Cancelled, cancelled.Reason);
                break;
            case TasksProposed proposed:
                Count(stored.Stream, proposed.Samples);
                break;
            case TaskAttempted attempted:
                Count(stored.Stream, attempted.Samples);
                break;
            case ProposalsScored scored:
                Step(stored.Stream)?.Add(scored);
                break;
            case AttemptsScored scored:
                Step(stored.Stream)?.Add(scored);
                break;
            case PolicyUpdated updated:
                _policies[updated.Role] = updated.Policy;
                Step((updated.Iteration, updated.Role == Role.Generator ? Phase.Generator : Phase.Solver, updated.Step)).Learning = updated.Metrics;
                break;
            case CurriculumSelected selected:
                _curricula.Add(new CurriculumReport(selected.Iteration, selected.Candidates, selected.Tasks, selected.Rejected, selected.Sha256));
                break;
            case EvaluationCompleted evaluated:
                _evaluations.Add(evaluated);
                break;
            case StepCompleted completed:
                Close(completed);
                break;
        }
    }

    /// <exception cref="CliError">The events do not start a run.</exception>
    public RunReport Build()
    {
        var started = _started ?? throw new CliError("the run has no events");
        return new RunReport
        {
            Run = started.Run,
            Options = started.Options,
            Base = started.Base,
            ProductVersion = started.ProductVersion,
            StartedAt = _startedAt,
            EndedAt = _endedAt,
            Status = _status,
            Reason = _reason,
            Events = _events,
            HeldOut = started.HeldOut,
            Steps = [.. _steps],
            Curricula = [.. _curricula],
            Evaluations = [.. _evaluations],
            Policies = new Dictionary<Role, string>(_policies),
            WallSeconds = Math.Max(0, (_endedAt - _startedAt - _paused).TotalSeconds),
            ModelSeconds = _steps.Sum(step => step.ModelSeconds),
            Tokens = _tokens,
        };
    }

    private void Count(string stream, IReadOnlyList<Trajectory> samples)
    {
        var tokens = samples.Sum(sample => (long)sample.Tokens.Length);
        _tokens += tokens;
        if (Step(stream) is { } step)
            step.Tokens += tokens;
    }

    private void Close(StepCompleted completed)
    {
        var key = (completed.Iteration, completed.Phase, completed.Step);
        var totals = Step(key);
        _open.Remove(key);
        _steps.Add(new StepReport(
            completed.Iteration,
            completed.Phase,
            completed.Step,
            totals.Means,
            totals.PassRate,
            totals.ZeroVarianceShare,
            totals.Learning,
            totals.Tokens,
            completed.Metrics.GetValueOrDefault("wallSeconds"),
            completed.Metrics.GetValueOrDefault("modelSeconds")));
    }

    private StepTotals Step((int Iteration, Phase Phase, int Step) key)
    {
        if (!_open.TryGetValue(key, out var totals))
            _open[key] = totals = new StepTotals();
        return totals;
    }

    /// <summary>The step that a stream belongs to, null for streams of no step.</summary>
    private StepTotals? Step(string stream)
    {
        var parts = stream.Split('/');
        if (parts is ["group", _, var iteration, var kind, var step, _])
        {
            Phase? phase = kind switch
            {
                "generator" or "probe" => Phase.Generator,
                "solver" => Phase.Solver,
                "evaluation" => Phase.Evaluation,
                _ => null,
            };
            return phase is { } known ? Step((Int(iteration), known, Int(step))) : null;
        }

        return parts is ["task", _, var of, _] ? Step((Int(of), Phase.Curriculum, 0)) : null;
    }

    private static int Int(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
