using ToolR0.Contracts;

namespace ToolR0.Reporting.Tests;

/// <summary>Says which streams were read and how often a whole run was.</summary>
internal sealed class CountingLog(IFactLog log) : IFactLog
{
    public List<string> Streams { get; } = [];

    public int WholeRuns { get; private set; }

    public Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default) =>
        log.AppendAsync(run, causationId, facts, cancellation);

    public Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        log.VersionsAsync(streams, cancellation);

    public Task<IReadOnlyDictionary<string,
        IReadOnlyList<StoredFact>>> ReadAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default)
    {
        Streams.AddRange(streams);
        return log.ReadAsync(streams, cancellation);
    }

    public Task<IReadOnlyList<StoredFact>> ReadFromAsync(string stream, long version, CancellationToken cancellation = default)
    {
        Streams.Add(stream);
        return log.ReadFromAsync(stream, version, cancellation);
    }

    public IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default)
    {
        WholeRuns++;
        return log.ReadRunAsync(run, upTo, cancellation);
    }

    public Task<long> CountAsync(string run, CancellationToken cancellation = default) => log.CountAsync(run, cancellation);

    public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default) => log.RunsAsync(cancellation);
}
