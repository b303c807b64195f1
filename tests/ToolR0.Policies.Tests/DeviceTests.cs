using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>The GPU computes what the CPU computes. Skipped where there is none.</summary>
public sealed class DeviceTests
{
    private const string NoGpu = "needs a CUDA GPU";

    public static bool HasGpu
    {
        get
        {
            // Whoever asks the tensor library first must have loaded it.
            TorchRuntime.EnsureLoaded();
            return cuda.is_available();
        }
    }

    [Fact(Skip = NoGpu, SkipUnless = nameof(HasGpu))]
    public void Logits_are_those_of_the_cpu()
    {
        using var tiny = new TinyPolicy(scale: 4);
        using var gpu = Policy.Load(tiny.Folder, CUDA, ScalarType.Float32);
        using var noGrad = no_grad();
        int[][] sequences = [tiny.Tokens(40, 1), tiny.Tokens(7, 2)];
        using var expected = tiny.Policy.Model.Logits(sequences);
        using var actual = gpu.Model.Logits(sequences).cpu();
        (actual.sub(expected).norm().ToDouble() / expected.norm().ToDouble()).ShouldBeLessThan(1e-3);
    }

    [Fact(Skip = NoGpu, SkipUnless = nameof(HasGpu))]
    public void Greedy_tokens_are_those_of_the_cpu_and_waiting_prompts_change_none()
    {
        using var tiny = new TinyPolicy(scale: 4);
        using var gpu = Policy.Load(tiny.Folder, CUDA, ScalarType.Float32);
        var requests = Enumerable.Range(0, 6).Select(i => new SampleRequest(tiny.Tokens(5 + 4 * i, i), [1, 2])).ToArray();
        var options = new SamplingOptions { Temperature = 0, MaxNewTokens = 40 };
        var expected = tiny.Sample(requests, options).Select(g => g[0].Tokens).ToArray();
        foreach (var bytes in new[] { long.MaxValue, 2 * 256 * (25 + 2 * 40) })
        {
            var made = Sampler.Sample(gpu, requests, options, [], TestContext.Current.CancellationToken, cacheBytes: bytes);
            made.Select(g => g[0].Tokens).ShouldBe(expected);
            made.Select(g => g[1].Tokens).ShouldBe(expected);
        }
    }

    [Fact(Skip = NoGpu, SkipUnless = nameof(HasGpu))]
    public void Sampled_log_probabilities_in_bf16_are_nearly_those_of_the_cpu()
    {
        using var tiny = new TinyPolicy(scale: 3);
        using var gpu = Policy.Load(tiny.Folder, CUDA, ScalarType.BFloat16);
        var prompt = tiny.Tokens(20, 5);
        foreach (var row in Sampler.Sample(gpu, [new SampleRequest(prompt, [1, 2, 3, 4])], new SamplingOptions { MaxNewTokens = 50 }, [],
            TestContext.Current.CancellationToken)[0])
            tiny.FullForward(prompt, row.Tokens, 1).Zip(row.LogProbs, (a, b) => Math.Abs(a - b)).Average().ShouldBeLessThan(0.05f);
    }

    [Theory(Skip = NoGpu, SkipUnless = nameof(HasGpu))]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void A_step_is_nearly_the_cpus(bool recompute, bool narrow)
    {
        using var tiny = new TinyPolicy(scale: 3);
        var sampled = tiny.Sample([new SampleRequest(tiny.Tokens(20, 5), [1, 2, 3, 4])], new SamplingOptions { MaxNewTokens = 30 })[0];
        var group = new TrainingGroup(tiny.Tokens(20, 5), [.. sampled.Select((r, i) => new TrainingSample(r.Tokens, r.LogProbs, i - 1.5))]);
        var options = new LearningOptions { Recompute = recompute };
        using var cpu = GrpoLearner.Start(tiny.Folder, options, CPU);
        using var gpu = GrpoLearner.Start(tiny.Folder, options, CUDA, narrow ? ScalarType.BFloat16 : ScalarType.Float32);
        var (expected, made) = (cpu.Step([group], 1e-4), gpu.Step([group], 1e-4));
        made["skipped"].ShouldBe(0);
        made["ratioMean"].ShouldBe(1, narrow ? 0.05 : 1e-3);
        made["gradientNorm"].ShouldBe(expected["gradientNorm"], (narrow ? 0.05 : 0.005) * expected["gradientNorm"]);
        gpu.Save(tiny.Path_("gpu"), true);
        using var resumed = GrpoLearner.Resume(tiny.Path_("gpu"), options, CUDA);
        resumed.Steps.ShouldBe(1);
    }
}
