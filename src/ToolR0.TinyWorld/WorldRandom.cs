using ToolR0.Contracts;

namespace ToolR0.TinyWorld;

/// <summary>
/// A counter-based random source: draw i is a fixed function (SplitMix64's finaliser) of key and i, the same on every machine and
/// runtime version. Not thread safe; give each task its own by <see cref="For"/>.
/// </summary>
public sealed class WorldRandom(ulong key)
{
    private ulong _counter;

    /// <summary>The source that belongs to a place: equal seed and path give equal draws.</summary>
    public static WorldRandom For(long seed, string path) => new((ulong)Seeds.Derive(seed, path));

    /// <summary>The next 64 random bits.</summary>
    public ulong NextBits()
    {
        var z = key + (++_counter * 0x9E3779B97F4A7C15UL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high], both included.</summary>
    public int Next(int low, int high) => low + (int)(NextBits() % (ulong)(high - low + 1));

    public bool Chance(double probability) => NextDouble() < probability;

    public T Pick<T>(IReadOnlyList<T> from) => from[Next(0, from.Count - 1)];

    /// <summary>Fisher-Yates, in place.</summary>
    public void Shuffle<T>(IList<T> items)
    {
        for (var i = items.Count - 1; i > 0; i--)
        {
            var j = Next(0, i);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
