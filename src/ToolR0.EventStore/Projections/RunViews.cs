using Marten;
using ToolR0.Contracts;

namespace ToolR0.EventStore.Projections;

/// <summary>What a report needs to know about a run's work.</summary>
public interface IRunViews
{
    /// <summary>The answers to a held-out set after an iteration, by the item's place.</summary>
    /// <param name="set">Place of the set in <see cref="RunState.HeldOut"/>.</param>
    Task<IReadOnlyDictionary<int, EvaluatedItem>> EvaluatedAsync(RunState state, int iteration, int set, CancellationToken cancellation = default);

    /// <summary>One rejected candidate for each of the reasons: the last.</summary>
    Task<IReadOnlyList<CandidateView>> RejectedAsync(RunState state, IReadOnlyList<string> reasons, CancellationToken cancellation = default);
}

/// <summary>The views as they are kept, or folded from the run's streams where what is kept is behind the run and does not come nearer.</summary>
/// <param name="patience">How long the views may stand still before they are folded here.</param>
public sealed class RunViews(EventStoreDatabase database, IFactLog log, TimeSpan? patience = null) : IRunViews
{
    private readonly FoldedViews _folded = new(log);
    private (string Run, long Sequence, bool Current)? _asked;

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<int, EvaluatedItem>> EvaluatedAsync(
        RunState state, int iteration, int set, CancellationToken cancellation = default)
    {
        if (!await IsCurrentAsync(state, cancellation))
            return await _folded.EvaluatedAsync(state, iteration, set, cancellation);
        var run = state.Run;
        return await database.GuardAsync(async () =>
        {
            await using var session = database.Store.QuerySession();
            var found = await session.Query<EvaluatedItem>()
                .Where(x => x.Run == run && x.Iteration == iteration && x.Set == set).ToListAsync(cancellation);
            return found.ToDictionary(item => item.Item);
        });
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<CandidateView>> RejectedAsync(
        RunState state, IReadOnlyList<string> reasons, CancellationToken cancellation = default)
    {
        if (!await IsCurrentAsync(state, cancellation))
            return await _folded.RejectedAsync(state, reasons, cancellation);
        var run = state.Run;
        return await database.GuardAsync(async () =>
        {
            await using var session = database.Store.QuerySession();
            var found = new List<CandidateView>();
            foreach (var reason in reasons)
            {
                var last = await session.Query<CandidateView>().Where(x => x.Run == run && x.Reason == reason)
                    .OrderByDescending(x => x.Iteration).ThenByDescending(x => x.Number).FirstOrDefaultAsync(cancellation);
                if (last is not null)
                    found.Add(last);
            }

            return found;
        });
    }

    private async Task<bool> IsCurrentAsync(RunState state, CancellationToken cancellation)
    {
        if (_asked is not { } asked || asked.Run != state.Run || asked.Sequence != state.Sequence)
        {
            var current = await ReadModels.WaitAsync(database, state.Sequence, patience ?? TimeSpan.FromSeconds(3), cancellation);
            asked = (state.Run, state.Sequence, current);
            _asked = asked;
        }

        return asked.Current;
    }
}

/// <summary>The views folded from the streams concerned, by the same folds.</summary>
public sealed class FoldedViews(IFactLog log) : IRunViews
{
    /// <inheritdoc/>
    /// <remarks>Items are looked for until a chunk of a hundred is not full.</remarks>
    public async Task<IReadOnlyDictionary<int, EvaluatedItem>> EvaluatedAsync(
        RunState state, int iteration, int set, CancellationToken cancellation = default)
    {
        var found = new Dictionary<int, EvaluatedItem>();
        for (var from = 0; ; from += HeldOutSets.ChunkSize)
        {
            var keys = Enumerable.Range(from, HeldOutSets.ChunkSize)
                .Select(n => Ids.GroupStream(
                    state.Run, iteration, GroupKind.Evaluation, set, n, state.Options.TurnsOf(GroupKind.Evaluation)));
            var streams = await log.ReadAsync([.. keys], cancellation);
            foreach (var item in streams.Values.Select(EvaluatedItem.Fold).OfType<EvaluatedItem>())
                found[item.Item] = item;
            if (streams.Count < HeldOutSets.ChunkSize)
                return found;
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<CandidateView>> RejectedAsync(
        RunState state, IReadOnlyList<string> reasons, CancellationToken cancellation = default)
    {
        var last = new Dictionary<string, StoredFact>();
        await foreach (var fact in log.ReadFactsAsync(state.Run, [typeof(TaskRejected)], cancellation))
            last[((TaskRejected)fact.Fact).Reason] = fact;
        var picked = reasons.Where(last.ContainsKey).Select(reason => last[reason].Stream).ToList();
        var streams = await log.ReadAsync(picked, cancellation);
        return [.. picked.Where(streams.ContainsKey).Select(stream => CandidateView.Fold(streams[stream])).OfType<CandidateView>()];
    }
}
