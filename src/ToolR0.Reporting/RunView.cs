using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.EventStore;
using ToolR0.SelfPlay.Measurement;

namespace ToolR0.Reporting;

/// <summary>
/// What someone watching a run wants to know now: folded from the run's own stream. Pure: time comes with the events; nothing here reads a clock.
/// </summary>
public sealed class RunView
{
    /// <summary>Seconds of a step relative to a Generator step, until steps of that phase have been seen. Measured on the nano preset.</summary>
    private static readonly IReadOnlyDictionary<Phase, double> FirstGuess = new Dictionary<Phase, double>
    {
        [Phase.Generator] = 1,
        [Phase.Curriculum] = 3,
        [Phase.Solver] = 0.3,
        [Phase.Evaluation] = 0.5,
        [Phase.WarmProposals] = 6,
        [Phase.WarmGenerator] = 1,
        [Phase.WarmAttempts] = 3,
        [Phase.WarmSolver] = 1,
    };

    private readonly Dictionary<Phase, (double Seconds, int Steps)> _durations = [];
    private DateTimeOffset _stepStartedAt;
    private int _told;

    /// <summary>The fold of the run's stream so far.</summary>
    public RunState State { get; private set; } = RunState.Empty;

    /// <summary>Applies the next fact of the run's stream.</summary>
    public void Apply(StoredFact stored)
    {
        State = State.Apply(stored);
        switch (stored.Fact)
        {
            case StepStarted:
                _stepStartedAt = stored.At;
                break;
            case StepCompleted step:
                var wall = step.Metrics.TryGetValue(MetricNames.WallSeconds, out var seconds) ? seconds : (stored.At - _stepStartedAt).TotalSeconds;
                var (sum, count) = _durations.GetValueOrDefault(step.Phase);
                _durations[step.Phase] = (sum + wall, count + 1);
                break;
        }
    }

    /// <summary>Warnings since the last call: the Generator repeats itself (<see cref="Collapse"/>).</summary>
    public IReadOnlyList<CollapseWarning> TakeWarnings()
    {
        var warnings = Collapse.Of(State.CompletedSteps);
        var fresh = warnings.Skip(_told).ToList();
        _told = warnings.Count;
        return fresh;
    }

    /// <summary>The last finished step of a phase.</summary>
    public StepCompleted? LastOf(Phase phase) => State.CompletedSteps.FindLast(step => step.Phase == phase);

    /// <summary>Tokens sampled per second of wall time over the last few steps, null before there are any.</summary>
    public double? TokensPerSecond()
    {
        var last = State.CompletedSteps.TakeLast(5).ToList();
        var seconds = last.Sum(step => step.Metrics.GetValueOrDefault(MetricNames.WallSeconds));
        return seconds > 0 ? last.Sum(step => step.Metrics.GetValueOrDefault(MetricNames.TokensSampled)) / seconds : null;
    }

    /// <summary>Steps of the whole run by phase: the base model's evaluation, the warm start, then each iteration.</summary>
    public IReadOnlyList<(int Iteration, Phase Phase, int Steps)> Plan()
    {
        var (options, sets) = (State.Options, State.HeldOut.Count);
        var plan = new List<(int, Phase, int)> { (0, Phase.Evaluation, sets) };
        if (options.WarmStart.Rounds > 0)
            plan.AddRange(WarmPlan(options.WarmStart));
        for (var iteration = 1; iteration <= options.Iterations; iteration++)
        {
            plan.Add((iteration, Phase.Generator, options.Generator.Train ? options.Generator.Steps : 0));
            plan.Add((iteration, Phase.Curriculum, 1));
            plan.Add((iteration, Phase.Solver, options.Solver.Steps));
            plan.Add((iteration, Phase.Evaluation, options.Evaluation.IsDue(iteration, options.Iterations) ? sets : 0));
        }

        return plan;
    }

    /// <summary>How many steps its fits take follows from what is kept: what is known counts, and what may be kept at most where nothing is
    /// known.</summary>
    private IEnumerable<(int Iteration, Phase Phase, int Steps)> WarmPlan(WarmStartOptions options)
    {
        yield return (0, Phase.WarmProposals, options.Rounds);
        yield return (0, Phase.WarmGenerator, options.Rounds * Steps(Role.Generator, options.Generator.Keep, options.Generator.Fit));
        yield return (0, Phase.WarmAttempts, options.Rounds);
        yield return (0, Phase.WarmSolver, options.Rounds * Steps(Role.Solver, options.Solver.Keep, options.Solver.Fit));

        int Steps(Role role, int most, FitOptions fit)
        {
            var kept = State.WarmStarts.FindLast(selected => selected.Role == role)?.Kept.Count ?? most;
            return (int)Math.Ceiling((double)kept * fit.Epochs / fit.Batch / options.BatchesPerStep);
        }
    }

    /// <summary>Share of the run's estimated time that is behind, in [0, 1], and an estimate of what is left; null before anything is
    /// known.</summary>
    public (double Done, TimeSpan? Left) Estimate()
    {
        if (State.Status == RunStatus.Completed)
            return (1, TimeSpan.Zero);
        double done = 0, left = 0;
        foreach (var (iteration, phase, steps) in Plan())
        {
            var finished = Math.Min(steps, State.CompletedSteps.Count(step => step.Iteration == iteration && step.Phase == phase));
            done += finished * SecondsOf(phase);
            left += (steps - finished) * SecondsOf(phase);
        }

        var known = _durations.ContainsKey(Phase.Generator) || _durations.ContainsKey(Phase.Solver);
        return (done + left > 0 ? done / (done + left) : 0, known ? TimeSpan.FromSeconds(left) : null);
    }

    private double SecondsOf(Phase phase)
    {
        if (_durations.TryGetValue(phase, out var seen))
            return seen.Seconds / seen.Steps;
        var known = _durations.Where(d => d.Key != Phase.Evaluation).Select(d => d.Value.Seconds / d.Value.Steps / FirstGuess[d.Key])
            .DefaultIfEmpty(1).Max();
        return FirstGuess[phase] * known;
    }
}
