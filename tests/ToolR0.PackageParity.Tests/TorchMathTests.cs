using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ToolR0.PackageParity.Tests;

public sealed class TorchMathTests
{
    private const double Tolerance = 1e-5;

    public static TheoryData<string, Func<Tensor, Tensor>, Func<double, double>> Pointwise => new()
    {
        { "exp", x => x.exp(), Math.Exp },
        { "log", x => x.log(), Math.Log },
        { "sqrt", x => x.sqrt(), Math.Sqrt },
        { "rsqrt", x => x.rsqrt(), x => 1 / Math.Sqrt(x) },
        { "reciprocal", x => x.reciprocal(), x => 1 / x },
        { "sin", x => x.sin(), Math.Sin },
        { "cos", x => x.cos(), Math.Cos },
        { "tanh", x => x.tanh(), Math.Tanh },
        { "sigmoid", x => x.sigmoid(), x => 1 / (1 + Math.Exp(-x)) },
        { "silu", x => x.silu(), x => x / (1 + Math.Exp(-x)) },
        { "functional silu", x => F.silu(x), x => x / (1 + Math.Exp(-x)) },
        { "neg", x => x.neg(), x => -x },
        { "abs", x => x.neg().abs(), x => x },
        { "square", x => x.square(), x => x * x },
        { "pow", x => x.pow(1.5), x => Math.Pow(x, 1.5) },
        { "clamp", x => x.clamp(0.5, 1.5), x => Math.Clamp(x, 0.5, 1.5) },
        { "clamp above", x => x.clamp(max: 1.5), x => Math.Min(x, 1.5) },
        { "clamp_min", x => x.clamp_min(1), x => Math.Max(x, 1) },
        { "floor", x => x.floor(), Math.Floor },
        { "round", x => x.round(), x => Math.Round(x) },
        { "log1p", x => x.log1p(), x => Math.Log(1 + x) },
        { "expm1", x => x.expm1(), x => Math.Exp(x) - 1 },
        { "relu", x => (x - 1).relu(), x => Math.Max(x - 1, 0) },
        { "remainder", x => x % 0.7, x => x % 0.7 },
        { "floor division", x => x.div(0.7, RoundingMode.floor), x => Math.Floor(x / 0.7) },
    };

    [Theory, MemberData(nameof(Pointwise))]
    public void A_pointwise_function_is_what_its_name_says(string name, Func<Tensor, Tensor> function, Func<double, double> expected)
    {
        using var scope = NewDisposeScope();
        var at = new[] { 0.25, 1, 2.5 };
        var actual = function(tensor(at)).data<double>().ToArray();
        actual.Zip(at).ShouldAllBe(pair => Math.Abs(pair.First - expected(pair.Second)) < Tolerance, name);
    }

    [Fact]
    public void Matrix_products_broadcast_and_accumulate()
    {
        using var scope = NewDisposeScope();
        var a = arange(1, 7).to(ScalarType.Float32).view(2, 3);
        var b = a.t();
        float[] product = [14, 32, 32, 77];
        a.mm(b).data<float>().ToArray().ShouldBe(product);
        matmul(a, b).data<float>().ToArray().ShouldBe(product);
        a.view(1, 2, 3).bmm(b.unsqueeze(0)).data<float>().ToArray().ShouldBe(product);
        a.matmul(ones(3)).data<float>().ToArray().ShouldBe([6, 15]);
        ones(2, 2).addmm(a, b).data<float>().ToArray().ShouldBe([15, 33, 33, 78]);
        ones(2, 2).addmm(a, b, 2, 0.5f).data<float>().ToArray().ShouldBe([9, 18, 18, 40.5f]);
        var sum = ones(2, 2);
        sum.addmm_(a, b, 0, 0.5f).data<float>().ToArray().ShouldBe([7, 16, 16, 38.5f]);
        sum.addmm_(a, b).data<float>().ToArray().ShouldBe([21, 48, 48, 115.5f]);
        ones(1, 2, 2).baddbmm(a.unsqueeze(0), b.unsqueeze(0), 2, 0.5f).data<float>().ToArray().ShouldBe([9, 18, 18, 40.5f]);
        F.linear(a, a).data<float>().ToArray().ShouldBe(product);
        F.linear(a, a, tensor(new[] { 1f, -1 })).data<float>().ToArray().ShouldBe([15, 31, 33, 76]);
        a[0].outer(ones(2)).shape.ShouldBe([3, 2]);
        a[0].dot(a[1]).item<float>().ShouldBe(32);
    }

    [Fact]
    public void Reductions_reduce_all_or_the_named_dimensions()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 5, 2, 4, 3, 6 }, [2, 3]);
        x.sum().item<float>().ShouldBe(21);
        x.sum(1).data<float>().ToArray().ShouldBe([8, 13]);
        x.sum([0, 1], true).shape.ShouldBe([1, 1]);
        x.sum(0, type: ScalarType.Float64).dtype.ShouldBe(ScalarType.Float64);
        x.mean().item<float>().ShouldBe(3.5f);
        x.mean([1], true).data<float>().ToArray().ShouldBe([8 / 3f, 13 / 3f]);
        x.max().item<float>().ShouldBe(6);
        var (values, indexes) = x.max(1);
        values.data<float>().ToArray().ShouldBe([5, 6]);
        indexes.data<long>().ToArray().ShouldBe([1, 2]);
        x.min().item<float>().ShouldBe(1);
        x.amax(0).data<float>().ToArray().ShouldBe([4, 5, 6]);
        x.argmax().item<long>().ShouldBe(5);
        x.argmax(1).data<long>().ToArray().ShouldBe([1, 2]);
        x.argmax(1, true).shape.ShouldBe([2, 1]);
        x.cumsum(1).data<float>().ToArray().ShouldBe([1, 6, 8, 4, 7, 13]);
        x.norm().item<float>().ShouldBe((float)Math.Sqrt(91), Tolerance);
        x.norm(1, true).shape.ShouldBe([2, 1]);
        x.logsumexp(1).data<float>()[0].ShouldBe((float)Math.Log(Math.E + Math.Exp(5) + Math.Exp(2)), Tolerance);
        x.std(unbiased: true).item<float>().ShouldBe((float)Math.Sqrt(3.5), Tolerance);
        torch.max(x, ones(2, 3) * 3).data<float>().ToArray().ShouldBe([3, 5, 3, 4, 3, 6]);
        minimum(x, ones(2, 3) * 3).data<float>().ToArray().ShouldBe([1, 3, 2, 3, 3, 3]);
    }

    [Fact]
    public void Sorting_returns_values_and_where_they_were()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 2f, 3, 1, 3 });
        var (values, indices) = x.sort(descending: true, stable: true);
        values.data<float>().ToArray().ShouldBe([3, 3, 2, 1]);
        indices.data<long>().ToArray().ShouldBe([1, 3, 0, 2]);
        x.sort().Values.data<float>().ToArray().ShouldBe([1, 2, 3, 3]);
        var (top, at) = x.topk(1);
        top.item<float>().ShouldBe(3);
        at.size(0).ShouldBe(1);
        x.argsort()[0].item<long>().ShouldBe(2);
    }

    [Fact]
    public void A_place_in_rising_rows_is_found_from_either_side()
    {
        using var scope = NewDisposeScope();
        var rows = tensor(new[] { 1.0, 2, 2, 5, 0, 1, 1, 3 }, [2, 4]);
        var values = tensor(new[] { 2.0, 9, 1, -1 }, [2, 2]);
        searchsorted(rows, values).data<long>().ToArray().ShouldBe([1, 4, 1, 0]);
        searchsorted(rows, values, right: true).data<long>().ToArray().ShouldBe([3, 4, 3, 0]);
        searchsorted(rows, values, out_int32: true).dtype.ShouldBe(ScalarType.Int32);
    }

    [Fact]
    public void A_narrow_and_a_wide_operand_give_the_wide_type_but_in_place()
    {
        using var scope = NewDisposeScope();
        var narrow = tensor(new[] { 3f, -4 }).to(ScalarType.BFloat16);
        var wide = tensor(new[] { 4f, 3 });
        narrow.hypot(wide).dtype.ShouldBe(ScalarType.Float32);
        narrow.hypot(wide).data<float>().ToArray().ShouldBe([5, 5]);
        narrow.addcdiv(narrow, wide, 2).data<float>().ToArray().ShouldBe([4.5f, -4 - 8 / 3f]);
        narrow.div_(wide).dtype.ShouldBe(ScalarType.BFloat16);
        narrow.to(ScalarType.Float32).data<float>().ToArray().ShouldBe([0.75f, -1.3359375f]);
    }

    [Fact]
    public void Softmax_and_its_logarithm_agree()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 0f, (float)Math.Log(3) });
        x.softmax(-1).allclose(tensor(new[] { 0.25f, 0.75f })).ShouldBeTrue();
        softmax(x, 0).allclose(F.softmax(x, 0)).ShouldBeTrue();
        x.log_softmax(-1).allclose(x.softmax(-1).log()).ShouldBeTrue();
        F.log_softmax(x, -1).allclose(x.log_softmax(-1)).ShouldBeTrue();
        x.to(ScalarType.BFloat16).softmax(-1, ScalarType.Float32).dtype.ShouldBe(ScalarType.Float32);
        F.cross_entropy(x.view(1, 2), tensor(new[] { 1L })).item<float>().ShouldBe((float)-Math.Log(0.75), Tolerance);
    }

    [Fact]
    public void Comparisons_give_booleans_that_combine()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 2, 3 });
        Flags(x == 2).ShouldBe([false, true, false]);
        Flags(x != 2).ShouldBe([true, false, true]);
        Flags(x < 2).ShouldBe([true, false, false]);
        Flags(2 <= x).ShouldBe([false, true, true]);
        Flags(x.le(2)).ShouldBe([true, true, false]);
        Flags((x > 1) & (x < 3)).ShouldBe([false, true, false]);
        Flags((x < 2) | (x > 2)).ShouldBe([true, false, true]);
        Flags(~(x > 1)).ShouldBe([true, false, false]);
        Flags(x.gt(1).logical_and(x.lt(3))).ShouldBe([false, true, false]);
        Flags(x.gt(2).logical_not()).ShouldBe([true, true, false]);
        x.gt(0).all().item<bool>().ShouldBeTrue();
        x.gt(2).any().item<bool>().ShouldBeTrue();
        Flags((x / tensor(new[] { 1f, 0, 1 })).isfinite()).ShouldBe([true, false, true]);
        Flags((x * float.NaN).isnan()).ShouldBe([true, true, true]);
        x.Equals(x.clone()).ShouldBeTrue();
    }

    private static bool[] Flags(Tensor tensor) => tensor.data<bool>().ToArray();
}
