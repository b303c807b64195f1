using System.Diagnostics;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Reporting;
using ToolR0.ServiceDefaults;

namespace ToolR0.Studies;

/// <summary>
/// Plays the runs of a study that are not in the store yet, several side by side, and reads all of them back. A study that was killed goes on: its
/// runs are found by their digest, completed ones are only read, begun ones resumed, and those that failed once more where a resumption can help.
/// </summary>
public sealed class StudyRunner(Settings settings, IFactLog log, RunStates states, TextWriter progress)
{
    private readonly Lock _lock = new();
    private readonly Stopwatch _clock = new();
    private int _done;
    private int _played;

    /// <param name="parallel">Runs side by side.</param>
    /// <returns>In the order of the plan's cells.</returns>
    public async Task<IReadOnlyList<StudyRun>> PlayAsync(StudyPlan plan, int parallel, CancellationToken cancellation)
    {
        var stored = await log.RunsAsync(cancellation);
        var runs = new StudyRun[plan.Cells.Count];
        _clock.Start();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, plan.Cells.Count),
            new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellation },
            async (i, stop) =>
            {
                var cell = plan.Cells[i];
                var known = stored.FirstOrDefault(run => run.EndsWith("-" + cell.Digest, StringComparison.Ordinal));
                var (run, played) = await PlayAsync(cell, known, stop);
                runs[i] = run;
                Tell(plan, run, played);
            });
        return runs;
    }

    private async Task<(StudyRun Run, bool Played)> PlayAsync(StudyCell cell, string? known, CancellationToken cancellation)
    {
        var run = known ?? cell.Run;
        var process = new StudyProcess(settings, cell, run);
        var state = await states.LoadAsync(run, cancellation);
        string? failure = null;
        var play = state.Status is not (RunStatus.Completed or RunStatus.Cancelled) && state is not { Status: RunStatus.Failed, IsResumable: false };
        if (play)
        {
            failure = await process.PlayAsync(resume: state.Status != RunStatus.NotStarted, cancellation);
            state = await states.LoadAsync(run, cancellation);
        }

        return state.Status == RunStatus.Completed
            ? (await StudyRun.ReadAsync(cell, state, process.Cost, log, cancellation), play)
            : (StudyRun.Failed(cell, run, process.Cost, state.Reason ?? failure ?? $"the run is {state.Status.ToString().ToLowerInvariant()}"), play);
    }

    /// <summary>One line per run.</summary>
    private void Tell(StudyPlan plan, StudyRun run, bool played)
    {
        lock (_lock)
        {
            _done++;
            _played += played ? 1 : 0;
            var result = run.Failure is { } reason
                ? $"FAILED: {reason}"
                : string.Join("  ", run.Accuracy.Select(set =>
                    FormattableString.Invariant($"{set.Key} {100 * set.Value[0]:0.0} → {100 * set.Value[^1]:0.0} %")));
            var cost = !played ? "was in the store"
                : FormattableString.Invariant($"{run.WallSeconds:0} s, {run.CoreSeconds:0} core seconds");
            var left = played && _done < plan.Cells.Count
                ? $", about {Durations.Text(_clock.Elapsed / _played * (plan.Cells.Count - _done))} left" : "";
            var width = plan.File.Arms.Max(arm => arm.Name.Length);
            progress.WriteLine(FormattableString.Invariant(
                $"[{_done,3}/{plan.Cells.Count}]  {run.Arm.PadRight(width)}  {run.Base}  seed {run.Seed}  {result}  ({cost}{left})"));
            progress.Flush();
        }
    }
}
