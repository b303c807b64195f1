using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ToolR0.Policies.Model.Cpu;

/// <summary>Columns of a group's cache that one slot sees, in the order of their positions.</summary>
/// <param name="First">First of all.</param>
/// <param name="Stride">From one to the next.</param>
internal readonly record struct ColumnRange(int First, int Stride, int Count);

/// <summary>
/// Attention of one slot's queries of one key/value head, over that slot's own columns alone: in a grid of slots most columns belong to others. A
/// result's bits depend on the slot's own keys and values, not on where in the cache they are.
/// </summary>
internal static unsafe class SlotAttention
{
    private const int Lanes = RowMath.Lanes;

    /// <param name="queries">[repeat, size], each divided by √size.</param>
    /// <param name="keys">[capacity, size], of the slot's group and head; values likewise.</param>
    /// <param name="scores">[repeat, room]: written to; room is a multiple of 8 that takes all columns.</param>
    /// <param name="target">[repeat, size].</param>
    public static void Attend(
        float* queries, int repeat, int size, float* keys, float* values, ReadOnlySpan<ColumnRange> ranges, float* scores, int room, float* target)
    {
        for (var r = 0; r < repeat; r++)
            Score(queries + r * size, size, keys, ranges, scores + (long)r * room);
        var count = 0;
        foreach (var range in ranges)
            count += range.Count;
        for (var r = 0; r < repeat; r++)
        {
            var row = scores + (long)r * room;
            var scale = Vector256.Create(1 / RowMath.Exponentials(row, count));
            var at = 0;
            for (; at + 4 * Lanes <= size; at += 4 * Lanes)
                MixFour(row, values + at, size, ranges, scale, target + r * size + at);
            for (; at < size; at += Lanes)
                MixOne(row, values + at, size, ranges, scale, target + r * size + at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score(float* query, int size, float* keys, ReadOnlySpan<ColumnRange> ranges, float* scores)
    {
        foreach (var range in ranges)
        {
            var key = keys + (long)range.First * size;
            var (i, step) = (0, (long)range.Stride * size);
            for (; i + 4 <= range.Count; i += 4, key += 4 * step)
                RowMath.Dots(query, key, key + step, key + 2 * step, key + 3 * step, size).Store(scores + i);
            for (; i < range.Count; i++, key += step)
                scores[i] = RowMath.Dots(query, key, key, key, key, size).ToScalar();
            scores += range.Count;
        }
    }

    /// <summary>Thirty-two elements of Σ weight · value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MixFour(float* weights, float* values, int size, ReadOnlySpan<ColumnRange> ranges, Vector256<float> scale, float* target)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        foreach (var range in ranges)
        {
            var value = values + (long)range.First * size;
            var step = (long)range.Stride * size;
            for (var i = 0; i < range.Count; i++, value += step)
            {
                var weight = Vector256.Create(*weights++);
                a = Vector256.FusedMultiplyAdd(weight, Vector256.Load(value), a);
                b = Vector256.FusedMultiplyAdd(weight, Vector256.Load(value + Lanes), b);
                c = Vector256.FusedMultiplyAdd(weight, Vector256.Load(value + 2 * Lanes), c);
                d = Vector256.FusedMultiplyAdd(weight, Vector256.Load(value + 3 * Lanes), d);
            }
        }

        (a * scale).Store(target);
        (b * scale).Store(target + Lanes);
        (c * scale).Store(target + 2 * Lanes);
        (d * scale).Store(target + 3 * Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MixOne(float* weights, float* values, int size, ReadOnlySpan<ColumnRange> ranges, Vector256<float> scale, float* target)
    {
        var sum = Vector256<float>.Zero;
        foreach (var range in ranges)
        {
            var value = values + (long)range.First * size;
            var step = (long)range.Stride * size;
            for (var i = 0; i < range.Count; i++, value += step)
                sum = Vector256.FusedMultiplyAdd(Vector256.Create(*weights++), Vector256.Load(value), sum);
        }

        (sum * scale).Store(target);
    }
}
