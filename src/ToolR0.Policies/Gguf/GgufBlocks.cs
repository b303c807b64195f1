using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ToolR0.Policies.Gguf;

/// <summary>
/// Expands the blocks of quantised tensors to float32. Every product and every sum is rounded by itself, as ggml's reference code defines the values,
/// so that any processor gives the same bits. Compiled in full at once: they run for a second and would be slow for most of it.
/// </summary>
internal static class GgufBlocks
{
    /// <summary>Elements of a K block.</summary>
    private const int Super = 256;

    /// <param name="blocks">Whole blocks.</param>
    /// <param name="values">As many elements as they hold.</param>
    public static void Expand(GgufType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        if (type == GgufType.F32)
            blocks.CopyTo(MemoryMarshal.AsBytes(values));
        else if (type == GgufType.F16)
            Halves(blocks, values);
        else if (type == GgufType.BF16)
            BrainFloats(blocks, values);
        else
            Quantised(type, blocks, values);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Quantised(GgufType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Action<ReadOnlySpan<byte>, Span<float>> expand = type.Name switch
        {
            nameof(GgufType.Q4_0) => Q4_0,
            nameof(GgufType.Q4_1) => Q4_1,
            nameof(GgufType.Q5_0) => Q5_0,
            nameof(GgufType.Q5_1) => Q5_1,
            nameof(GgufType.Q8_0) => Q8_0,
            nameof(GgufType.Q2_K) => Q2_K,
            nameof(GgufType.Q3_K) => Q3_K,
            nameof(GgufType.Q4_K) => Q4_K,
            nameof(GgufType.Q5_K) => Q5_K,
            nameof(GgufType.Q6_K) => Q6_K,
            _ => throw new ArgumentException($"{type.Name} is not read", nameof(type)),
        };
        for (var i = 0; i * type.BlockSize < values.Length; i++)
            expand(blocks.Slice(i * type.BlockBytes, type.BlockBytes), values.Slice(i * type.BlockSize, type.BlockSize));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Halves(ReadOnlySpan<byte> from, Span<float> to)
    {
        for (var i = 0; i < to.Length; i++)
            to[i] = Half(from, 2 * i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BrainFloats(ReadOnlySpan<byte> from, Span<float> to)
    {
        var bits = MemoryMarshal.Cast<float, uint>(to);
        for (var i = 0; i < to.Length; i++)
            bits[i] = (uint)BinaryPrimitives.ReadUInt16LittleEndian(from[(2 * i)..]) << 16;
    }

    // d[2] q[16]: low nibbles first, each minus 8.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4_0(ReadOnlySpan<byte> block, Span<float> to) => Nibbles(block[2..], Half(block, 0), null, 8, to);

    // d[2] m[2] q[16].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4_1(ReadOnlySpan<byte> block, Span<float> to) => Nibbles(block[4..], Half(block, 0), Half(block, 2), 0, to);

    // d[2] high[4] q[16]: five bits, minus 16.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q5_0(ReadOnlySpan<byte> block, Span<float> to)
    {
        var d = Half(block, 0);
        var high = BinaryPrimitives.ReadUInt32LittleEndian(block[2..]);
        var q = block[6..];
        for (var i = 0; i < 16; i++)
        {
            to[i] = d * ((int)((q[i] & 15u) | ((high >> i) & 1) << 4) - 16);
            to[i + 16] = d * ((int)((uint)(q[i] >> 4) | ((high >> (i + 16)) & 1) << 4) - 16);
        }
    }

    // d[2] m[2] high[4] q[16].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q5_1(ReadOnlySpan<byte> block, Span<float> to)
    {
        var d = Half(block, 0);
        var m = Half(block, 2);
        var high = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        var q = block[8..];
        for (var i = 0; i < 16; i++)
        {
            to[i] = (d * (int)((q[i] & 15u) | ((high >> i) & 1) << 4)) + m;
            to[i + 16] = (d * (int)((uint)(q[i] >> 4) | ((high >> (i + 16)) & 1) << 4)) + m;
        }
    }

    // d[2] q[32], signed.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q8_0(ReadOnlySpan<byte> block, Span<float> to)
    {
        var d = Half(block, 0);
        var q = MemoryMarshal.Cast<byte, sbyte>(block[2..]);
        for (var i = 0; i < 32; i += 16)
        {
            var (low, high) = Vector128.Widen(Vector128.Create(q[i..]));
            Scaled(low, d, null, to[i..]);
            Scaled(high, d, null, to[(i + 8)..]);
        }
    }

    // scales[16]: low nibble the scale, high the minimum; q[64]: two bits; d[2] m[2].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q2_K(ReadOnlySpan<byte> block, Span<float> to)
    {
        var scales = block[..16];
        var q = block.Slice(16, 64);
        var d = Half(block, 80);
        var m = Half(block, 82);
        for (var i = 0; i < Super; i++)
        {
            var scale = scales[i / 16];
            var value = (q[(i / 128 * 32) + (i % 32)] >> (2 * (i % 128 / 32))) & 3;
            to[i] = (d * (scale & 15) * value) - (m * (scale >> 4));
        }
    }

    // high[32]: a cleared bit takes 4 away; q[64]: two bits; scales[12]: six bits, minus 32; d[2].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q3_K(ReadOnlySpan<byte> block, Span<float> to)
    {
        var high = block[..32];
        var q = block.Slice(32, 64);
        var packed = block.Slice(96, 12);
        var d = Half(block, 108);
        for (var i = 0; i < Super; i++)
        {
            var part = i / 16;
            var low = part < 8 ? packed[part] & 15 : packed[part - 8] >> 4;
            var scale = (low | ((packed[8 + (part % 4)] >> (2 * (part / 4))) & 3) << 4) - 32;
            var value = (q[(i / 128 * 32) + (i % 32)] >> (2 * (i % 128 / 32))) & 3;
            to[i] = d * scale * (value - ((high[i % 32] >> (i / 32) & 1) == 0 ? 4 : 0));
        }
    }

    // d[2] m[2] scales[12] q[128]: 64 elements share 32 bytes, low nibbles first.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4_K(ReadOnlySpan<byte> block, Span<float> to)
    {
        var d = Half(block, 0);
        var m = Half(block, 2);
        var scales = block.Slice(4, 12);
        var q = block[16..];
        for (var part = 0; part < 8; part++)
        {
            var (scale, least) = ScaleAndLeast(scales, part);
            var (dl, ml) = (d * scale, m * least);
            var from = q[(part / 2 * 32)..];
            var shift = part % 2 * 4;
            for (var i = 0; i < 32; i++)
                to[(part * 32) + i] = (dl * ((from[i] >> shift) & 15)) - ml;
        }
    }

    // d[2] m[2] scales[12] high[32] q[128].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q5_K(ReadOnlySpan<byte> block, Span<float> to)
    {
        var d = Half(block, 0);
        var m = Half(block, 2);
        var scales = block.Slice(4, 12);
        var high = block.Slice(16, 32);
        var q = block[48..];
        for (var part = 0; part < 8; part++)
        {
            var (scale, least) = ScaleAndLeast(scales, part);
            var (dl, ml) = (d * scale, m * least);
            var from = q[(part / 2 * 32)..];
            var shift = part % 2 * 4;
            for (var i = 0; i < 32; i++)
                to[(part * 32) + i] = (dl * (((from[i] >> shift) & 15) | ((high[i] >> part) & 1) << 4)) - ml;
        }
    }

    // low[128] high[64] scales[16], signed; d[2]: six bits, minus 32.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q6_K(ReadOnlySpan<byte> block, Span<float> to)
    {
        var low = block[..128];
        var high = block.Slice(128, 64);
        var scales = MemoryMarshal.Cast<byte, sbyte>(block.Slice(192, 16));
        var d = Half(block, 208);
        for (var part = 0; part < 8; part++)
        {
            // 128 elements share 64 low and 32 high bytes: four parts of 32.
            var (half, quarter) = (part / 4, part % 4);
            var from = low[((half * 64) + (quarter % 2 * 32))..];
            var top = high[(half * 32)..];
            for (var i = 0; i < 32; i++)
            {
                var value = ((from[i] >> (quarter / 2 * 4)) & 15) | ((top[i] >> (quarter * 2)) & 3) << 4;
                to[(part * 32) + i] = d * scales[(part * 2) + (i / 16)] * (value - 32);
            }
        }
    }

    /// <summary>Six bits each of eight scales and eight minima in twelve bytes.</summary>
    private static (int Scale, int Least) ScaleAndLeast(ReadOnlySpan<byte> packed, int part) => part < 4
        ? (packed[part] & 63, packed[part + 4] & 63)
        : ((packed[part + 4] & 15) | (packed[part - 4] >> 6) << 4, (packed[part + 4] >> 4) | (packed[part] >> 6) << 4);

    /// <summary>d · (q − offset) + added, the low nibbles of 16 bytes first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nibbles(ReadOnlySpan<byte> q, float d, float? added, sbyte offset, Span<float> to)
    {
        var packed = Vector128.Create(q);
        for (var part = 0; part < 2; part++)
        {
            var nibbles = part == 0 ? packed & Vector128.Create((byte)15) : packed >>> 4;
            var (low, high) = Vector128.Widen(nibbles.AsSByte() - Vector128.Create(offset));
            Scaled(low, d, added, to[(part * 16)..]);
            Scaled(high, d, added, to[((part * 16) + 8)..]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scaled(Vector128<short> q, float d, float? added, Span<float> to)
    {
        var (low, high) = Vector128.Widen(q);
        var (a, b) = (Vector128.ConvertToSingle(low) * d, Vector128.ConvertToSingle(high) * d);
        if (added is { } m)
            (a, b) = (a + Vector128.Create(m), b + Vector128.Create(m));
        a.CopyTo(to);
        b.CopyTo(to[4..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half(ReadOnlySpan<byte> bytes, int at) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[at..]);
}
