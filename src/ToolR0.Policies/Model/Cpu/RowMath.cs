using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ToolR0.Policies.Model.Cpu;

/// <summary>What happens to the elements of a row between two products, in vectors of eight. Lengths are multiples of <see cref="Lanes"/>.</summary>
internal static unsafe class RowMath
{
    public const int Lanes = 8;

    /// <summary>x / √(mean(x²) + ε).</summary>
    /// <param name="target">May be <paramref name="x"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Normalise(float* x, float* target, int count, float epsilon)
    {
        var squares = Vector256<float>.Zero;
        for (var i = 0; i < count; i += Lanes)
        {
            var values = Vector256.Load(x + i);
            squares = Vector256.FusedMultiplyAdd(values, values, squares);
        }

        var scale = Vector256.Create(1 / MathF.Sqrt(Vector256.Sum(squares) / count + epsilon));
        for (var i = 0; i < count; i += Lanes)
            (Vector256.Load(x + i) * scale).Store(target + i);
    }

    /// <summary>x ∘ factors, in place.</summary>
    public static void Scale(float* x, float* factors, int count)
    {
        for (var i = 0; i < count; i += Lanes)
            (Vector256.Load(x + i) * Vector256.Load(factors + i)).Store(x + i);
    }

    /// <summary>Rotates a head: element i is paired with i + count/2, as in <see cref="RopeTable"/> where pairs are apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rotate(float* x, float* cos, float* sin, float* target, int count)
    {
        var (half, i) = (count / 2, 0);
        for (; i + Lanes <= half; i += Lanes)
        {
            var (a, b) = (Vector256.Load(x + i), Vector256.Load(x + half + i));
            Vector256.FusedMultiplyAdd(b, Vector256.Load(sin + i), a * Vector256.Load(cos + i)).Store(target + i);
            Vector256.FusedMultiplyAdd(a, Vector256.Load(sin + half + i), b * Vector256.Load(cos + half + i)).Store(target + half + i);
        }

        for (; i < half; i++)
        {
            var (a, b) = (x[i], x[half + i]);
            target[i] = MathF.FusedMultiplyAdd(b, sin[i], a * cos[i]);
            target[half + i] = MathF.FusedMultiplyAdd(a, sin[half + i], b * cos[half + i]);
        }
    }

    /// <summary>gate / (1 + exp(−gate)) · up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SwiGlu(float* gate, float* up, float* target, int count)
    {
        for (var i = 0; i < count; i += Lanes)
        {
            var x = Vector256.Load(gate + i);
            (x / (Vector256<float>.One + Vector256.Exp(-x)) * Vector256.Load(up + i)).Store(target + i);
        }
    }

    /// <summary>Turns scores into exp(score − greatest), in place; returns their sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Exponentials(float* scores, int count)
    {
        // What fills the last vector counts nothing.
        var whole = (count + Lanes - 1) / Lanes * Lanes;
        for (var i = count; i < whole; i++)
            scores[i] = float.NegativeInfinity;
        var greatest = Vector256.Load(scores);
        for (var i = Lanes; i < whole; i += Lanes)
            greatest = Vector256.Max(greatest, Vector256.Load(scores + i));
        var top = greatest[0];
        for (var lane = 1; lane < Lanes; lane++)
            top = MathF.Max(top, greatest[lane]);
        var (shift, sum) = (Vector256.Create(top), Vector256<float>.Zero);
        for (var i = 0; i < whole; i += Lanes)
        {
            var e = Vector256.Exp(Vector256.Load(scores + i) - shift);
            e.Store(scores + i);
            sum += e;
        }

        return Vector256.Sum(sum);
    }

    /// <summary>Scalar products of a query with four keys, each in the same order of operations wherever it stands.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector128<float> Dots(float* query, float* key0, float* key1, float* key2, float* key3, int count)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        for (nint i = 0; i < count; i += Lanes)
        {
            var q = Vector256.Load(query + i);
            a = Vector256.FusedMultiplyAdd(q, Vector256.Load(key0 + i), a);
            b = Vector256.FusedMultiplyAdd(q, Vector256.Load(key1 + i), b);
            c = Vector256.FusedMultiplyAdd(q, Vector256.Load(key2 + i), c);
            d = Vector256.FusedMultiplyAdd(q, Vector256.Load(key3 + i), d);
        }

        var sums = Avx.HorizontalAdd(Avx.HorizontalAdd(a, b), Avx.HorizontalAdd(c, d));
        return sums.GetLower() + sums.GetUpper();
    }
}
