using JasperFx.Events;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>Loads the state of a run from its stream alone, which is small: no fact of the work is read.</summary>
public sealed class RunStates(EventStoreDatabase database)
{
    /// <summary>The state now; <see cref="RunStatus.NotStarted"/> for an unknown run. <see cref="RunState.Counts"/> covers the run's stream only.</summary>
    public async Task<RunState> LoadAsync(string run, CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync(async () =>
        {
            await using var session = database.Store.QuerySession();
            var events = await session.Events.FetchStreamAsync(Ids.RunStream(run), token: cancellation);
            return RunState.Fold(events.Select(FactOf));
        });
    }

    /// <summary>Version of the run's stream and when it was last written; null for an unknown run.</summary>
    public async Task<(long Version, DateTimeOffset At)?> LatestAsync(string run, CancellationToken cancellation = default)
    {
        await database.EnsureReadyAsync(cancellation);
        return await database.GuardAsync<(long, DateTimeOffset)?>(async () =>
        {
            await using var session = database.Store.QuerySession();
            return await session.Events.FetchStreamStateAsync(Ids.RunStream(run), cancellation) is { } state ? (state.Version, state.LastTimestamp) : null;
        });
    }

    private static StoredFact FactOf(IEvent stored) =>
        new(stored.StreamKey!, stored.Version, stored.Sequence, stored.Data, stored.Timestamp, stored.CausationId);
}
