using System.Collections.Concurrent;
using ToolR0.Contracts;

namespace ToolR0.Messaging;

/// <summary>What has been read of the store, by stream in version order.</summary>
public sealed class Facts(IReadOnlyDictionary<string, IReadOnlyList<StoredFact>> streams)
{
    /// <summary>Facts that were read one by one.</summary>
    public Facts(IEnumerable<StoredFact> facts)
        : this(facts.GroupBy(fact => fact.Stream)
            .ToDictionary(stream => stream.Key, stream => (IReadOnlyList<StoredFact>)[.. stream.OrderBy(fact => fact.Version)]))
    {
    }

    public static Facts None { get; } = new(new Dictionary<string, IReadOnlyList<StoredFact>>());

    /// <summary>The stream's facts; empty if it has none.</summary>
    public IEnumerable<object> Of(string stream) => streams.TryGetValue(stream, out var facts) ? facts.Select(fact => fact.Fact) : [];

    /// <summary>The stream's first fact of a type.</summary>
    /// <exception cref="InvalidOperationException">There is none, at least not yet.</exception>
    public T One<T>(string stream) =>
        Of(stream).OfType<T>().FirstOrDefault() ?? throw new InvalidOperationException($"{stream} holds no {typeof(T).Name} yet");
}

/// <summary>
/// Reads streams in one round trip, and remembers what this process read or appended lately. Streams only grow, so what is remembered of one is
/// always a true beginning of it: a reader says up to which version it needs a stream, and only what is not remembered that far is read from the
/// store.
/// </summary>
public sealed class StreamCache(IFactLog log)
{
    /// <summary>Streams remembered per generation; there are two, so that the newest are never forgotten.</summary>
    private const int Generation = 1000;

    private readonly ConcurrentDictionary<string, IReadOnlyList<StoredFact>> _heldOut = new();
    private ConcurrentDictionary<string, IReadOnlyList<StoredFact>> _young = new();
    private ConcurrentDictionary<string, IReadOnlyList<StoredFact>> _old = new();

    /// <summary>Facts of the streams, up to the given version at least wherever the store has them.</summary>
    public async ValueTask<Facts> ReadAsync(IEnumerable<StreamPlace> places, CancellationToken cancellation = default)
    {
        var facts = new Dictionary<string, IReadOnlyList<StoredFact>>();
        var unknown = new HashSet<string>();
        foreach (var place in places)
        {
            if (Remembered(place.Stream) is { } remembered && remembered.Count >= place.Version)
                facts[place.Stream] = remembered;
            else
                unknown.Add(place.Stream);
        }

        if (unknown.Count > 0)
        {
            foreach (var (stream, stored) in await log.ReadAsync(unknown, cancellation))
            {
                facts[stream] = stored;
                Remember(stream, stored);
            }
        }

        return new Facts(facts);
    }

    /// <summary>As above, each stream from its beginning up to its <typeparamref name="TFact"/>.</summary>
    public ValueTask<Facts> ReadAsync<TFact>(IEnumerable<string> streams, CancellationToken cancellation = default) =>
        ReadAsync(streams.Select(StreamLayout.PlaceOf<TFact>), cancellation);

    /// <summary>As above, as far as a stream says what a task is.</summary>
    public ValueTask<Facts> ReadTasksAsync(IEnumerable<string> streams, CancellationToken cancellation = default) =>
        ReadAsync(streams.Select(StreamLayout.OfTask), cancellation);

    /// <summary>As above, where each stream begins.</summary>
    public ValueTask<Facts> ReadFirstAsync(IEnumerable<string> streams, CancellationToken cancellation = default) =>
        ReadAsync(streams.Select(StreamLayout.First), cancellation);

    /// <summary>Takes over what this process has just appended.</summary>
    public void Remember(string causation, IEnumerable<FactAppend> appended)
    {
        foreach (var fact in appended)
        {
            var known = fact.Version == 1 ? [] : Remembered(fact.Stream);
            if (known?.Count == fact.Version - 1)
                Remember(fact.Stream, [.. known, new StoredFact(fact.Stream, fact.Version, 0, fact.Fact, DateTimeOffset.UtcNow, causation)]);
        }
    }

    private IReadOnlyList<StoredFact>? Remembered(string stream) =>
        _heldOut.TryGetValue(stream, out var facts) || _young.TryGetValue(stream, out facts) || _old.TryGetValue(stream, out facts) ? facts : null;

    private void Remember(string stream, IReadOnlyList<StoredFact> facts)
    {
        // A held-out set is named by its content and never changes; it is wanted again at every evaluation.
        if (StreamKey.IsOf(stream, StreamKind.HeldOut))
        {
            _heldOut[stream] = facts;
            return;
        }

        if (_young.Count >= Generation)
            (_old, _young) = (_young, new ConcurrentDictionary<string, IReadOnlyList<StoredFact>>());
        _young[stream] = facts;
    }
}
