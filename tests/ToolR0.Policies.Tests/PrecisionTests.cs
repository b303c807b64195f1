using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Benchmarks;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

public sealed class PrecisionTests
{
    [Fact]
    public void Each_precision_is_what_its_name_says_and_auto_is_float32_where_bfloat16_is_not_native()
    {
        using var tiny = new TinyPolicy();
        TorchRuntime.TypeFor(CPU, tiny.Config, Precision.Float32).ShouldBe(ScalarType.Float32);
        TorchRuntime.TypeFor(CPU, tiny.Config, Precision.Bfloat16).ShouldBe(ScalarType.BFloat16);
        TorchRuntime.TypeFor(CPU, tiny.Config, Precision.Auto).ShouldBe(ScalarType.Float32, "a small model, whatever the processor");
        TorchRuntime.TypeFor(CPU, ModelShapes.Find("qwen2.5-0.5b")!, Precision.Auto)
            .ShouldBe(TorchRuntime.MultipliesBfloat16 ? ScalarType.BFloat16 : ScalarType.Float32);
        var flags = File.Exists("/proc/cpuinfo") ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("flags")) : null;
        Assert.SkipWhen(flags is null, "the system does not tell the processor's flags");
        TorchRuntime.MultipliesBfloat16.ShouldBe(flags!.Split(' ').Contains("avx512_bf16"));
    }

    [Fact]
    public void A_store_lends_one_policy_in_two_precisions_side_by_side()
    {
        using var tiny = new TinyPolicy(scale: 4);
        using var store = new PolicyStore(tiny.Path_("store"));
        var sha = store.Import(tiny.Folder);
        using var wide = store.Rent(sha);
        using var narrow = store.Rent(sha, Precision.Bfloat16);
        using var again = store.Rent(sha, Precision.Bfloat16);
        (wide.Policy.Model.Type, narrow.Policy.Model.Type).ShouldBe((ScalarType.Float32, ScalarType.BFloat16));
        again.Policy.ShouldBeSameAs(narrow.Policy);
        narrow.Policy.Sha256.ShouldBe(sha);

        using var source = new CompletionSources(store).Open(Role.Solver, sha, new InferenceOptions(), precision: Precision.Bfloat16);
        var request = new SampleRequest(tiny.Tokens(9, 1), [1, 2]);
        var options = new SamplingOptions { MaxNewTokens = 12 };
        var sampled = source.Sample([request], options, TestContext.Current.CancellationToken);
        Lines(sampled).ShouldBe(Lines(Sampler.Sample(narrow.Policy, [request], options, [], TestContext.Current.CancellationToken)));
        Lines(sampled).ShouldNotBe(Lines(Sampler.Sample(wide.Policy, [request], options, [], TestContext.Current.CancellationToken)));

        static string Lines(IReadOnlyList<IReadOnlyList<Trajectory>> groups) =>
            string.Join('\n', groups.SelectMany(g => g).Select(t => string.Join(',', t.Tokens) + ' ' + string.Join(',', t.LogProbs)));
    }

    [Theory]
    [InlineData(LearningLoss.Grpo, 0)]
    [InlineData(LearningLoss.Grpo, 3)]
    [InlineData(LearningLoss.Dapo, 0)]
    [InlineData(LearningLoss.Cispo, 3)]
    public void The_mismatch_of_sampler_and_learner_is_recorded_and_is_large_only_in_bfloat16(LearningLoss loss, int rank)
    {
        using var tiny = new TinyPolicy(scale: 4);
        var prompt = tiny.Tokens(20, 5);
        var learning = new LearningOptions { Loss = loss, ClipHigh = loss == LearningLoss.Cispo ? 5 : 0, Lora = new LoraOptions { Rank = rank } };
        var (wide, narrow) = (Step(Precision.Float32), Step(Precision.Bfloat16));

        (wide["passBits"], narrow["passBits"]).ShouldBe((32, 16));
        wide["mismatchMax"].ShouldBeInRange(1e-9, 2e-5);
        narrow["mismatchMax"].ShouldBeInRange(1e-3, 0.5);
        foreach (var metrics in new[] { wide, narrow })
            metrics["mismatchMean"].ShouldBeInRange(1e-10, metrics["mismatchMax"]);
        narrow["skipped"].ShouldBe(0);

        IReadOnlyDictionary<string, double> Step(Precision precision)
        {
            using var policy = Policy.Load(tiny.Folder, precision: precision);
            var rows = Sampler.Sample(policy, [new SampleRequest(prompt, [1, 2, 3, 4])], new SamplingOptions { MaxNewTokens = 30 }, [],
                TestContext.Current.CancellationToken)[0];
            // Two passes, so that largest values of passes are not added up.
            TrainingGroup[] groups =
                [.. rows.Select((row, i) => new TrainingGroup(prompt, [new TrainingSample(row.Tokens, row.LogProbs, i - 1.5)]))];
            using var learner = GrpoLearner.Start(tiny.Folder, learning with { MicroBatchTokens = 1 }, precision: precision);
            var metrics = learner.Step(groups, 1e-4, maxNewTokens: 30);
            var differences = rows.SelectMany(row => Own(policy, prompt, row.Tokens).Zip(row.LogProbs, (a, b) => Math.Abs((double)a - b))).ToList();
            metrics["mismatchMax"].ShouldBe(differences.Max(), 0.5 * differences.Max() + 1e-6);
            return metrics;
        }
    }

    [Fact]
    public void A_model_in_a_folder_is_measured_by_completions_of_full_length()
    {
        using var tiny = new TinyPolicy();
        var model = BenchmarkModel.Of("nano", tiny.Folder, "nowhere");
        using var policy = model.Open(Precision.Bfloat16, "nowhere");
        (model.Name, policy.Model.Type, policy.Sha256).ShouldBe((tiny.Folder, ScalarType.BFloat16, tiny.Policy.Sha256));
        var all = Enumerable.Range(0, 64).Select(seed => (long)seed).ToArray();
        var rows = Sampler.ToTheLimit(policy, [new SampleRequest([1, 2, 3], all)], new SamplingOptions { MaxNewTokens = 40 },
            TestContext.Current.CancellationToken)[0];
        rows.ShouldAllBe(row => row.Tokens.Length == 40 && row.Finish == FinishReason.Length);
        rows.ShouldContain(row => row.Tokens.SkipLast(1).Any(policy.Tokenizer.StopTokens.Contains), "some would have ended");
        Should.Throw<UserErrorException>(() => BenchmarkModel.Of("huge", null, tiny.Folder)).Message.ShouldContain("--shape huge: must be nano");
    }

    private static float[] Own(Policy policy, int[] prompt, int[] completion)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var logProbs = policy.Model.Logits([[.. prompt, .. completion]]).squeeze(0).log_softmax(-1, ScalarType.Float32);
        var ids = tensor(completion.Select(t => (long)t).ToArray()).unsqueeze(1);
        return logProbs.narrow(0, prompt.Length - 1, completion.Length).gather(1, ids).data<float>().ToArray();
    }
}
