using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace ToolR0.PackageParity.Tests;

/// <summary>What TorchSharp must do for the product, whichever package it comes from.</summary>
public sealed class TorchBasicsTests
{
    [Fact]
    public void A_tensor_carries_shape_type_and_values()
    {
        using var x = tensor(new[] { 1f, 2, 3, 4, 5, 6 }, [2, 3]);
        x.shape.ShouldBe([2, 3]);
        x.dtype.ShouldBe(ScalarType.Float32);
        x.dim().ShouldBe(2);
        x.numel().ShouldBe(6);
        x.size(-1).ShouldBe(3);
        x.stride().ShouldBe([3, 1]);
        x.device.type.ShouldBe(DeviceType.CPU);
        x.data<float>().ToArray().ShouldBe([1, 2, 3, 4, 5, 6]);
        x.data<float>()[1, 2].ShouldBe(6);
        using var turned = x.transpose(0, 1);
        turned.is_contiguous().ShouldBeFalse();
        turned.data<float>().ToArray().ShouldBe([1, 4, 2, 5, 3, 6]);
    }

    [Fact]
    public void Arithmetic_works_with_tensors_and_numbers_on_both_sides()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 2, 4 });
        Values(x + x).ShouldBe([2, 4, 8]);
        Values(x + 1).ShouldBe([2, 3, 5]);
        Values(1 + x).ShouldBe([2, 3, 5]);
        Values(x - 0.5).ShouldBe([0.5f, 1.5f, 3.5f]);
        Values(1.0f - x).ShouldBe([0, -1, -3]);
        Values(x * 2.0f).ShouldBe([2, 4, 8]);
        Values(x / 2).ShouldBe([0.5f, 1, 2]);
        Values(8 / x).ShouldBe([8, 4, 2]);
        Values(-x).ShouldBe([-1, -2, -4]);
        Values(x.add(x, 3)).ShouldBe([4, 8, 16]);
        Values(x.pow(2)).ShouldBe([1, 4, 16]);
        (x + 1L).dtype.ShouldBe(ScalarType.Float32);
        (tensor(new long[] { 1 }) + 0.5).dtype.ShouldBe(ScalarType.Float32);
    }

    [Fact]
    public void In_place_operators_change_and_return_the_tensor_itself()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 2 });
        x.add_(1).ShouldBeSameAs(x);
        x.mul_(2).sub_(1).div_(2);
        Values(x).ShouldBe([1.5f, 2.5f]);
        x.add_(x, 2);
        Values(x).ShouldBe([4.5f, 7.5f]);
        x.addcmul_(ones(2), full(2, 2f), 0.5);
        Values(x).ShouldBe([5.5f, 8.5f]);
        x.addcdiv_(ones(2), full(2, 2f), -1);
        Values(x).ShouldBe([5, 8]);
        x.copy_(zeros(2)).fill_(3);
        Values(x).ShouldBe([3, 3]);
        Values(x.zero_()).ShouldBe([0, 0]);
    }

    [Fact]
    public void Factories_infer_their_types()
    {
        using var scope = NewDisposeScope();
        zeros(2, 3).dtype.ShouldBe(ScalarType.Float32);
        ones([2], ScalarType.Int64).sum().item<long>().ShouldBe(2);
        full([2, 2], 7).dtype.ShouldBe(ScalarType.Int64);
        full([2, 2], 7.5).dtype.ShouldBe(ScalarType.Float32);
        arange(4).data<long>().ToArray().ShouldBe([0, 1, 2, 3]);
        arange(0, 1, 0.25).data<float>().ToArray().ShouldBe([0, 0.25f, 0.5f, 0.75f]);
        tensor(3).dtype.ShouldBe(ScalarType.Int32);
        tensor(3L).dtype.ShouldBe(ScalarType.Int64);
        tensor(3.0).dtype.ShouldBe(ScalarType.Float64);
        tensor(3f).dtype.ShouldBe(ScalarType.Float32);
        tensor(new[] { true, false }).dtype.ShouldBe(ScalarType.Bool);
        from_array(new[,] { { 1f, 2 }, { 3, 4 } }).shape.ShouldBe([2, 2]);
        empty([3], ScalarType.BFloat16).element_size().ShouldBe(2);
        zeros_like(arange(3)).dtype.ShouldBe(ScalarType.Int64);
    }

    [Fact]
    public void An_error_in_libtorch_becomes_an_exception_with_its_text()
    {
        using var x = zeros(2, 3);
        using var y = zeros(2, 3);
        Should.Throw<ExternalException>(() => x.mm(y)).Message.ShouldContain("cannot be multiplied");
        Should.Throw<InvalidOperationException>(() =>
        {
            var gone = zeros(1);
            gone.Dispose();
            return gone.add(1);
        });
    }

    [Fact]
    public void Gradients_flow_to_leaves_and_can_be_asked_for_without_accumulating()
    {
        using var scope = NewDisposeScope();
        var w = tensor(new[] { 1f, 2, 3 }, requires_grad: true);
        var loss = (w * w).sum();
        var found = autograd.grad([loss], [w], retain_graph: true);
        Values(found[0]).ShouldBe([2, 4, 6]);
        w.grad.ShouldBeNull();
        loss.backward();
        Values(w.grad!).ShouldBe([2, 4, 6]);
        (w * 3).sum().backward();
        Values(w.grad!).ShouldBe([5, 7, 9]);
        w.grad = null;
        w.grad.ShouldBeNull();
        using (no_grad())
        {
            is_grad_enabled().ShouldBeFalse();
            (w * 2).requires_grad.ShouldBeFalse();
        }

        is_grad_enabled().ShouldBeTrue();
        (w * 2).requires_grad.ShouldBeTrue();
        w.detach().requires_grad.ShouldBeFalse();
        using (inference_mode())
            (w * 2).requires_grad.ShouldBeFalse();
    }

    [Fact]
    public void Attention_equals_its_definition()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var q = randn(1, 2, 3, 4);
        var k = randn(1, 2, 3, 4);
        var v = randn(1, 2, 3, 4);
        var mask = full([3, 3], float.NegativeInfinity).triu(1);
        var expected = (q.matmul(k.transpose(-2, -1)) / 2.0 + mask).softmax(-1).matmul(v);
        F.scaled_dot_product_attention(q, k, v, is_casual: true).allclose(expected, 1e-5, 1e-6).ShouldBeTrue();
        F.scaled_dot_product_attention(q, k, v, mask).allclose(expected, 1e-5, 1e-6).ShouldBeTrue();
        F.scaled_dot_product_attention(q, k, v, ones([3, 3], ScalarType.Bool).tril()).allclose(expected, 1e-5, 1e-6).ShouldBeTrue();
    }

    private static float[] Values(Tensor tensor) => tensor.data<float>().ToArray();
}
