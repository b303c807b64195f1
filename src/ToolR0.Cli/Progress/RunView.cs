using ToolR0.Cli.Reporting;
using ToolR0.Contracts;

namespace ToolR0.Cli.Progress;

/// <summary>
/// What someone watching a run wants to know now: folded from the run's own stream and from the workers' announcements. Pure: time comes with the
/// events; nothing here reads a clock.
/// </summary>
public sealed class RunView
{
    /// <summary>Seconds of a step relative to a Generator step, until steps of that phase have been seen. Measured on the nano preset.</summary>
    private static readonly IReadOnlyDictionary<Phase, double> FirstGuess = new Dictionary<Phase, double>
    {
        [Contracts.Phase.Generator] = 1, [Contracts.Phase.Curriculum] = 3, [Contracts.Phase.Solver] = 0.3, [Contracts.Phase.Evaluation] = 0.5,
    };

    private readonly Dictionary<Phase, (double Seconds, int Steps)> _durations = [];
    private readonly Queue<(DateTimeOffset At, long Tokens)> _tokens = new();
    private DateTimeOffset _stepStartedAt;

    public RunStarted? Started { get; private set; }
    public DateTimeOffset StartedAt { get; private set; }
    public RunStatus Status { get; private set; }
    public string? Reason { get; private set; }
    public int Iteration { get; private set; }
    public Phase? Phase { get; private set; }

    /// <summary>Steps in the phase, and how many of them are done.</summary>
    public int Steps { get; private set; }
    public int StepsDone { get; private set; }

    /// <summary>Facts of the run's stream applied so far.</summary>
    public int Version { get; private set; }

    /// <summary>The last finished step of each phase.</summary>
    public Dictionary<Phase, StepCompleted> Last { get; } = [];
    public List<EvaluationCompleted> Evaluations { get; } = [];
    public List<CurriculumSelected> Curricula { get; } = [];

    public bool IsOver => Status is RunStatus.Completed or RunStatus.Failed or RunStatus.Cancelled;

    /// <summary>Applies the next fact of the run's stream.</summary>
    public void Apply(StoredFact stored)
    {
        Version++;
        switch (stored.Fact)
        {
            case RunStarted started:
                (Started, StartedAt) = (started, stored.At);
                break;
            case IterationStarted iteration:
                Iteration = iteration.Iteration;
                break;
            case PhaseStarted phase:
                (Iteration, Phase, Steps, StepsDone) = (phase.Iteration, phase.Phase, phase.Steps, 0);
                break;
            case StepStarted:
                _stepStartedAt = stored.At;
                break;
            case StepCompleted step:
                StepsDone = step.Step + 1;
                Last[step.Phase] = step;
                var wall = step.Metrics.TryGetValue("wallSeconds", out var seconds) ? seconds : (stored.At - _stepStartedAt).TotalSeconds;
                var (sum, count) = _durations.GetValueOrDefault(step.Phase);
                _durations[step.Phase] = (sum + wall, count + 1);
                break;
            case EvaluationCompleted evaluation:
                Evaluations.Add(evaluation);
                break;
            case CurriculumSelected curriculum:
                Curricula.Add(curriculum);
                break;
            case RunPaused:
                Status = RunStatus.Paused;
                break;
            case RunResumed:
                (Status, Reason) = (RunStatus.Running, null);
                break;
            case RunCompleted:
                Status = RunStatus.Completed;
                break;
            case RunFailed failed:
                (Status, Reason) = (RunStatus.Failed, failed.Reason);
                break;
            case RunCancelled cancelled:
                (Status, Reason) = (RunStatus.Cancelled, cancelled.Reason);
                break;
        }
    }

    /// <summary>Counts a worker's tokens; kept for a minute.</summary>
    public void Count(DateTimeOffset at, long tokens)
    {
        if (tokens <= 0)
            return;
        _tokens.Enqueue((at, tokens));
        while (_tokens.TryPeek(out var oldest) && (at - oldest.At).TotalSeconds > 60)
            _tokens.Dequeue();
    }

    /// <summary>Tokens sampled and trained on per second over the last minute, null before there are any.</summary>
    public double? TokensPerSecond(DateTimeOffset now)
    {
        if (_tokens.Count < 2)
            return null;
        var since = _tokens.Peek().At;
        return _tokens.Sum(t => t.Tokens) / Math.Max(1, (now - since).TotalSeconds);
    }

    /// <summary>Steps of the whole run by phase: the base model's evaluation, then each iteration.</summary>
    public IReadOnlyList<(int Iteration, Phase Phase, int Steps)> Plan()
    {
        if (Started is null)
            return [];
        var options = Started.Options;
        var plan = new List<(int, Phase, int)> { (0, Contracts.Phase.Evaluation, Started.HeldOut.Count) };
        for (var iteration = 1; iteration <= options.Iterations; iteration++)
        {
            plan.Add((iteration, Contracts.Phase.Generator, options.Generator.Train ? options.Generator.Steps : 0));
            plan.Add((iteration, Contracts.Phase.Curriculum, 1));
            plan.Add((iteration, Contracts.Phase.Solver, options.Solver.Steps));
            plan.Add((iteration, Contracts.Phase.Evaluation, Started.HeldOut.Count));
        }

        return plan;
    }

    /// <summary>Share of the run's estimated time that is behind, in [0, 1], and an estimate of what is left; null before anything is known.</summary>
    public (double Done, TimeSpan? Left) Estimate()
    {
        if (Status == RunStatus.Completed)
            return (1, TimeSpan.Zero);
        if (Started is null || Phase is not { } current)
            return (0, null);
        double done = 0, left = 0;
        var passed = true;
        foreach (var (iteration, phase, steps) in Plan())
        {
            var here = iteration == Iteration && phase == current;
            if (here)
                passed = false;
            var finished = here ? Math.Min(StepsDone, steps) : passed ? steps : 0;
            done += finished * SecondsOf(phase);
            left += (steps - finished) * SecondsOf(phase);
        }

        var known = _durations.ContainsKey(Contracts.Phase.Generator) || _durations.ContainsKey(Contracts.Phase.Solver);
        return (done + left > 0 ? done / (done + left) : 0, known ? TimeSpan.FromSeconds(left) : null);
    }

    private double SecondsOf(Phase phase)
    {
        if (_durations.TryGetValue(phase, out var seen))
            return seen.Seconds / seen.Steps;
        var known = _durations.Where(d => d.Key != Contracts.Phase.Evaluation).Select(d => d.Value.Seconds / d.Value.Steps / FirstGuess[d.Key]).DefaultIfEmpty(1).Max();
        return FirstGuess[phase] * known;
    }
}
