using ToolR0.Cli.Progress;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Reporting;

namespace ToolR0.Cli.Running;

/// <summary>Follows a run in the store and tells a display what is new. Polls: the same for a run in this process and for one on a stack.</summary>
public sealed class RunWatcher(IFactLog log, IProgressDisplay display, string run)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public RunView View { get; } = new();

    /// <summary>Follows until the run is over or paused.</summary>
    /// <param name="passPauses">Goes on when the run is paused.</param>
    public async Task FollowAsync(bool passPauses, CancellationToken cancellation)
    {
        while (true)
        {
            await UpdateAsync(cancellation);
            if (View.State.IsOver || (View.State.Status == RunStatus.Paused && !passPauses))
                return;
            await Task.Delay(Interval, cancellation);
        }
    }

    /// <summary>Waits until the run's stream has more than <paramref name="version"/> facts. False if it has not after
    /// <paramref name="limit"/>.</summary>
    public async Task<bool> WaitBeyondAsync(long version, TimeSpan limit, CancellationToken cancellation)
    {
        var until = DateTime.UtcNow + limit;
        while (View.State.Version <= version)
        {
            await UpdateAsync(cancellation);
            if (DateTime.UtcNow > until)
                return View.State.Version > version;
            await Task.Delay(100, cancellation);
        }

        return true;
    }

    /// <summary>Takes in what is new: the run's stream from the version that is known.</summary>
    public async Task UpdateAsync(CancellationToken cancellation)
    {
        foreach (var fact in await log.ReadFromAsync(Ids.RunStream(run), View.State.Version + 1, cancellation))
        {
            View.Apply(fact);
            display.Advanced(View, fact.Fact, fact.At);
            foreach (var warning in fact.Fact is StepCompleted ? View.TakeWarnings() : [])
                display.Note(warning.ToString());
        }
    }
}
