using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ToolR0.Policies.Gguf;

/// <summary>bfloat16: the upper half of a float32.</summary>
internal static class BrainFloat
{
    /// <summary>Rounds to the nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(ReadOnlySpan<float> from, Span<ushort> to)
    {
        var bits = MemoryMarshal.Cast<float, uint>(from);
        var i = 0;
        for (; i + Vector256<ushort>.Count <= bits.Length; i += Vector256<ushort>.Count)
        {
            var (low, high) = (Vector256.Create(bits[i..]), Vector256.Create(bits[(i + Vector256<uint>.Count)..]));
            if (Vector256.EqualsAll(low.AsSingle(), low.AsSingle()) && Vector256.EqualsAll(high.AsSingle(), high.AsSingle()))
                Vector256.Narrow(Rounded(low), Rounded(high)).CopyTo(to[i..]);
            else
                RoundEach(bits.Slice(i, Vector256<ushort>.Count), to[i..]);
        }

        RoundEach(bits[i..], to[i..]);
    }

    /// <summary>Every value is one of bfloat16 already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool Holds(ReadOnlySpan<float> values)
    {
        var seen = 0u;
        foreach (var bits in MemoryMarshal.Cast<float, uint>(values))
            seen |= bits;
        return (seen & 0xFFFF) == 0;
    }

    private static Vector256<uint> Rounded(Vector256<uint> bits) =>
        (bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256.Create(1u))) >>> 16;

    private static void RoundEach(ReadOnlySpan<uint> bits, Span<ushort> to)
    {
        for (var i = 0; i < bits.Length; i++)
        {
            var isNan = (bits[i] & 0x7FFF_FFFF) > 0x7F80_0000;
            to[i] = (ushort)(isNan ? (bits[i] >> 16) | 64 : (bits[i] + 0x7FFF + ((bits[i] >> 16) & 1)) >> 16);
        }
    }
}
