using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace ToolR0.Policies.Model.Cpu;

/// <summary>
/// An fp32 weight on the CPU in the order in which a product reads it: panels of <see cref="PanelProduct.Columns"/> columns, so that nothing is
/// packed anew at every step. That is what a library does with a matrix it is shown for the first time, and with few rows it takes as long as the
/// product.
/// </summary>
/// <remarks>
/// An element of a product is one sum of fused multiplications and additions in the order of the inner dimension: its bits depend neither on the
/// other rows, nor on threads, nor on the width of the processor's vectors.
/// </remarks>
internal sealed unsafe class PackedMatrix : IDisposable
{
    /// <summary>Rows that are taken through all panels at a time: their operand stays in a core's cache.</summary>
    private const int RowsAtOnce = 256;

    /// <summary>Multiplications that are worth a thread's turn.</summary>
    private const long WorthATurn = 1 << 19;

    /// <summary>[panels, inner, Columns]; columns beyond the matrix's are 0.</summary>
    private readonly Tensor _panels;
    private readonly float* _data;

    private PackedMatrix(Tensor panels, long inner, long width)
    {
        (_panels, Inner, Width) = (panels, (int)inner, (int)width);
        _data = Pointer(panels);
    }

    /// <summary>Whether this processor has what it takes.</summary>
    public static bool IsSupported => Fma.IsSupported && Vector256.IsHardwareAccelerated;

    public int Inner { get; }

    public int Width { get; }

    /// <param name="weight">[width, inner]; bf16 is widened on the way, other types before.</param>
    public static PackedMatrix Pack(Tensor weight) => Pack([weight]);

    /// <summary>Weights under one another, every row times <paramref name="scale"/>. Nothing but the panels is written.</summary>
    /// <param name="weights">[rows, inner] each, fp32 or bf16; other types are converted before.</param>
    /// <param name="scale">fp32 [inner]; null: 1.</param>
    public static PackedMatrix Pack(IReadOnlyList<Tensor> weights, Tensor? scale = null)
    {
        const int columns = PanelProduct.Columns;
        using var scope = NewDisposeScope();
        var inner = (int)weights[0].shape[1];
        var rows = new List<(nint At, bool IsNarrow)>();
        foreach (var weight in weights)
        {
            var isNarrow = weight.dtype == ScalarType.BFloat16;
            var source = (isNarrow ? weight : weight.to(ScalarType.Float32)).contiguous();
            var (start, count) = ((nint)Pointer(source), source.shape[0]);
            for (var row = 0L; row < count; row++)
                rows.Add((start + (nint)(row * inner * (isNarrow ? 2 : 4)), isNarrow));
        }

        var whole = (rows.Count + columns - 1) / columns;
        var panels = empty([whole, inner, columns], ScalarType.Float32);
        var (to, factors) = ((nint)Pointer(panels), scale is null ? 0 : (nint)Pointer(scale.contiguous()));
        ThreadTeam.Run(whole, panel =>
        {
            var target = (float*)to + (long)panel * columns * inner;
            for (var c = 0; c < columns; c++)
            {
                var row = panel * columns + c;
                var (at, isNarrow) = row < rows.Count ? rows[row] : default;
                if (at == 0)
                    Place(inner, target + c);
                else if (isNarrow)
                    Place((ushort*)at, inner, (float*)factors, target + c);
                else
                    Place((float*)at, inner, (float*)factors, target + c);
            }
        });
        return new PackedMatrix(panels.DetachFromDisposeScope(), inner, rows.Count);
    }

    /// <summary>Where a contiguous tensor's elements are, as long as it lives.</summary>
    public static float* Pointer(Tensor values)
    {
        // A span has no more than 2³¹ bytes, a tensor may.
        using var first = values.view(-1).narrow(0, 0, 1);
        return (float*)Unsafe.AsPointer(ref first.bytes[0]);
    }

    /// <summary>A row into a panel's column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Place(float* row, int inner, float* factors, float* to)
    {
        for (var k = 0; k < inner; k++)
            to[k * PanelProduct.Columns] = factors is null ? row[k] : row[k] * factors[k];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Place(ushort* row, int inner, float* factors, float* to)
    {
        for (var k = 0; k < inner; k++)
        {
            var value = BitConverter.UInt32BitsToSingle((uint)row[k] << 16);
            to[k * PanelProduct.Columns] = factors is null ? value : value * factors[k];
        }
    }

    /// <summary>Zeros into a panel's column.</summary>
    private static void Place(int inner, float* to)
    {
        for (var k = 0; k < inner; k++)
            to[k * PanelProduct.Columns] = 0;
    }

    /// <summary>x · W, or added + x · W.</summary>
    /// <param name="x">[rows, inner].</param>
    /// <param name="added">[rows, width], or [width] for every row the same.</param>
    /// <returns>[rows, width].</returns>
    public Tensor Multiply(Tensor x, Tensor? added = null)
    {
        using var scope = NewDisposeScope();
        var (source, addend) = (x.contiguous(), added?.contiguous());
        var rows = (int)source.shape[0];
        var product = empty([rows, Width], ScalarType.Float32);
        if (rows > 0)
            Multiply(Pointer(source), rows, Pointer(product), addend is null ? null : Pointer(addend), addend?.dim() == 1 ? 0 : Width);
        return product.MoveToOuterDisposeScope();
    }

    /// <summary>The same over memory.</summary>
    /// <param name="x">[rows, inner].</param>
    /// <param name="product">[rows, width]; may be <paramref name="added"/>.</param>
    /// <param name="added">Null for none.</param>
    /// <param name="stride">Elements from a row of <paramref name="added"/> to the next.</param>
    public void Multiply(float* x, int rows, float* product, float* added = null, int stride = 0)
    {
        var panels = (Width + PanelProduct.Columns - 1) / PanelProduct.Columns;
        var blocks = (rows + RowsAtOnce - 1) / RowsAtOnce;
        // Few rows are waited for by the memory that the panel comes from.
        var perPanel = Math.Clamp(rows, 4L, RowsAtOnce) * Inner * PanelProduct.Columns;
        // An even number, so that two panels can go together.
        var perTurn = (int)Math.Min((WorthATurn / perPanel + 2) & ~1L, panels);
        var turns = (panels + perTurn - 1) / perTurn;
        var (self, inner, width) = (this, Inner, Width);
        ThreadTeam.Run(turns * blocks, turn =>
        {
            var (firstRow, firstPanel) = (turn / turns * RowsAtOnce, turn % turns * perTurn);
            var last = Math.Min(firstPanel + perTurn, panels);
            var start = (long)firstRow * width;
            PanelProduct.Multiply(
                x + (long)firstRow * inner, Math.Min(RowsAtOnce, rows - firstRow), inner,
                self._data + (long)firstPanel * PanelProduct.Columns * inner,
                product + start + firstPanel * PanelProduct.Columns, width,
                Math.Min(width, last * PanelProduct.Columns) - firstPanel * PanelProduct.Columns,
                added is null ? null : added + (long)firstRow * stride + firstPanel * PanelProduct.Columns, stride);
        });
    }

    public void Dispose() => _panels.Dispose();
}
