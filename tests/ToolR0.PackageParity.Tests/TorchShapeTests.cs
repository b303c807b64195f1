using static TorchSharp.torch;

namespace ToolR0.PackageParity.Tests;

public sealed class TorchShapeTests
{
    [Fact]
    public void Views_share_memory_and_reshape_copies_where_it_must()
    {
        using var scope = NewDisposeScope();
        var x = arange(6).to(ScalarType.Float32);
        var rows = x.view(2, 3);
        rows[0, 0] = tensor(9f);
        x[0].item<float>().ShouldBe(9);
        rows.view(-1).shape.ShouldBe([6]);
        var turned = rows.transpose(0, 1);
        turned.shape.ShouldBe([3, 2]);
        turned.reshape(6).data<float>().ToArray().ShouldBe([9, 3, 1, 4, 2, 5]);
        turned.contiguous().is_contiguous().ShouldBeTrue();
        rows.t().shape.ShouldBe([3, 2]);
        x.view(1, 2, 3).permute(2, 0, 1).shape.ShouldBe([3, 1, 2]);
        rows.flatten().shape.ShouldBe([6]);
    }

    [Fact]
    public void Strides_are_taken_from_the_start_of_the_storage()
    {
        using var scope = NewDisposeScope();
        var x = arange(12).to(ScalarType.Float32);
        var every = x.as_strided([2, 3], [6, 2], 1);
        every.contiguous().data<float>().ToArray().ShouldBe([1, 3, 5, 7, 9, 11]);
        x.narrow(0, 6, 2).as_strided([2], [1]).data<float>().ToArray().ShouldBe([0, 1]);
        every.fill_(0);
        x.sum().item<float>().ShouldBe(30);
    }

    [Fact]
    public void Neighbours_read_as_complex_numbers_turn_in_place()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 2, 3, 4 }, [2, 2]);
        var turns = tensor(new[] { 0f, 1, 0, -1 }, [2, 2]).view_as_complex();
        x.view_as_complex().mul_(turns).shape.ShouldBe([2]);
        x.data<float>().ToArray().ShouldBe([-2, 1, 4, -3]);
    }

    [Fact]
    public void Dimensions_come_and_go()
    {
        using var scope = NewDisposeScope();
        var x = arange(3);
        x.unsqueeze(0).shape.ShouldBe([1, 3]);
        x.unsqueeze(-1).shape.ShouldBe([3, 1]);
        x.view(1, 3, 1).squeeze().shape.ShouldBe([3]);
        x.view(1, 3, 1).squeeze(0).shape.ShouldBe([3, 1]);
        x.view(3, 1).expand(3, 2).data<long>().ToArray().ShouldBe([0, 0, 1, 1, 2, 2]);
        x.view(3, 1).expand(-1, 2).shape.ShouldBe([3, 2]);
        x.expand_as(zeros(2, 3)).shape.ShouldBe([2, 3]);
        x.repeat(2).data<long>().ToArray().ShouldBe([0, 1, 2, 0, 1, 2]);
        x.repeat_interleave(2).data<long>().ToArray().ShouldBe([0, 0, 1, 1, 2, 2]);
        x.view(1, 3).repeat_interleave(2, 0).shape.ShouldBe([2, 3]);
    }

    [Fact]
    public void Parts_are_cut_out_and_joined()
    {
        using var scope = NewDisposeScope();
        var x = arange(10);
        x.narrow(0, 2, 3).data<long>().ToArray().ShouldBe([2, 3, 4]);
        x.slice(0, 1, 8, 3).data<long>().ToArray().ShouldBe([1, 4, 7]);
        Should.Throw<ArgumentException>(() => x.slice(0, 0, 4, 0));
        x.select(0, -1).item<long>().ShouldBe(9);
        x.split(4).Select(part => part.size(0)).ShouldBe([4, 4, 2]);
        x.split([1, 9]).Select(part => part.size(0)).ShouldBe([1, 9]);
        x.view(2, 5).split([2, 3], 1)[1].data<long>().ToArray().ShouldBe([2, 3, 4, 7, 8, 9]);
        x.chunk(3).Select(part => part.size(0)).ShouldBe([4, 4, 2]);
        x.view(2, 5).unbind()[1].data<long>().ToArray().ShouldBe([5, 6, 7, 8, 9]);
        x.roll(1).data<long>()[0].ShouldBe(9);
        x.view(2, 5).roll(-1, 1).data<long>().ToArray().ShouldBe([1, 2, 3, 4, 0, 6, 7, 8, 9, 5]);
        x.flip(0).data<long>()[0].ShouldBe(9);
        cat([x, x]).shape.ShouldBe([20]);
        cat([x.view(5, 2), x.view(5, 2)], 1).shape.ShouldBe([5, 4]);
        stack([x, x]).shape.ShouldBe([2, 10]);
        stack([x, x], -1).shape.ShouldBe([10, 2]);
        ones(3, 3).tril().sum().item<float>().ShouldBe(6);
        ones(3, 3).triu(1).sum().item<float>().ShouldBe(3);
    }

    [Fact]
    public void Index_expressions_select_and_assign()
    {
        using var scope = NewDisposeScope();
        var x = arange(12).view(3, 4);
        x[1].data<long>().ToArray().ShouldBe([4, 5, 6, 7]);
        x[1, 2].item<long>().ShouldBe(6);
        x[-1, -1].item<long>().ShouldBe(11);
        x[TensorIndex.Colon, TensorIndex.Single(1)].data<long>().ToArray().ShouldBe([1, 5, 9]);
        x[TensorIndex.Ellipsis, TensorIndex.Slice(1, 3)].shape.ShouldBe([3, 2]);
        x[TensorIndex.Slice(0, null, 2)].shape.ShouldBe([2, 4]);
        x[TensorIndex.None, TensorIndex.Colon].shape.ShouldBe([1, 3, 4]);
        x[1.., ..2].data<long>().ToArray().ShouldBe([4, 5, 8, 9]);
        x[tensor(new long[] { 2, 0 })].data<long>().ToArray().ShouldBe([8, 9, 10, 11, 0, 1, 2, 3]);
        x[tensor(new long[] { 0, 1 }), tensor(new long[] { 3, 2 })].data<long>().ToArray().ShouldBe([3, 6]);
        x[x.gt(9)].data<long>().ToArray().ShouldBe([10, 11]);
        x[TensorIndex.Colon, TensorIndex.Tensor(tensor(new long[] { 3, 0 }))].data<long>().ToArray().ShouldBe([3, 0, 7, 4, 11, 8]);

        x[0] = zeros(4, ScalarType.Int64);
        x[1, 1] = tensor(50L);
        x[TensorIndex.Slice(2, 3), TensorIndex.Slice(0, 2)] = tensor(7L);
        x[tensor(new long[] { 1, 2 }), tensor(new long[] { 3, 3 })] = tensor(-1L);
        x.data<long>().ToArray().ShouldBe([0, 0, 0, 0, 4, 50, 6, -1, 7, 7, 10, -1]);
    }

    [Fact]
    public void Indexed_reads_and_writes_follow_their_index_tensors()
    {
        using var scope = NewDisposeScope();
        var x = arange(6).to(ScalarType.Float32).view(3, 2);
        var index = tensor(new long[] { 2, 0 });
        x.index_select(0, index).data<float>().ToArray().ShouldBe([4, 5, 0, 1]);
        x.gather(1, tensor(new long[] { 1, 0, 1 }, [3, 1])).data<float>().ToArray().ShouldBe([1, 2, 5]);
        zeros(3, 2).index_copy_(0, index, ones(2, 2)).data<float>().ToArray().ShouldBe([1, 1, 0, 0, 1, 1]);
        zeros(3).index_add_(0, tensor(new long[] { 1, 1 }), ones(2), 2).data<float>().ToArray().ShouldBe([0, 4, 0]);
        zeros(1, 3).scatter_(1, tensor(new long[] { 2 }, [1, 1]), ones(1, 1)).data<float>().ToArray().ShouldBe([0, 0, 1]);
        zeros(3).scatter_add_(0, tensor(new long[] { 0, 0 }), ones(2)).data<float>().ToArray().ShouldBe([2, 0, 0]);
        zeros(2, 2).index_put_(tensor(5f), tensor(new long[] { 0 }), tensor(new long[] { 1 })).data<float>().ToArray()
            .ShouldBe([0, 5, 0, 0]);
        zeros(2).index_put_(ones(2), [tensor(new long[] { 1, 1 })], true).data<float>().ToArray().ShouldBe([0, 2]);
        x.masked_select(x.gt(3)).data<float>().ToArray().ShouldBe([4, 5]);
        x.masked_fill(x.lt(2), -1).data<float>().ToArray().ShouldBe([-1, -1, 2, 3, 4, 5]);
        where(x.ge(3), x, zeros_like(x)).data<float>().ToArray().ShouldBe([0, 0, 0, 3, 4, 5]);
        x.gt(3).nonzero().data<long>().ToArray().ShouldBe([2, 0, 2, 1]);
    }
}
