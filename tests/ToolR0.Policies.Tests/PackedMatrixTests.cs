using ToolR0.Policies.Model.Cpu;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

[Collection(nameof(Alone))]
public sealed class PackedMatrixTests
{
    [Theory]
    [InlineData(1, 5, 3)]
    [InlineData(4, 64, 16)]
    [InlineData(7, 33, 50)]
    [InlineData(32, 512, 288)]
    [InlineData(300, 40, 100)]
    public void A_product_is_the_tensor_librarys_but_for_rounding(int rows, int inner, int width)
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Configure(1);
        var (x, weight, full, bias) = (Random(1, rows, inner), Random(2, width, inner), Random(3, rows, width), Random(4, width));
        using var packed = PackedMatrix.Pack(weight);
        var product = x.to(ScalarType.Float64).mm(weight.to(ScalarType.Float64).t());
        var tolerance = 1e-6 * inner;
        Distance(packed.Multiply(x), product).ShouldBeLessThan(tolerance);
        Distance(packed.Multiply(x, full), product + full).ShouldBeLessThan(tolerance);
        Distance(packed.Multiply(x, bias), product + bias).ShouldBeLessThan(tolerance);
    }

    [Fact]
    public void A_rows_bits_depend_neither_on_other_rows_nor_on_threads()
    {
        using var scope = NewDisposeScope();
        var (x, weight, full) = (Random(1, 290, 200), Random(2, 1000, 200), Random(3, 290, 1000));
        using var packed = PackedMatrix.Pack(weight);
        TorchRuntime.Configure(1);
        var alone = cat([.. Enumerable.Range(0, 290).Select(row => packed.Multiply(x.narrow(0, row, 1), full.narrow(0, row, 1)))]);
        var together = packed.Multiply(x, full);
        TorchRuntime.Configure(3);
        var threaded = packed.Multiply(x, full);
        TorchRuntime.Configure(1);
        Bits(together).ShouldBe(Bits(alone));
        Bits(threaded).ShouldBe(Bits(alone));
    }

    [Fact]
    public unsafe void Tiles_of_the_widest_vectors_give_the_same_bits()
    {
        const int inner = 37, rows = 8, width = 2 * PanelProduct.Columns;
        using var scope = NewDisposeScope();
        TorchRuntime.Configure(1);
        var (x, panels, added, wide, narrow) =
            (Random(1, rows, inner), Random(2, width, inner), Random(3, rows, width), zeros(rows, width), zeros(rows, width));
        PanelProduct.EightRows(
            PackedMatrix.Pointer(x), inner, PackedMatrix.Pointer(panels), PackedMatrix.Pointer(wide), width, PackedMatrix.Pointer(added), width);
        for (var row = 0; row < rows; row++)
        {
            PanelProduct.Multiply(
                PackedMatrix.Pointer(x) + row * inner, 1, inner, PackedMatrix.Pointer(panels), PackedMatrix.Pointer(narrow) + row * width,
                width, width,
                PackedMatrix.Pointer(added) + row * width, width);
        }

        Bits(wide).ShouldBe(Bits(narrow));
    }

    [Fact]
    public void A_team_does_every_piece_once_and_tells_of_a_failure()
    {
        TorchRuntime.Configure(3);
        var done = new int[1000];
        ThreadTeam.Run(done.Length, i => Interlocked.Increment(ref done[i]));
        done.ShouldAllBe(count => count == 1);
        Should.Throw<InvalidOperationException>(() => ThreadTeam.Run(50, i => throw new InvalidOperationException($"{i}")));
        TorchRuntime.Configure(1);
    }

    private static Tensor Random(long seed, params long[] shape)
    {
        using var generator = new Generator((ulong)seed);
        return randn(shape, ScalarType.Float32, generator: generator);
    }

    private static float[] Bits(Tensor values) => values.data<float>().ToArray();

    private static double Distance(Tensor actual, Tensor expected) => actual.sub(expected).abs().max().to(ScalarType.Float64).item<double>();
}
