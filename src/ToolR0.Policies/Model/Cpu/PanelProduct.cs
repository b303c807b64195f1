using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ToolR0.Policies.Model.Cpu;

/// <summary>The innermost loops of a product with a <see cref="PackedMatrix"/>: a tile of rows by a panel of columns at a time, in
/// registers.</summary>
internal static unsafe class PanelProduct
{
    /// <summary>Columns of a panel: two vectors of AVX2, one of AVX-512.</summary>
    public const int Columns = 16;

    private const int Tile = 4;
    private const int WideTile = 8;

    /// <summary>Some rows by some columns of a product.</summary>
    /// <param name="x">[rows, inner].</param>
    /// <param name="panels">The first of the columns' panels, [inner, Columns] each.</param>
    /// <param name="product">The first element; rows are <paramref name="width"/> apart.</param>
    /// <param name="columns">How many.</param>
    /// <param name="added">Null for none; rows are <paramref name="stride"/> apart.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* x, int rows, int inner, float* panels, float* product, int width, int columns, float* added, int stride)
    {
        var column = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; column + 2 * Columns <= columns; column += 2 * Columns)
                TwoPanels(x, rows, inner, panels + (long)column * inner, product + column, width, added is null ? null : added + column, stride);
        }

        for (; column + Columns <= columns; column += Columns)
            Panel(x, rows, inner, panels + (long)column * inner, product + column, width, added is null ? null : added + column, stride);
        if (column < columns)
            PartOfPanel(x, rows, inner, panels + (long)column * inner, product + column, width, columns - column, added is null ? null
                : added + column, stride);
    }

    /// <summary>The last columns of a matrix whose width is no multiple of a panel's: in a tile of their own, and from there to their
    /// places.</summary>
    private static void PartOfPanel(float* x, int rows, int inner, float* panel, float* product, int width, int columns, float* added, int stride)
    {
        var tile = stackalloc float[Tile * Columns];
        for (var row = 0; row < rows; row += Tile)
        {
            var count = Math.Min(Tile, rows - row);
            for (var i = 0; i < count * Columns && added is not null; i++)
                tile[i] = i % Columns < columns ? added[(long)(row + i / Columns) * stride + i % Columns] : 0;
            Panel(x + (long)row * inner, count, inner, panel, tile, Columns, added is null ? null : tile, Columns);
            for (var i = 0; i < count; i++)
                new ReadOnlySpan<float>(tile + i * Columns, columns).CopyTo(new Span<float>(product + (long)(row + i) * width, columns));
        }
    }

    private static void Panel(float* x, int rows, int inner, float* panel, float* product, int width, float* added, int stride)
    {
        var row = 0;
        for (; row + Tile <= rows; row += Tile)
            FourRows(x + (long)row * inner, inner, panel, product + (long)row * width, width, added is null ? null
                : added + (long)row * stride, stride);
        for (; row < rows; row++)
            OneRow(x + (long)row * inner, inner, panel, product + (long)row * width, added is null ? null : added + (long)row * stride);
    }

    private static void TwoPanels(float* x, int rows, int inner, float* panels, float* product, int width, float* added, int stride)
    {
        var row = 0;
        for (; row + WideTile <= rows; row += WideTile)
            EightRows(x + (long)row * inner, inner, panels, product + (long)row * width, width, added is null ? null
                : added + (long)row * stride, stride);
        if (row == rows)
            return;
        for (var column = 0; column < 2 * Columns; column += Columns)
        {
            Panel(
                x + (long)row * inner, rows - row, inner, panels + (long)column * inner, product + (long)row * width + column, width,
                added is null ? null : added + (long)row * stride + column, stride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourRows(float* x, int inner, float* panel, float* product, int width, float* added, int stride)
    {
        float* x1 = x + inner, x2 = x1 + inner, x3 = x2 + inner;
        Vector256<float> a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default;
        if (added is not null)
        {
            (a0, b0) = (Vector256.Load(added), Vector256.Load(added + 8));
            (a1, b1) = (Vector256.Load(added + stride), Vector256.Load(added + stride + 8));
            (a2, b2) = (Vector256.Load(added + 2L * stride), Vector256.Load(added + 2L * stride + 8));
            (a3, b3) = (Vector256.Load(added + 3L * stride), Vector256.Load(added + 3L * stride + 8));
        }

        // While this panel is in use, the next one comes from memory.
        var ahead = (nint)Columns * inner;
        for (nint i = 0; i < inner; i++)
        {
            Sse.Prefetch0(panel + ahead);
            var a = Vector256.Load(panel);
            var b = Vector256.Load(panel + 8);
            panel += Columns;
            var factor = Vector256.Create(x[i]);
            a0 = Vector256.FusedMultiplyAdd(factor, a, a0);
            b0 = Vector256.FusedMultiplyAdd(factor, b, b0);
            factor = Vector256.Create(x1[i]);
            a1 = Vector256.FusedMultiplyAdd(factor, a, a1);
            b1 = Vector256.FusedMultiplyAdd(factor, b, b1);
            factor = Vector256.Create(x2[i]);
            a2 = Vector256.FusedMultiplyAdd(factor, a, a2);
            b2 = Vector256.FusedMultiplyAdd(factor, b, b2);
            factor = Vector256.Create(x3[i]);
            a3 = Vector256.FusedMultiplyAdd(factor, a, a3);
            b3 = Vector256.FusedMultiplyAdd(factor, b, b3);
        }

        Store(product, a0, b0);
        Store(product + width, a1, b1);
        Store(product + 2L * width, a2, b2);
        Store(product + 3L * width, a3, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneRow(float* x, int inner, float* panel, float* product, float* added)
    {
        var (a, b) = added is null ? (default, default) : (Vector256.Load(added), Vector256.Load(added + 8));
        for (nint i = 0; i < inner; i++, panel += Columns)
        {
            var factor = Vector256.Create(x[i]);
            a = Vector256.FusedMultiplyAdd(factor, Vector256.Load(panel), a);
            b = Vector256.FusedMultiplyAdd(factor, Vector256.Load(panel + 8), b);
        }

        Store(product, a, b);
    }

    /// <summary>Eight rows by two panels, in sixteen vectors of AVX-512.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void EightRows(float* x, int inner, float* panels, float* product, int width, float* added, int stride)
    {
        float* x1 = x + inner, x2 = x1 + inner, x3 = x2 + inner, x4 = x3 + inner, x5 = x4 + inner, x6 = x5 + inner, x7 = x6 + inner;
        var second = panels + (long)Columns * inner;
        Vector512<float> a0 = default, b0 = default, a1 = default, b1 = default, a2 = default, b2 = default, a3 = default, b3 = default;
        Vector512<float> a4 = default, b4 = default, a5 = default, b5 = default, a6 = default, b6 = default, a7 = default, b7 = default;
        if (added is not null)
        {
            (a0, b0) = (Vector512.Load(added), Vector512.Load(added + Columns));
            (a1, b1) = (Vector512.Load(added + stride), Vector512.Load(added + stride + Columns));
            (a2, b2) = (Vector512.Load(added + 2L * stride), Vector512.Load(added + 2L * stride + Columns));
            (a3, b3) = (Vector512.Load(added + 3L * stride), Vector512.Load(added + 3L * stride + Columns));
            (a4, b4) = (Vector512.Load(added + 4L * stride), Vector512.Load(added + 4L * stride + Columns));
            (a5, b5) = (Vector512.Load(added + 5L * stride), Vector512.Load(added + 5L * stride + Columns));
            (a6, b6) = (Vector512.Load(added + 6L * stride), Vector512.Load(added + 6L * stride + Columns));
            (a7, b7) = (Vector512.Load(added + 7L * stride), Vector512.Load(added + 7L * stride + Columns));
        }

        var ahead = (nint)Columns * inner;
        for (nint i = 0; i < inner; i++)
        {
            Sse.Prefetch0(second + ahead);
            Sse.Prefetch0(second + 2 * ahead);
            var a = Vector512.Load(panels);
            var b = Vector512.Load(second);
            panels += Columns;
            second += Columns;
            (a0, b0) = Add(x[i], a, b, a0, b0);
            (a1, b1) = Add(x1[i], a, b, a1, b1);
            (a2, b2) = Add(x2[i], a, b, a2, b2);
            (a3, b3) = Add(x3[i], a, b, a3, b3);
            (a4, b4) = Add(x4[i], a, b, a4, b4);
            (a5, b5) = Add(x5[i], a, b, a5, b5);
            (a6, b6) = Add(x6[i], a, b, a6, b6);
            (a7, b7) = Add(x7[i], a, b, a7, b7);
        }

        Store(product, a0, b0);
        Store(product + width, a1, b1);
        Store(product + 2L * width, a2, b2);
        Store(product + 3L * width, a3, b3);
        Store(product + 4L * width, a4, b4);
        Store(product + 5L * width, a5, b5);
        Store(product + 6L * width, a6, b6);
        Store(product + 7L * width, a7, b7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> A, Vector512<float> B) Add(float factor, Vector512<float> a, Vector512<float> b, Vector512<float> sumA,
        Vector512<float> sumB)
    {
        var factors = Vector512.Create(factor);
        return (Vector512.FusedMultiplyAdd(factors, a, sumA), Vector512.FusedMultiplyAdd(factors, b, sumB));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, Vector256<float> a, Vector256<float> b)
    {
        a.Store(target);
        b.Store(target + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, Vector512<float> a, Vector512<float> b)
    {
        a.Store(target);
        b.Store(target + Columns);
    }
}
