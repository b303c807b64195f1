using System.Globalization;
using ToolR0.Contracts;
using ToolR0.EventStore;

namespace ToolR0.Cli.Reporting;

/// <summary>
/// Folds a run's events, in order, into a <see cref="RunReport"/>. Holds sums, not events, so that a run of any size fits; the examples are
/// read afterwards from the streams that <see cref="ReportReader"/> picks.
/// </summary>
public sealed class ReportFold
{
    private readonly Dictionary<(int Iteration, Phase Phase, int Step), StepTotals> _open = [];
    private readonly List<StepReport> _steps = [];
    private RunState _state = RunState.Empty;
    private string _productVersion = "";
    private DateTimeOffset? _pausedAt;
    private TimeSpan _paused;
    private long _events;
    private long _tokens;

    public void Add(StoredFact stored)
    {
        _events++;
        _state = _state.Apply(stored);
        switch (stored.Fact)
        {
            case RunStarted started:
                _productVersion = started.ProductVersion;
                break;
            case RunPaused or RunFailed:
                _pausedAt ??= stored.At;
                break;
            case RunResumed when _pausedAt is { } since:
                _paused += stored.At - since;
                _pausedAt = null;
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
                Step((updated.Iteration, updated.Role == Role.Generator ? Phase.Generator : Phase.Solver, updated.Step)).Learning = updated.Metrics;
                break;
            case StepCompleted completed:
                Close(completed);
                break;
        }
    }

    /// <exception cref="CliError">The events do not start a run.</exception>
    public RunReport Build()
    {
        if (_state is not { StartedAt: { } startedAt, At: { } endedAt })
            throw new CliError("the run has not started");
        return new RunReport
        {
            Run = _state.Run,
            Options = _state.Options,
            Base = _state.Base,
            ProductVersion = _productVersion,
            StartedAt = startedAt,
            EndedAt = endedAt,
            Status = _state.Status,
            Reason = _state.Status is RunStatus.Failed or RunStatus.Cancelled ? _state.Reason : null,
            Events = _events,
            HeldOut = _state.HeldOut,
            Steps = [.. _steps],
            Curricula = [.. _state.Curricula.Values],
            Evaluations = _state.Evaluations,
            Policies = _state.Policies,
            WallSeconds = Math.Max(0, (endedAt - startedAt - _paused).TotalSeconds),
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
