using System.Collections.Immutable;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.EventStore;

namespace ToolR0.Coordinator.Loop;

/// <summary>When a model computed for the run (UTC).</summary>
public readonly record struct ModelInterval(DateTimeOffset Started, DateTimeOffset Ended);

/// <summary>The step under way. Everything but <see cref="Started"/> is rebuilt from the store after a crash.</summary>
/// <param name="At">When the step started.</param>
public sealed record StepProgress(StepStarted Started, DateTimeOffset At)
{
    /// <summary>The stage that was dispatched last; null before the first.</summary>
    public Stage? Stage { get; init; }

    /// <summary>The turn of the trajectories that <see cref="Stage"/> is of; 1 where it is of none.</summary>
    public int Turn { get; init; } = 1;

    /// <summary>Commands of the stage that no facts answer yet, by shard.</summary>
    public ImmutableDictionary<string, IShardCommand> Outstanding { get; init; } =
        ImmutableDictionary.Create<string, IShardCommand>(StringComparer.Ordinal);

    /// <summary>The proposals that the Solver was asked about in this step (probes, verification), in order.</summary>
    public ImmutableArray<TaskRef> Asked { get; init; } = [];

    public ImmutableArray<ModelInterval> Model { get; init; } = [];

    /// <summary>Time the run was paused, or had failed, within this step.</summary>
    public TimeSpan Paused { get; init; }
}

/// <summary>Where a run stands: the fold of its <c>run/…</c> stream, and what is outstanding in the step under way.</summary>
public sealed record RunInFlight(RunState State, StepProgress? Step = null, DateTimeOffset? PausedAt = null)
{
    public static RunInFlight None { get; } = new(RunState.Empty);

    public string Run => State.Run;

    public RunOptions Options => State.Options;

    /// <summary>The iteration's curriculum in training order.</summary>
    public IReadOnlyList<SelectedTask> Curriculum => State.Curricula.TryGetValue(State.Iteration, out var curriculum) ? curriculum.Tasks : [];

    /// <summary>Folds a run's stream.</summary>
    public static RunInFlight Fold(IEnumerable<StoredFact> stream) => stream.Aggregate(None, (progress, fact) => progress.Apply(fact));

    /// <summary>The progress after one more fact at the end of the run's stream.</summary>
    public RunInFlight Apply(object fact, DateTimeOffset at)
    {
        var run = fact is RunStarted started ? started.Run : Run;
        return Apply(new StoredFact(Ids.RunStream(run), State.Version + 1, State.Sequence, fact, at, null));
    }

    private RunInFlight Apply(StoredFact stored)
    {
        var (step, pausedAt) = (Step, PausedAt);
        switch (stored.Fact)
        {
            case StepStarted started:
                step = new StepProgress(started, stored.At);
                break;
            case RunPaused or RunFailed:
                pausedAt ??= stored.At;
                break;
            case RunResumed:
                // After a failure the step is planned anew: what the store answers is not computed again.
                step = step is not null && State.Status == RunStatus.Failed
                    ? new StepProgress(step.Started, step.At) { Model = step.Model, Paused = step.Paused } : step;
                step = step is not null && pausedAt is { } since ? step with { Paused = step.Paused + (stored.At - since) } : step;
                pausedAt = null;
                break;
        }

        var state = State.Apply(stored);
        return new RunInFlight(state, state.Step is null ? null : step, pausedAt);
    }
}
