using ToolR0.Policies.Benchmarks;
using ToolR0.Policies.Learning;
using ToolR0.Tokenization;

namespace ToolR0.Policies.Tests;

public sealed class BenchmarkTests
{
    [Theory]
    [InlineData("qwen2.5-0.5b", 494_032_768)]
    [InlineData("Qwen2.5-1.5B", 1_543_714_304)]
    [InlineData("qwen2.5-3b", 3_085_938_688)]
    [InlineData("qwen3-0.6b", 596_049_920)]
    [InlineData("qwen3-1.7b", 1_720_574_976)]
    [InlineData("qwen3-4b", 4_022_468_096)]
    [InlineData("llama-3.2-1b", 1_235_814_400)]
    [InlineData("llama-3.2-3b", 3_212_749_824)]
    public void A_named_shape_has_the_published_models_number_of_parameters(string name, long parameters) =>
        ModelShapes.Find(name).ShouldNotBeNull().ParameterCount.ShouldBe(parameters);

    [Fact]
    public void Every_name_has_a_shape_and_others_have_none()
    {
        ModelShapes.Names.ShouldAllBe(name => ModelShapes.Find(name) != null);
        ModelShapes.Find("gpt-5").ShouldBeNull();
    }

    [Fact]
    public void Results_fit_the_work_and_the_limits()
    {
        using var tiny = new TinyPolicy(tied: false);
        var limits = MachineLimits.Measure(TorchSharp.torch.CPU, TorchSharp.torch.ScalarType.Float32);
        limits.BytesPerSecond.ShouldBeInRange(1e8, 1e13);
        limits.FlopsPerSecond.ShouldBeInRange(1e8, 1e16);
        var bench = new PolicyBenchmark(tiny.Policy, new MachineLimits(1e9, 1e9), repeats: 1);
        var work = new BenchmarkWork(Batch: 4, Group: 2, Prompt: 6, New: 10);

        var rollouts = bench.Rollouts(work, TestContext.Current.CancellationToken);
        var table = (double)tiny.Config.VocabularySize * tiny.Config.HiddenSize;
        rollouts.WeightBytesPerStep.ShouldBe(4 * (tiny.Config.ParameterCount - table));
        // 2 layers, 2 key/value heads of 8, keys and values, 4 bytes; half the prompt's 6 positions (two share it) and half of 10.
        rollouts.CacheBytesPerToken.ShouldBe(2 * 2 * 8 * 2 * 4 * (6 / 2.0 + 10 / 2.0));
        rollouts.TokensPerSecond.ShouldBeGreaterThan(0);
        rollouts.OfRoofline.ShouldBe(rollouts.TokensPerSecond / Math.Min(rollouts.MemoryRoofline, rollouts.ComputeRoofline), 1e-9);

        using var learner = GrpoLearner.Start(tiny.Policy, new Contracts.Options.LearningOptions());
        var step = bench.Step(work, learner);
        step.Rows.ShouldBe(2 * 6 + 4 * 10);
        step.TokensPerSecond.ShouldBe(40 / step.Seconds, 1e-6);
        step.Utilisation.ShouldBe(step.Flops / step.Seconds / 1e9, 1e-9);
        learner.Steps.ShouldBe(2, "one run that is not counted and one that is");
    }

    [Fact]
    public void A_tokenizers_speed_is_that_of_real_text()
    {
        using var tiny = new TinyPolicy();
        var result = TokenizerResult.Measure(Tokenizer.Load(tiny.Folder), 20_000, 1);
        result.Bytes.ShouldBeGreaterThanOrEqualTo(20_000);
        result.Tokens.ShouldBeInRange(1000, (int)result.Bytes);
        new[] { result.MegabytesPerSecond, result.DecodeMegabytesPerSecond, result.Utf8MegabytesPerSecond }.ShouldAllBe(rate => rate > 0);
    }
}
