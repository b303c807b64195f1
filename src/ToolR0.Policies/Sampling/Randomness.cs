namespace ToolR0.Policies.Sampling;

/// <summary>
/// Counter-based randomness: the t-th draw of a seed is a hash of (seed, t), so it depends neither on what else is drawn nor on the order
/// of drawing. SplitMix64's finaliser, applied twice.
/// </summary>
public static class Randomness
{
    /// <summary>64 well-mixed bits.</summary>
    public static ulong Bits(long seed, long t) => Mix(Mix((ulong)seed + 0x9E3779B97F4A7C15) + (ulong)(t + 1) * 0x9E3779B97F4A7C15);

    /// <summary>Uniform in [0, 1) with 53 bits.</summary>
    public static double Uniform(long seed, long t) => (Bits(seed, t) >> 11) * (1.0 / (1UL << 53));

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
