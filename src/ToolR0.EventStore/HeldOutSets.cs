using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>
/// Held-out sets in the store: one stream per set, named by the SHA-256 of its bytes, a hundred items per event, written once. Their
/// correlation id is <see cref="Correlation"/>, no run's: a set belongs to every run that is measured on it.
/// </summary>
public static class HeldOutSets
{
    public const string Correlation = "heldout";

    /// <summary>Items per event.</summary>
    public const int ChunkSize = 100;

    /// <summary>Stores the set unless it is there already. True if this call stored it.</summary>
    /// <exception cref="ArgumentException">No items.</exception>
    public static async Task<bool> RegisterHeldOutAsync(
        this IFactLog log, string name, string sha256, IReadOnlyList<HeldOutItem> items, CancellationToken cancellation = default)
    {
        if (items.Count == 0)
            throw new ArgumentException($"held-out set {name} has no items", nameof(items));
        var stream = Ids.HeldOutStream(sha256);
        if ((await log.VersionsAsync([stream], cancellation)).ContainsKey(stream))
            return false;
        var facts = items.Chunk(ChunkSize).Select((chunk, i) => new FactAppend(stream, i + 1, new HeldOutRegistered(name, chunk)));
        return await log.AppendAsync(Correlation, stream, [.. facts], cancellation);
    }

    /// <summary>The items of a set in their order; item i is what a <see cref="TaskRef"/> with index i names. Empty for an unknown set.</summary>
    public static async Task<IReadOnlyList<HeldOutItem>> ReadHeldOutAsync(this IFactLog log, string sha256, CancellationToken cancellation = default)
    {
        var stream = Ids.HeldOutStream(sha256);
        var facts = await log.ReadAsync([stream], cancellation);
        return facts.TryGetValue(stream, out var registered) ? [.. registered.SelectMany(f => ((HeldOutRegistered)f.Fact).Items)] : [];
    }
}
