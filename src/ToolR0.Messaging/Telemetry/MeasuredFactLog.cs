using ToolR0.Contracts;

namespace ToolR0.Messaging.Telemetry;

/// <summary>The log with a span around every append, and with metrics of facts at the one moment when each is stored for the first time.</summary>
public sealed class MeasuredFactLog(IFactLog log) : IFactLog
{
    public async Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default)
    {
        using var span = Instruments.Source.StartActivity("append facts");
        span?.SetTag("toolr0.run", run).SetTag("toolr0.cause", causationId).SetTag("toolr0.facts", facts.Count);
        var appended = await log.AppendAsync(run, causationId, facts, cancellation);
        span?.SetTag("toolr0.appended", appended);
        if (appended)
        {
            foreach (var append in facts)
                Instruments.Stored(run, append.Fact);
        }

        return appended;
    }

    public Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        log.VersionsAsync(streams, cancellation);

    public Task<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>> ReadAsync(
        IReadOnlyCollection<string> streams, CancellationToken cancellation = default) =>
        log.ReadAsync(streams, cancellation);

    public Task<IReadOnlyList<StoredFact>> ReadFromAsync(string stream, long version, CancellationToken cancellation = default) =>
        log.ReadFromAsync(stream, version, cancellation);

    public Task<IReadOnlyList<StoredFact>> ReadAtAsync(IReadOnlyCollection<StreamPlace> places, CancellationToken cancellation = default) =>
        log.ReadAtAsync(places, cancellation);

    public Task<long> CountAsync(string run, CancellationToken cancellation = default) => log.CountAsync(run, cancellation);

    public IAsyncEnumerable<StoredFact> ReadRunAsync(string run, long? upTo = null, CancellationToken cancellation = default) =>
        log.ReadRunAsync(run, upTo, cancellation);

    public IAsyncEnumerable<StoredFact> ReadFactsAsync(string run, IReadOnlyCollection<Type> types, CancellationToken cancellation = default) =>
        log.ReadFactsAsync(run, types, cancellation);

    public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default) => log.RunsAsync(cancellation);
}
