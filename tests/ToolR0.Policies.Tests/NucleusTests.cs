using System.Diagnostics;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Sampling;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

public sealed class NucleusTests
{
    [Theory]
    [InlineData(7, 0.9)]
    [InlineData(300, 0.3)]
    [InlineData(4096, 0.95)]
    [InlineData(49_152, 0.999999999)]
    [InlineData(49_152, 0.5)]
    public void What_is_drawn_is_to_the_bit_what_sorting_the_vocabulary_gives(int vocabulary, double topP)
    {
        TorchRuntime.Configure(2);
        using var scope = NewDisposeScope();
        foreach (var (spread, ties) in new[] { (0.01, false), (1, true), (3, false), (30, true) })
        {
            var logits = randn([24, vocabulary]).mul(spread);
            if (ties)
                logits = logits.mul(2).round().div(2);
            logits[0] = logits[0].fill_(0.5);
            logits[1, 3] = float.NegativeInfinity;
            var logProbs = logits.log_softmax(-1);
            var uniforms = rand([24, 1], ScalarType.Float64);
            uniforms[2, 0] = 0;
            uniforms[3, 0] = Math.BitDecrement(1.0);
            Nucleus.Draw(logProbs, uniforms, topP).data<long>().ToArray()
                .ShouldBe(TokenChooser.Sorted(logProbs, uniforms, topP).data<long>().ToArray(), $"{spread} {ties}");
        }
    }

    [Fact]
    public void A_row_that_is_not_finite_draws_a_token_that_exists()
    {
        TorchRuntime.Configure(1);
        using var logProbs = full([2, 50], float.NaN);
        Nucleus.Draw(logProbs, rand([2, 1], ScalarType.Float64), 0.9).data<long>().ToArray().ShouldAllBe(id => id >= 0 && id < 50);
    }

    /// <summary>Of a small real model's size: 30 layers of 576 by 1 536 under a vocabulary of 49 152; products alone stand for the layers.</summary>
    [Fact]
    public void Drawing_from_a_large_vocabulary_costs_less_than_the_layers()
    {
        TorchRuntime.Configure(1);
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var (x, inner, logits, uniforms) = (randn([32, 576]), randn([32, 1536]), randn([32, 49_152]).mul(3), rand([32, 1], ScalarType.Float64));
        var weights = new[] { randn([960, 576]), randn([576, 576]), randn([3072, 576]) }
            .Select(w => Model.Weight.Of(w, Model.Weight.CanBePacked(w.dtype, w.device))).ToArray();
        var down = Model.Weight.Of(randn([576, 1536]), Model.Weight.CanBePacked(x.dtype, x.device));
        var layers = Seconds(() =>
        {
            for (var layer = 0; layer < 30; layer++)
            {
                using var products = NewDisposeScope();
                foreach (var weight in weights)
                    weight.Times(x);
                down.Times(inner);
            }
        });
        foreach (var options in new[] { new SamplingOptions(), new SamplingOptions { Temperature = 0.7 }, new SamplingOptions { TopP = 0.9 } })
        {
            var chooser = new TokenChooser(options, CPU);
            var drawing = Seconds(() =>
            {
                using var drawn = NewDisposeScope();
                chooser.Choose(logits, uniforms);
            });
            TestContext.Current.SendDiagnosticMessage($"{options}: {1e3 * drawing:0.0} ms of processor time, layers {1e3 * layers:0.0} ms");
            drawing.ShouldBeLessThan(layers);
        }
    }

    /// <summary>Processor time of the whole process, the least of several runs: what else goes on in it can only add to it.</summary>
    private static double Seconds(Action work)
    {
        work();
        return Enumerable.Range(0, 7).Min(_ =>
        {
            var before = Time();
            work();
            return Time() - before;
        });

        static double Time()
        {
            using var process = Process.GetCurrentProcess();
            return process.TotalProcessorTime.TotalSeconds;
        }
    }
}
