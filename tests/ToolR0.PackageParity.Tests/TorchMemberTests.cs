using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ToolR0.PackageParity.Tests;

/// <summary>The members that the other classes do not come by.</summary>
public sealed class TorchMemberTests
{
    [Fact]
    public void Static_functions_equal_the_methods_of_the_tensor()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, -4, 9, 2 }, [2, 2]);
        abs(x).Equals(x.abs()).ShouldBeTrue();
        exp(x).Equals(x.exp()).ShouldBeTrue();
        log(x.abs()).Equals(x.abs().log()).ShouldBeTrue();
        sqrt(x.abs()).Equals(x.abs().sqrt()).ShouldBeTrue();
        sin(x).Equals(x.sin()).ShouldBeTrue();
        cos(x).Equals(x.cos()).ShouldBeTrue();
        clamp(x, -1, 1).Equals(x.clamp(-1, 1)).ShouldBeTrue();
        mm(x, x).Equals(x.mm(x)).ShouldBeTrue();
        bmm(x.unsqueeze(0), x.unsqueeze(0)).Equals(x.mm(x).unsqueeze(0)).ShouldBeTrue();
        torch.sum(x).item<float>().ShouldBe(8);
        torch.sum(x, 1).data<float>().ToArray().ShouldBe([-3, 11]);
        mean(x).item<float>().ShouldBe(2);
        mean(x, [0]).data<float>().ToArray().ShouldBe([5, -1]);
        torch.max(x).item<float>().ShouldBe(9);
        torch.max(x, 1).indexes.data<long>().ToArray().ShouldBe([0, 0]);
        torch.min(x).item<float>().ShouldBe(-4);
        torch.min(x, 0).values.data<float>().ToArray().ShouldBe([1, -4]);
        torch.min(x, zeros(2, 2)).data<float>().ToArray().ShouldBe([0, -4, 0, 0]);
        maximum(x, zeros(2, 2)).data<float>().ToArray().ShouldBe([1, 0, 9, 2]);
        x.max(zeros(2, 2)).Equals(x.maximum(zeros(2, 2))).ShouldBeTrue();
        x.min(zeros(2, 2)).Equals(x.minimum(zeros(2, 2))).ShouldBeTrue();
        x.min(1).values.data<float>().ToArray().ShouldBe([-4, 2]);
        cumsum(x, 0).data<float>().ToArray().ShouldBe([1, -4, 10, -2]);
        torch.sort(x, 1).values.data<float>().ToArray().ShouldBe([-4, 1, 2, 9]);
        torch.topk(x, 1, 1).values.data<float>().ToArray().ShouldBe([1, 9]);
        torch.all(x.gt(-5)).item<bool>().ShouldBeTrue();
        torch.any(x.gt(9)).item<bool>().ShouldBeFalse();
        x.gt(0).all(1).data<bool>().ToArray().ShouldBe([false, true]);
        x.gt(8).any(0).data<bool>().ToArray().ShouldBe([true, false]);
    }

    [Fact]
    public void Products_and_differences_are_methods_too()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 3f, -5 });
        var y = tensor(new[] { 2f, 4 });
        Values(x.mul(y)).ShouldBe([6, -20]);
        Values(x.mul(2)).ShouldBe([6, -10]);
        Values(x.sub(y)).ShouldBe([1, -9]);
        Values(x.sub(1)).ShouldBe([2, -6]);
        Values(x.add(y)).ShouldBe([5, -1]);
        Values(x.add(1, 2)).ShouldBe([5, -3]);
        Values(x.addcmul(y, y, 0.5)).ShouldBe([5, 3]);
        Values(x.addcdiv(y, y, 2)).ShouldBe([5, -3]);
        Values(x.addcdiv(y, y)).ShouldBe([4, -4]);
        Values(x.clone().addcdiv_(y, y)).ShouldBe([4, -4]);
        Values(x.lerp(y, tensor(0.5f))).ShouldBe([2.5f, -0.5f]);
        Values(x.clone().lerp_(y, tensor(0.5f))).ShouldBe([2.5f, -0.5f]);
        Values(x.clone().clamp_(-1, 1)).ShouldBe([1, -1]);
        Values(x.clone().masked_fill_(x.lt(0), 7)).ShouldBe([3, 7]);
        Values(x.remainder(y)).ShouldBe([1, 3]);
        Values(x.floor_divide(y)).ShouldBe([1, -2]);
        Values(x.div(y, RoundingMode.trunc)).ShouldBe([1, -1]);
        Values((x / 2).trunc()).ShouldBe([1, -2]);
        Values((x / 2).ceil()).ShouldBe([2, -2]);
        Values((x / 3.1).round(1)).ShouldBe([1, -1.6f]);
        Values(x.sign()).ShouldBe([1, -1]);
        Values(x.negative()).ShouldBe([-3, 5]);
        Values(x.clone().silu_()).ShouldBe(Values(x.silu()));
        Values(F.silu(x.clone(), inplace: true)).ShouldBe(Values(x.silu()));
        (x.eq(y) ^ x.ne(y)).all().item<bool>().ShouldBeTrue();
        (x >= y).data<bool>().ToArray().ShouldBe([true, false]);
        (3 >= x).data<bool>().ToArray().ShouldBe([true, true]);
        x.isclose(x + 1e-7).all().item<bool>().ShouldBeTrue();
        Values(x.where(x.gt(0), y)).ShouldBe([3, 4]);
        Should.Throw<ArgumentException>(() => x.where(x, y));
    }

    [Fact]
    public void Indexed_writes_have_copying_forms()
    {
        using var scope = NewDisposeScope();
        var x = zeros(3);
        var at = tensor(new long[] { 2 });
        Values(x.index_copy(0, at, ones(1))).ShouldBe([0, 0, 1]);
        Values(x.index_add(0, at, ones(1), 3)).ShouldBe([0, 0, 3]);
        Values(x.scatter(0, at, ones(1))).ShouldBe([0, 0, 1]);
        Values(x.scatter_add(0, at, ones(1))).ShouldBe([0, 0, 1]);
        Values(x).ShouldBe([0, 0, 0]);
        var cube = arange(24).view(1, 2, 3, 4);
        cube[0, 1, 2].data<long>().ToArray().ShouldBe([20, 21, 22, 23]);
        cube[0, 1, 2, 3].item<long>().ShouldBe(23);
        cube[0, 1, 2] = zeros(4, ScalarType.Int64);
        cube[0, 0, 0, 1] = tensor(5L);
        cube.sum().item<long>().ShouldBe(276 - 86 + 4);
        cube[TensorIndex.Null, TensorIndex.Slice((0, 1))].shape.ShouldBe([1, 1, 2, 3, 4]);
        cube.index(TensorIndex.Single(0), TensorIndex.Single(1)).shape.ShouldBe([3, 4]);
    }

    [Fact]
    public void Every_rank_up_to_four_has_its_factory()
    {
        using var scope = NewDisposeScope();
        zeros(2).shape.ShouldBe([2]);
        zeros(2, 3, 4).shape.ShouldBe([2, 3, 4]);
        zeros(2, 3, 4, 5).shape.ShouldBe([2, 3, 4, 5]);
        ones(2, 3, 4, 5).sum().item<float>().ShouldBe(120);
        empty(2, 3).shape.ShouldBe([2, 3]);
        empty(2, 3, 4).shape.ShouldBe([2, 3, 4]);
        empty(2, 3, 4, 5).shape.ShouldBe([2, 3, 4, 5]);
        full(2, 3, 1f).sum().item<float>().ShouldBe(6);
        full(2, 3, 4, 1f).sum().item<float>().ShouldBe(24);
        full(2, 3, 4, 5, 1f).sum().item<float>().ShouldBe(120);
        rand(2, 3).shape.ShouldBe([2, 3]);
        rand(2, 3, 4).shape.ShouldBe([2, 3, 4]);
        rand(2, 3, 4, 5).shape.ShouldBe([2, 3, 4, 5]);
        randn(2, 3).shape.ShouldBe([2, 3]);
        randn(2, 3, 4).shape.ShouldBe([2, 3, 4]);
        ones_like(zeros(2)).sum().item<float>().ShouldBe(2);
        full_like(zeros(2), 3).sum().item<float>().ShouldBe(6);
        empty_like(zeros(2), ScalarType.Int32).dtype.ShouldBe(ScalarType.Int32);
        zeros(2).ones_like(ScalarType.Int64).dtype.ShouldBe(ScalarType.Int64);
        from_array(new[] { 1, 2 }, ScalarType.Float32).data<float>().ToArray().ShouldBe([1, 2]);
        tensor(new List<long> { 1, 2 }).data<long>().ToArray().ShouldBe([1, 2]);
        tensor(new[] { 1f, 2, 3 }.AsMemory(1), [2]).data<float>().ToArray().ShouldBe([2, 3]);
        tensor(new[,] { { 1L, 2 }, { 3, 4 } })[1, 0].item<long>().ShouldBe(3);
        Should.Throw<ArgumentException>(() => tensor(new[] { 1f }, [2]));
        zeros([1], requires_grad: true).requires_grad.ShouldBeTrue();
    }

    [Fact]
    public void An_array_can_be_shared_without_a_copy()
    {
        using var scope = NewDisposeScope();
        var array = new[] { 1f, 2 };
        var shared = from_array(array);
        shared.add_(1);
        array.ShouldBe([2, 3]);
    }

    [Fact]
    public void A_tensor_describes_itself()
    {
        using var scope = NewDisposeScope();
        var x = zeros(2, 3);
        (x.ndim, x.Dimensions, x.NumberOfElements, x.ElementSize).ShouldBe((2, 2, 6, 4));
        x.size().ShouldBe([2, 3]);
        x.stride(0).ShouldBe(3);
        x.mT.shape.ShouldBe([3, 2]);
        (x.is_cpu(), x.is_cuda, x.is_leaf, x.is_floating_point(), x.is_integral()).ShouldBe((true, false, true, true, false));
        (x.device_type, x.device_index).ShouldBe((DeviceType.CPU, -1));
        x.to(ScalarType.Float64, CPU).dtype.ShouldBe(ScalarType.Float64);
        x.to_type(ScalarType.Int32).dtype.ShouldBe(int32);
        x.half().dtype.ShouldBe(float16);
        x.@double().dtype.ShouldBe(float64);
        x.@int().dtype.ShouldBe(int32);
        x.@bool().dtype.ShouldBe(@bool);
        (float32, int64, bfloat16, uint8).ShouldBe((ScalarType.Float32, ScalarType.Int64, ScalarType.BFloat16, ScalarType.Byte));
        (is_integral(int64), is_floating_point(bfloat16), get_default_dtype()).ShouldBe((true, true, float32));
        Should.Throw<Exception>(() => x.size(5));
    }

    [Fact]
    public void Devices_are_named_as_in_PyTorch()
    {
        new Device("cuda:1").index.ShouldBe(1);
        new Device(DeviceType.CUDA, 0).ToString().ShouldBe("cuda:0");
        new Device("cpu").type.ShouldBe(DeviceType.CPU);
        Device named = "cpu";
        named.ToString().ShouldBe("cpu");
        TryInitializeDeviceType(DeviceType.CUDA).ShouldBe(cuda.is_available());
        InitializeDevice(null).type.ShouldBe(DeviceType.CPU);
        if (!cuda.is_available())
            Should.Throw<InvalidOperationException>(() => InitializeDeviceType(DeviceType.CUDA));
    }

    [Fact]
    public void Numbers_become_scalars_and_come_back()
    {
        using var scope = NewDisposeScope();
        Scalar real = 2.5f;
        Scalar whole = 3;
        Scalar flag = true;
        (real.Type, whole.Type, flag.Type).ShouldBe((ScalarType.Float64, ScalarType.Int64, ScalarType.Bool));
        (real.ToSingle(), real.ToDouble(), whole.ToInt32(), whole.ToInt64(), flag.ToBoolean()).ShouldBe((2.5f, 2.5, 3, 3L, true));
        tensor(4L).ToScalar().ToInt64().ShouldBe(4);
        (tensor(4L).ToInt32(), tensor(4).ToInt64(), tensor(true).ToBoolean()).ShouldBe((4, 4L, true));
        ((int)tensor(4L), (long)tensor(4), (double)tensor(0.5)).ShouldBe((4, 4L, 0.5));
    }

    [Fact]
    public void A_bfloat16_rounds_to_nearest_even()
    {
        new BFloat16(1.00390625f).ToSingle().ShouldBe(1f);
        new BFloat16(1.01171875f).ToSingle().ShouldBe(1.015625f);
        ((float)(BFloat16)3.140625f).ShouldBe(3.140625f);
        BFloat16.FromRawValue(0x3F80).ShouldBe((BFloat16)1f);
        new BFloat16(float.NaN).ToSingle().ShouldBe(float.NaN);
        using var x = tensor([(BFloat16)1.5f]);
        x.item<BFloat16>().ToSingle().ShouldBe(1.5f);
    }

    [Fact]
    public void Gradients_reach_what_they_are_asked_for()
    {
        using var scope = NewDisposeScope();
        var a = tensor(new[] { 1f, 2 }).with_requires_grad();
        var b = tensor(new[] { 3f, 4 }, requires_grad: true);
        var product = a * b;
        autograd.backward(product, ones(2), retain_graph: true, inputs: [a]);
        Values(a.grad!).ShouldBe([3, 4]);
        b.grad.ShouldBeNull();
        var inner = a * 3;
        inner.retain_grad();
        autograd.backward([(inner * inner).sum()]);
        Values(inner.grad!).ShouldBe([6, 12]);
        product.backward(grad_tensors: [ones(2)], retain_graph: true, inputs: [b]);
        Values(b.grad!).ShouldBe([1, 2]);
        product.is_leaf.ShouldBeFalse();
        var unused = ones(1).requires_grad_();
        autograd.grad([product.sum()], [a, unused], allow_unused: true)[1].IsInvalid.ShouldBeTrue();
        using (set_grad_enabled(false))
        using (enable_grad())
            (a + 1).requires_grad.ShouldBeTrue();
        using (inference_mode())
            is_inference_mode_enabled().ShouldBeTrue();
    }

    [Fact]
    public void A_parameter_takes_a_tensor_over()
    {
        using var scope = NewDisposeScope();
        var data = ones(2);
        Parameter parameter = nn.Parameter(data);
        data.IsInvalid.ShouldBeTrue();
        parameter.requires_grad.ShouldBeTrue();
        scope.Contains(parameter).ShouldBeTrue();
        new Parameter(ones(2), requires_grad: false).requires_grad.ShouldBeFalse();
    }

    [Fact]
    public void A_scope_hands_several_tensors_on_at_once()
    {
        using var outer = NewDisposeScope();
        using var scope = NewDisposeScope();
        var (a, b) = scope.MoveToOuter(ones(1), ones(1));
        var (c, d, e) = scope.MoveToOuter(ones(1), ones(1), ones(1));
        outer.DisposablesCount.ShouldBe(5);
        scope.DisposablesView.ShouldBeEmpty();
        outer.MoveToOther(scope, a, b);
        var (f, g) = outer.Detach(c, d);
        outer.DisposablesView.ShouldBe([e]);
        scope.Attach(f, g);
        scope.DisposablesCount.ShouldBe(4);
        scope.Dispose();
        (a.IsInvalid, f.IsInvalid, e.IsInvalid).ShouldBe((true, true, false));
        Should.Throw<ObjectDisposedException>(() => scope.DisposablesCount);
    }

    private static float[] Values(Tensor tensor) => tensor.data<float>().ToArray();
}
