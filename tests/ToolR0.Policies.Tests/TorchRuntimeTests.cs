using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Sampling;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>Tests that set the number of threads: nothing else may compute in this process meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed class TorchRuntimeTests
{
    [Fact]
    public void A_thread_that_computed_before_the_number_of_threads_was_set_follows_it()
    {
        using var tiny = new TinyPolicy();
        var (before, after) = (0, 0);
        using var computed = new ManualResetEventSlim();
        using var configured = new ManualResetEventSlim();
        var early = new Thread(() =>
        {
            set_num_threads(2); // what a thread finds that computes first, on a machine of two cores
            before = get_num_threads();
            computed.Set();
            configured.Wait();
            tiny.Sample([new SampleRequest(tiny.Tokens(5, 1), [1])], new SamplingOptions { MaxNewTokens = 2 });
            after = get_num_threads();
        });
        early.Start();
        computed.Wait(TestContext.Current.CancellationToken);
        TorchRuntime.Configure(1);
        configured.Set();
        early.Join();

        before.ShouldBe(2);
        after.ShouldBe(1);
    }

    [Fact]
    public void Parts_compute_with_the_process_number_of_threads_whatever_their_thread_had()
    {
        TorchRuntime.Configure(1);
        var seen = new int[4];
        // Fresh numbers on the pool's threads: what each was left with is 2.
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ => set_num_threads(2));
        TorchRuntime.Configure(3);
        GradientParts.Run(
            [.. Enumerable.Range(0, 4).Select(part => (IReadOnlyList<int[]>)[[part]])], CPU, () => zeros(1),
            (pass, _) =>
            {
                seen[pass[0]] = get_num_threads();
                return [0];
            }).Gradient.Dispose();
        TorchRuntime.Configure(1);
        seen.ShouldBe([3, 3, 3, 3]);
    }
}
