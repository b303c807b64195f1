using System.Collections.Concurrent;
using ToolR0.Contracts;

namespace ToolR0.Messaging;

/// <summary>What has been read of the store, by stream in version order.</summary>
public sealed class Facts(IReadOnlyDictionary<string, IReadOnlyList<StoredFact>> streams)
{
    public static Facts None { get; } = new(new Dictionary<string, IReadOnlyList<StoredFact>>());

    /// <summary>The stream's facts; empty if it has none.</summary>
    public IEnumerable<object> Of(string stream) => Stored(stream).Select(fact => fact.Fact);

    public IReadOnlyList<StoredFact> Stored(string stream) => streams.TryGetValue(stream, out var facts) ? facts : [];

    /// <summary>The stream's first fact of a type.</summary>
    /// <exception cref="InvalidOperationException">There is none, at least not yet.</exception>
    public T One<T>(string stream) => Of(stream).OfType<T>().FirstOrDefault() ?? throw new InvalidOperationException($"{stream} holds no {typeof(T).Name} yet");
}

/// <summary>Reads streams in one round trip. Held-out sets are named by their content and never change: they are read once per process.</summary>
public sealed class FactReader(IFactLog log)
{
    private readonly ConcurrentDictionary<string, IReadOnlyList<StoredFact>> _heldOut = new();

    public async ValueTask<Facts> ReadAsync(IEnumerable<string> streams, CancellationToken cancellation = default)
    {
        var wanted = streams.Distinct().ToList();
        var unknown = wanted.Where(stream => !_heldOut.ContainsKey(stream)).ToList();
        var facts = new Dictionary<string, IReadOnlyList<StoredFact>>();
        if (unknown.Count > 0)
        {
            foreach (var (stream, stored) in await log.ReadAsync(unknown, cancellation))
            {
                facts[stream] = stored;
                if (stream.StartsWith("heldout/", StringComparison.Ordinal))
                    _heldOut[stream] = stored;
            }
        }

        foreach (var stream in wanted)
        {
            if (_heldOut.TryGetValue(stream, out var stored))
                facts[stream] = stored;
        }

        return new Facts(facts);
    }
}
