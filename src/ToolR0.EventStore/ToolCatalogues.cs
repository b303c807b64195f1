using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>
/// Catalogues of tools in the store: one stream per catalogue, named by its digest, at most a hundred tools per event, written once. As held-out sets
/// they are no run's, so that an audit needs no tool server.
/// </summary>
public static class ToolCatalogues
{
    public const string Correlation = "tools";

    /// <summary>Tools per event.</summary>
    public const int ChunkSize = 100;

    /// <summary>Stores the catalogue unless it is there already. True if this call stored it.</summary>
    /// <exception cref="ArgumentException">Neither a tool nor a refused one.</exception>
    public static async Task<bool> RegisterToolsAsync(
        this IFactLog log, string sha256, IReadOnlyList<CatalogueTool> tools, IReadOnlyList<RefusedTool> refused,
        CancellationToken cancellation = default)
    {
        if (tools.Count + refused.Count == 0)
            throw new ArgumentException("a catalogue without tools", nameof(tools));
        var stream = Ids.ToolsStream(sha256);
        if ((await log.VersionsAsync([stream], cancellation)).ContainsKey(stream))
            return false;
        IEnumerable<CatalogueTool[]> chunks = tools.Count == 0 ? [[]] : tools.Chunk(ChunkSize);
        var facts = chunks.Select((chunk, i) => new FactAppend(stream, i + 1, new ToolCatalogueRegistered(chunk, i == 0 ? refused : [])));
        return await log.AppendAsync(Correlation, stream, [.. facts], cancellation);
    }

    /// <summary>The catalogue as it was registered, in one; null for an unknown one.</summary>
    public static async Task<ToolCatalogueRegistered?> ReadToolsAsync(this IFactLog log, string sha256, CancellationToken cancellation = default)
    {
        var stream = Ids.ToolsStream(sha256);
        var facts = await log.ReadAsync([stream], cancellation);
        if (!facts.TryGetValue(stream, out var stored))
            return null;
        var parts = stored.Select(fact => (ToolCatalogueRegistered)fact.Fact).ToList();
        return new ToolCatalogueRegistered([.. parts.SelectMany(part => part.Tools)], [.. parts.SelectMany(part => part.Refused)]);
    }
}
