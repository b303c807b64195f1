using System.Runtime.CompilerServices;
using ToolR0.Contracts;

namespace ToolR0.Testing;

/// <summary>An event store in memory with the version semantics of the real one: appends are all or nothing, a taken version answers false.</summary>
public sealed class InMemoryFactLog : IFactLog
{
    private readonly Lock _lock = new();
    private readonly List<(string Run, StoredFact Fact)> _all = [];
    private readonly Dictionary<string, List<StoredFact>> _streams = [];

    /// <summary>Called before an append, outside the lock: a test makes it throw, or lets another writer be first.</summary>
    public Func<IReadOnlyList<FactAppend>, Task>? BeforeAppend { get; set; }

    /// <summary>Called after a successful append: a test throws here to crash between append and publish.</summary>
    public Func<IReadOnlyList<FactAppend>, Task>? AfterAppend { get; set; }

    public int Appends { get; private set; }

    public int Reads { get; private set; }

    /// <summary>Facts given to who read a stream from a version on.</summary>
    public int FactsReadOn { get; private set; }

    /// <summary>How often a whole run was read.</summary>
    public int WholeRuns { get; private set; }

    public IReadOnlyList<StoredFact> All
    {
        get
        {
            lock (_lock)
                return [.. _all.Select(entry => entry.Fact)];
        }
    }

    public IReadOnlyList<object> Stream(string stream)
    {
        lock (_lock)
            return _streams.TryGetValue(stream, out var facts) ? [.. facts.Select(fact => fact.Fact)] : [];
    }

    public async Task<bool> AppendAsync(string run, string causationId, IReadOnlyList<FactAppend> facts, CancellationToken cancellation = default)
    {
        CheckVersions(facts);
        if (BeforeAppend is { } before)
            await before(facts);
        lock (_lock)
        {
            if (!Fits(facts))
                return false;
            foreach (var fact in facts)
            {
                var stored = new StoredFact(fact.Stream, fact.Version, _all.Count + 1, fact.Fact, DateTimeOffset.UtcNow, causationId);
                _all.Add((run, stored));
                if (!_streams.TryGetValue(fact.Stream, out var stream))
                    _streams[fact.Stream] = stream = [];
                stream.Add(stored);
            }

            Appends++;
        }

        if (AfterAppend is { } after)
            await after(facts);
        return true;
    }

    public Task<IReadOnlyDictionary<string, long>> VersionsAsync(IReadOnlyCollection<string> streams, CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            var versions = streams.Distinct().Where(_streams.ContainsKey).ToDictionary(stream => stream, stream => (long)_streams[stream].Count);
            return Task.FromResult<IReadOnlyDictionary<string, long>>(versions);
        }
    }

    public Task<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>> ReadAsync(
        IReadOnlyCollection<string> streams, CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            Reads++;
            var facts = streams.Distinct().Where(_streams.ContainsKey).ToDictionary(s => s, s => (IReadOnlyList<StoredFact>)[.. _streams[s]]);
            return Task.FromResult<IReadOnlyDictionary<string, IReadOnlyList<StoredFact>>>(facts);
        }
    }

    public Task<IReadOnlyList<StoredFact>> ReadFromAsync(string stream, long version, CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            Reads++;
            IReadOnlyList<StoredFact> facts = _streams.TryGetValue(stream, out var stored) ? [.. stored.Where(fact => fact.Version >= version)] : [];
            FactsReadOn += facts.Count;
            return Task.FromResult(facts);
        }
    }

    public async IAsyncEnumerable<StoredFact> ReadRunAsync(
        string run, long? upTo = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        List<StoredFact> facts;
        WholeRuns++;
        lock (_lock)
            facts = [.. _all.Where(entry => entry.Run == run && entry.Fact.Sequence <= (upTo ?? long.MaxValue)).Select(entry => entry.Fact)];
        foreach (var fact in facts)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return fact;
        }

        await Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellation = default)
    {
        lock (_lock)
        {
            IReadOnlyList<string> runs = [.. _all.Where(entry => entry.Fact.Fact is RunStarted).Select(entry => entry.Run).Reverse()];
            return Task.FromResult(runs);
        }
    }

    private static void CheckVersions(IReadOnlyList<FactAppend> facts)
    {
        foreach (var versions in facts.GroupBy(fact => fact.Stream, fact => fact.Version).Select(stream => stream.ToList()))
        {
            if (versions[0] < 1 || versions.Where((version, i) => version != versions[0] + i).Any())
                throw new ArgumentException($"versions {string.Join(", ", versions)} of one stream do not follow each other from 1 or above",
                    nameof(facts));
        }
    }

    /// <summary>Each stream is just below the first version that is asked for.</summary>
    private bool Fits(IReadOnlyList<FactAppend> facts) => facts.GroupBy(fact => fact.Stream)
        .All(stream => stream.First().Version == (_streams.TryGetValue(stream.Key, out var stored) ? stored.Count : 0) + 1);
}
