using ToolR0.Contracts;
using ToolR0.EventStore.Projections;

namespace ToolR0.EventStore;

/// <summary>Loads the state of runs: whole from a run's stream, which is small, or in short from its <see cref="RunSummary"/>. No fact of the work is
/// read.</summary>
public sealed class RunStates(EventStoreDatabase database)
{
    /// <summary>The state now; <see cref="RunStatus.NotStarted"/> for an unknown run. <see cref="RunState.Counts"/> covers the run's stream
    /// only.</summary>
    public async Task<RunState> LoadAsync(string run, CancellationToken cancellation = default) =>
        RunState.Fold(await new FactLog(database).ReadFromAsync(Ids.RunStream(run), 0, cancellation));

    /// <summary>
    /// The state now of each run that is known, in the given order, without its completed steps and its curricula's tasks. The summaries are one
    /// query; what they do not cover yet is folded on top from the run's stream, from the summary's version on.
    /// </summary>
    public async Task<IReadOnlyList<RunState>> SummariesAsync(IReadOnlyList<string> runs, CancellationToken cancellation = default)
    {
        var log = new FactLog(database);
        var keys = runs.Select(Ids.RunStream).ToArray();
        var versions = await log.VersionsAsync(keys, cancellation);
        var summaries = await database.GuardAsync(async () =>
        {
            await using var session = database.Store.QuerySession();
            return (await session.LoadManyAsync<RunSummary>(cancellation, keys)).ToDictionary(summary => summary.Id);
        });
        var states = new List<RunState>();
        foreach (var key in keys.Where(versions.ContainsKey))
        {
            var summary = summaries.GetValueOrDefault(key);
            var known = summary?.State.Version ?? 0;
            if (known < versions[key])
                summary = (await log.ReadFromAsync(key, known + 1, cancellation)).Where(fact => fact.Version > known)
                    .Aggregate(summary, RunSummary.After);
            if (summary is not null)
                states.Add(summary.State);
        }

        return states;
    }

    /// <summary>Version of the run's stream and when it was last written; null for an unknown run.</summary>
    public async Task<(long Version, DateTimeOffset At)?> LatestAsync(string run, CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync<(long, DateTimeOffset)?>(async () =>
        {
            await using var session = database.Store.QuerySession();
            return await session.Events.FetchStreamStateAsync(Ids.RunStream(run), cancellation) is { } state
                ? (state.Version, state.LastTimestamp) : null;
        });
    }
}
