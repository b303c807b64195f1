using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.PackageParity.Tests;

/// <summary>Run alone: some count the tensors of the process or set its threads.</summary>
[Collection(nameof(TorchAlone))]
public sealed class TorchMemoryTests
{
    [Fact]
    public void A_scope_disposes_what_was_made_in_it_and_nothing_else()
    {
        using var outside = ones(1);
        Tensor inner, moved, detached;
        using (var outer = NewDisposeScope())
        {
            using (var scope = NewDisposeScope())
            {
                inner = outside + 1;
                moved = (outside + 2).MoveToOuterDisposeScope();
                detached = (outside + 3).DetachFromDisposeScope();
                scope.DisposablesCount.ShouldBe(1);
                scope.Contains(inner).ShouldBeTrue();
                outer.Contains(moved).ShouldBeTrue();
            }

            inner.IsInvalid.ShouldBeTrue();
            moved.item<float>().ShouldBe(3);
        }

        moved.IsInvalid.ShouldBeTrue();
        detached.item<float>().ShouldBe(4);
        detached.Dispose();
        outside.IsInvalid.ShouldBeFalse();
    }

    [Fact]
    public void A_tensor_disposed_by_hand_leaves_its_scope()
    {
        using var scope = NewDisposeScope();
        var kept = ones(1);
        var gone = ones(1);
        gone.Dispose();
        gone.Dispose();
        scope.DisposablesCount.ShouldBe(1);
        var other = ones(1);
        scope.DisposeEverythingBut(kept);
        other.IsInvalid.ShouldBeTrue();
        kept.IsInvalid.ShouldBeFalse();
        scope.Detach(kept);
        kept.MoveToOtherDisposeScope(scope);
        scope.Contains(kept).ShouldBeTrue();
        scope.DisposeEverything();
        kept.IsInvalid.ShouldBeTrue();
    }

    [Fact]
    public void Scopes_and_gradient_modes_belong_to_their_thread()
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        Tensor? made = null;
        var tracked = false;
        var thread = new Thread(() =>
        {
            made = ones(1);
            tracked = is_grad_enabled();
        });
        thread.Start();
        thread.Join();
        tracked.ShouldBeTrue();
        scope.Contains(made!).ShouldBeFalse();
        made!.Dispose();
    }

    [Fact]
    public void Many_threads_compute_at_once_and_leave_nothing_behind()
    {
        using var weights = arange(64).to(ScalarType.Float32).view(8, 8);
        var expected = Compute(weights);
        var before = Tensor.TotalCount;
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ => Compute(weights).ShouldBe(expected));
        // Finalizers of earlier tests may lower the count meanwhile.
        Tensor.TotalCount.ShouldBeLessThanOrEqualTo(before);

        static float[] Compute(Tensor weights)
        {
            using var scope = NewDisposeScope();
            var x = ones(2, 8).requires_grad_();
            var y = (x.matmul(weights) * 0.01).softmax(-1);
            var gradient = autograd.grad([(y * y).sum()], [x])[0];
            return [.. y.sum(dim: 0).detach().data<float>(), .. gradient.sum(dim: 0).data<float>()];
        }
    }

    [Fact]
    public void Two_managed_tensors_may_share_a_native_one()
    {
        using var scope = NewDisposeScope();
        var x = ones(2);
        var same = x.alias();
        x.add_(1);
        x.Dispose();
        same.data<float>().ToArray().ShouldBe([2, 2]);
        var copy = same.clone();
        same.zero_();
        copy.sum().item<float>().ShouldBe(4);
        same.to(ScalarType.Float32).add_(1);
        same.sum().item<float>().ShouldBe(2);
        same.cpu().add_(1);
        same.sum().item<float>().ShouldBe(4);
    }

    [Fact]
    public void Element_types_convert_and_bytes_are_little_endian()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1.5f, -2 });
        x.bytes.ToArray().ShouldBe([0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0]);
        x.bfloat16().bytes.ToArray().ShouldBe([0xC0, 0x3F, 0, 0xC0]);
        x.to(ScalarType.Float64)[0].item<double>().ShouldBe(1.5);
        x.@long().data<long>().ToArray().ShouldBe([1, -2]);
        x.bfloat16().@float().data<float>().ToArray().ShouldBe([1.5f, -2]);
        var y = empty([2], ScalarType.Float32);
        y.bytes = x.bytes;
        y.data<float>().ToArray().ShouldBe([1.5f, -2]);
        using var stream = new MemoryStream();
        x.WriteBytesToStream(stream);
        stream.Position = 0;
        var z = zeros(2);
        z.ReadBytesFromStream(stream);
        z.Equals(x).ShouldBeTrue();
        Should.Throw<ArgumentException>(() => x.data<double>());
        Should.Throw<ArgumentException>(() => x.item<float>());
        x[0].ToDouble().ShouldBe(1.5);
        ((float)x[1]).ShouldBe(-2);
        x.sum().to(ScalarType.BFloat16).ToSingle().ShouldBe(-0.5f);
    }

    [Fact]
    public void Data_can_be_written_through_its_accessor()
    {
        using var scope = NewDisposeScope();
        var x = zeros(2, 2);
        var data = x.data<float>();
        data[1, 0] = 5;
        data.CopyFrom([7f, 8]);
        x.data<float>().ToArray().ShouldBe([7, 8, 5, 0]);
        var some = new float[3];
        data.CopyTo(some);
        some.ShouldBe([7, 8, 5]);
        data.Count.ShouldBe(4);
    }

    [Fact]
    public void The_number_of_threads_is_a_setting_of_the_process()
    {
        var before = get_num_threads();
        set_num_threads(1);
        get_num_threads().ShouldBe(1);
        set_num_threads(before);
        get_num_threads().ShouldBe(before);
        cuda.device_count().ShouldBe(cuda.is_available() ? cuda.device_count() : 0);
        __version__.ShouldNotBeEmpty();
        CPU.ToString().ShouldBe("cpu");
        device("cpu").type.ShouldBe(DeviceType.CPU);
    }

    [Fact]
    public void The_same_seed_draws_the_same_numbers()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var first = randn(4).data<float>().ToArray();
        var second = rand(4).data<float>().ToArray();
        manual_seed(7);
        randn(4).data<float>().ToArray().ShouldBe(first);
        rand(4).data<float>().ToArray().ShouldBe(second);
        second.ShouldAllBe(x => x >= 0 && x < 1);
    }
}

[CollectionDefinition(nameof(TorchAlone), DisableParallelization = true)]
public sealed class TorchAlone;
