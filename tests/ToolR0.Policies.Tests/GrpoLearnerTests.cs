using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

public sealed class GrpoLearnerTests
{
    [Theory]
    [InlineData(ModelFamily.Qwen2)]
    [InlineData(ModelFamily.Qwen3)]
    [InlineData(ModelFamily.Llama)]
    public void A_shared_prefix_equals_the_plain_forward(ModelFamily family)
    {
        using var tiny = new TinyPolicy(scale: 5, tied: false, family: family);
        var groups = Groups(tiny);
        using var noGrad = no_grad();
        using var model = GradientCheck.Doubled(tiny.Policy.Model);
        var batch = PrefixBatch.Shared(
            [.. groups.Select(g => g.PromptTokens)],
            [.. groups.Select(g => (IReadOnlyList<int[]>)[.. g.Samples.Select(s => s.Tokens)])]);
        using var weights = FusedWeights.Build(tiny.Config, model.Parameters);
        using var logits = model.Head(weights, model.Hidden(weights, batch));
        for (var g = 0; g < groups.Length; g++)
        {
            for (var s = 0; s < groups[g].Samples.Count; s++)
            {
                var completion = groups[g].Samples[s].Tokens;
                using var plain = model.Logits([[.. groups[g].PromptTokens, .. completion]]);
                for (var t = 0; t < completion.Length; t++)
                {
                    using var expected = plain.select(0, 0).select(0, groups[g].PromptTokens.Length + t - 1);
                    using var difference = logits.select(0, batch.RowPredicting(g, s, t)).sub(expected).norm();
                    (difference.ToDouble() / expected.norm().ToDouble()).ShouldBeLessThan(1e-12);
                }
            }
        }
    }

    [Theory]
    [InlineData(ModelFamily.Qwen2, false)]
    [InlineData(ModelFamily.Qwen2, true)]
    [InlineData(ModelFamily.Qwen3, false)]
    [InlineData(ModelFamily.Qwen3, true)]
    [InlineData(ModelFamily.Llama, true)]
    public void Gradients_are_those_of_finite_differences(ModelFamily family, bool recompute)
    {
        using var tiny = new TinyPolicy(scale: 4, family: family, tied: recompute);
        var groups = GrpoLoss.WithAdvantage(Groups(tiny));
        using var exact = GradientCheck.Doubled(tiny.Policy.Model);
        // Chunks of three tokens.
        var objective = new GrpoGradient(exact, new GrpoObjective { Completions = 9, Temperature = 0.9 }, recompute,
            logitsAtOnce: 3 * tiny.Config.VocabularySize);
        var gradients = GradientCheck.Zeros(exact);
        objective.Add(groups, gradients);
        GradientCheck.ShouldBeFiniteDifferences(exact, gradients, () => objective.Add(groups, GradientCheck.Zeros(exact))[0]);
    }

    [Fact]
    public void Attention_in_tiles_equals_attention_with_written_scores()
    {
        using var tiny = new TinyPolicy(scale: 5);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var groups = Groups(tiny);
        var batch = PrefixBatch.Shared(
            [.. groups.Select(g => g.PromptTokens)],
            [.. groups.Select(g => (IReadOnlyList<int[]>)[.. g.Samples.Select(s => s.Tokens)])]);
        var model = tiny.Policy.Model;
        var heads = randn([batch.Tokens.Length, tiny.Config.Heads + 2 * tiny.Config.KeyValueHeads, tiny.Config.HeadSize]);
        var written = new PrefixAttention(tiny.Config, batch, model.Rope(batch.Positions), CPU, ScalarType.Float32).Attend(heads);
        var tiled = new PrefixAttention(tiny.Config, batch, model.Rope(batch.Positions), CPU, ScalarType.Float32, scoresWritten: 0).Attend(heads);
        (tiled.sub(written).norm().ToDouble() / written.norm().ToDouble()).ShouldBeLessThan(1e-6);
    }

    [Fact]
    public void A_step_in_micro_batches_with_recomputation_equals_the_plain_step()
    {
        using var tiny = new TinyPolicy(scale: 3, layers: 3, tied: false);
        TrainingGroup[] groups = [.. Groups(tiny), Group(tiny, 30, [20, 25, 14], [1, -1, 0.5]), Group(tiny, 12, [9, 9], [-2, 2])];
        // AdamW's first step divides a gradient by its own size: with an ε below its rounding, one that is nothing else moves a weight by the whole
        // rate. ε is far above it here, and the rate makes movements far above the weights' own rounding.
        var (plainMetrics, plain) = Update(new LearningOptions { MicroBatchTokens = 1 << 20, Epsilon = 1e-3 });
        var (metrics, micro) = Update(new LearningOptions { MicroBatchTokens = 1, Recompute = true, Epsilon = 1e-3 });
        foreach (var (name, value) in plainMetrics)
            metrics[name].ShouldBe(value, 1e-5 * Math.Max(1e-3, Math.Abs(value)), name);
        using var noGrad = no_grad();
        foreach (var (name, weights) in plain)
            (Distance(micro[name], weights) / Distance(tiny.Policy.Model.Parameters[name], weights)).ShouldBeLessThan(1e-5, name);

        var (whole, pieces) = (GradientCheck.Zeros(tiny.Policy.Model), GradientCheck.Zeros(tiny.Policy.Model));
        var live = GrpoLoss.WithAdvantage(groups);
        using var model = Recorded(tiny.Policy.Model);
        using (enable_grad())
        {
            new GrpoGradient(model, new GrpoObjective { Completions = 14 }).Add(live, whole);
            foreach (var group in live)
                new GrpoGradient(model, new GrpoObjective { Completions = 14 }, recompute: true,
                    logitsAtOnce: 5 * tiny.Config.VocabularySize).Add([group], pieces);
        }

        foreach (var (name, gradient) in whole)
            (Distance(pieces[name], gradient) / gradient.norm().ToDouble()).ShouldBeLessThan(1e-5, name);

        (IReadOnlyDictionary<string, double> Metrics, IReadOnlyDictionary<string, Tensor> Weights) Update(LearningOptions options)
        {
            using var learner = GrpoLearner.Start(tiny.Folder, options);
            var made = learner.Step(groups, 1);
            return (made, learner.Model.Parameters.ToDictionary(p => p.Key, p => p.Value.detach().clone()));
        }

        static double Distance(Tensor a, Tensor b) => a.sub(b).norm().ToDouble();
    }

    [Fact]
    public void Computing_in_bf16_keeps_weights_and_optimiser_in_full_and_resumes_bit_for_bit()
    {
        using var tiny = new TinyPolicy(scale: 3);
        var groups = Groups(tiny);
        var options = new LearningOptions { Recompute = true, GradientParts = 2 };
        using var full = GrpoLearner.Start(tiny.Folder, options);
        using var narrow = GrpoLearner.Start(tiny.Folder, options, null, ScalarType.BFloat16);
        narrow.Model.Type.ShouldBe(ScalarType.BFloat16);
        var (wide, made) = (full.Step(groups, 1e-5), narrow.Step(groups, 1e-5));
        made["skipped"].ShouldBe(0);
        made["gradientNorm"].ShouldBe(wide["gradientNorm"], 0.05 * wide["gradientNorm"]);
        made["loss"].ShouldBe(wide["loss"], 0.02 * Math.Abs(wide["loss"]));
        // bf16 has 8 bits: an update of 1e-5 on weights of 0.06 would be lost if the weights had no more.
        narrow.Save(tiny.Path_("first"), true).ShouldNotBe(tiny.Policy.Sha256);
        using var resumed = GrpoLearner.Resume(tiny.Path_("first"), options, null, ScalarType.BFloat16);
        narrow.Step(groups, 1e-5);
        resumed.Step(groups, 1e-5);
        resumed.Save(tiny.Path_("resumed"), true).ShouldBe(narrow.Save(tiny.Path_("whole"), true));
    }

    [Fact]
    public void Gradient_parts_differ_from_one_part_by_rounding_only_and_repeat_bit_for_bit()
    {
        using var tiny = new TinyPolicy(scale: 3);
        var groups = Groups(tiny);
        var hashes = new List<string>();
        foreach (var parts in new[] { 3, 3, 3 })
        {
            using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions { GradientParts = parts });
            for (var step = 0; step < 3; step++)
                learner.Step(groups, 1e-3);
            hashes.Add(learner.Save(tiny.Path_($"parts-{hashes.Count}"), false));
        }

        hashes.Distinct().Count().ShouldBe(1);
        using var single = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        using var several = GrpoLearner.Start(tiny.Folder, new LearningOptions { GradientParts = 3 });
        single.Step(groups, 1e-3)["gradientNorm"].ShouldBe(several.Step(groups, 1e-3)["gradientNorm"], 1e-4);
    }

    [Fact]
    public void A_resumed_learner_continues_bit_for_bit()
    {
        using var tiny = new TinyPolicy(scale: 3);
        var groups = Groups(tiny);
        var options = new LearningOptions { GradientParts = 2, WeightDecay = 0.05 };
        using var uninterrupted = GrpoLearner.Start(tiny.Folder, options);
        for (var step = 0; step < 5; step++)
            uninterrupted.Step(groups, 1e-3 * (5 - step));
        using (var first = GrpoLearner.Start(tiny.Folder, options))
        {
            first.Step(groups, 5e-3);
            first.Step(groups, 4e-3);
            first.Save(tiny.Path_("half"), true);
        }

        using var second = GrpoLearner.Resume(tiny.Path_("half"), options);
        second.Steps.ShouldBe(2);
        for (var step = 2; step < 5; step++)
            second.Step(groups, 1e-3 * (5 - step));
        second.Save(tiny.Path_("resumed"), true).ShouldBe(uninterrupted.Save(tiny.Path_("whole"), true));
        State("resumed").ShouldBe(State("whole"));

        byte[] State(string folder) => File.ReadAllBytes(Path.Combine(tiny.Path_(folder), "optimizer.safetensors"));
    }

    [Fact]
    public void A_saved_policy_is_named_by_its_hash_and_samples()
    {
        using var tiny = new TinyPolicy();
        using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        learner.Step(Groups(tiny), 1e-3)["skipped"].ShouldBe(0);
        var sha = learner.Save(tiny.Path_("next"), false);
        using var policy = Policy.Load(tiny.Path_("next"));
        policy.Sha256.ShouldBe(sha);
        sha.ShouldNotBe(tiny.Policy.Sha256);
        File.Exists(Path.Combine(tiny.Path_("next"), "optimizer.safetensors")).ShouldBeFalse();
    }

    [Fact]
    public void Sampling_and_learning_agree_on_the_ratio()
    {
        using var tiny = new TinyPolicy(scale: 4);
        var prompt = tiny.Tokens(20, 5);
        var sampled = tiny.Sample([new SampleRequest(prompt, [1, 2, 3, 4])], new SamplingOptions { Temperature = 0.7, MaxNewTokens = 30 })[0];
        using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        var samples = sampled.Select((r, i) => new TrainingSample(r.Tokens, r.LogProbs, i - 1.5)).ToArray();
        var metrics = learner.Step([new TrainingGroup(prompt, samples)], 1e-3, 0.7);
        metrics["ratioMean"].ShouldBe(1, 1e-5);
        metrics["clippedShare"].ShouldBe(0);
        metrics[MetricNames.TokensLearned].ShouldBe(sampled.Sum(r => r.Tokens.Length));
    }

    [Fact]
    public void Groups_without_advantage_train_nothing_but_count_in_the_mean()
    {
        using var tiny = new TinyPolicy(scale: 3);
        var live = Groups(tiny)[0];
        var flat = live with { Samples = [.. live.Samples.Select(s => s with { Advantage = 0 })] };
        using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        var nothing = learner.Step([flat, flat], 1e-3);
        (nothing["skipped"], nothing["zeroVarianceShare"], nothing[MetricNames.TokensLearned]).ShouldBe((1, 1, 0));
        learner.Save(tiny.Path_("same"), false).ShouldBe(tiny.Policy.Sha256);

        using var alone = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        using var diluted = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        var (one, half) = (alone.Step([live], 1e-3), diluted.Step([live, flat], 1e-3));
        half["loss"].ShouldBe(one["loss"] / 2, 1e-5);
        half["gradientNorm"].ShouldBe(one["gradientNorm"] / 2, 1e-4);
        half["zeroVarianceShare"].ShouldBe(0.5);
    }

    [Fact]
    public void A_gradient_that_is_not_finite_skips_the_step()
    {
        using var tiny = new TinyPolicy(scale: 3);
        var group = Groups(tiny)[0];
        var broken = group with { Samples = [.. group.Samples.Select(s => s with { LogProbs = [.. s.LogProbs.Select(_ => -1000f)] })] };
        using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        var metrics = learner.Step([broken], 1e-3);
        (metrics["skipped"], metrics["nonFinite"]).ShouldBe((1, 1));
        metrics.Values.ShouldAllBe(v => double.IsFinite(v));
        learner.Save(tiny.Path_("same"), false).ShouldBe(tiny.Policy.Sha256);
    }

    [Fact]
    public void Completions_of_one_token_and_empty_ones_are_handled()
    {
        using var tiny = new TinyPolicy(scale: 3);
        using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        var metrics = learner.Step([new TrainingGroup([1, 2, 3], [new([4], [-3f], 1), new([5], [-3f], -1), new([], [], 0)])], 1e-3);
        metrics[MetricNames.TokensLearned].ShouldBe(2);
        metrics["skipped"].ShouldBe(0);
    }

    [Fact]
    public void What_cannot_be_trained_on_is_refused_by_name()
    {
        using var tiny = new TinyPolicy(maxPositions: 16);
        using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions());
        Refusal(new TrainingGroup([], [new([1], [0], 1)])).ShouldContain("empty prompt");
        Refusal(new TrainingGroup([1], [new([1], [], 1)])).ShouldContain("0 log-probabilities for 1 tokens");
        Refusal(new TrainingGroup([1], [new([99999], [0], 1)])).ShouldContain("token 99999");
        Refusal(new TrainingGroup([1], [new([1], [0], double.NaN)])).ShouldContain("advantage NaN");
        Refusal(new TrainingGroup(tiny.Tokens(16, 1), [new([1], [0], 1)])).ShouldContain("16 positions");

        string Refusal(TrainingGroup group) => Should.Throw<ArgumentException>(() => learner.Step([group], 1e-3)).Message;
    }

    /// <summary>Learning works, or this is red: the reward is the share of completion tokens below a fixed id.</summary>
    [Fact]
    public void A_random_model_learns_a_simple_reward()
    {
        using var tiny = new TinyPolicy(seed: 3);
        var options = new SamplingOptions { MaxNewTokens = 8 };
        var prompts = Enumerable.Range(0, 4).Select(i => tiny.Tokens(6, 100 + i)).ToArray();
        using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions { GradientParts = 2 });
        var (first, last) = (0.0, 0.0);
        var current = tiny.Folder;
        for (var step = 0; step < 50; step++)
        {
            using var policy = Policy.Load(current);
            var seeds = Enumerable.Range(0, 8).Select(s => Seeds.Derive(9, $"{step}/{s}")).ToArray();
            var requests = prompts.Select(p => new SampleRequest(p, seeds)).ToArray();
            var sampled = Sampler.Sample(policy, requests, options, [], TestContext.Current.CancellationToken);
            var rewards = sampled.Select(g => g.Select(r => r.Tokens.Count(t => t < 64) / (double)r.Tokens.Length).ToArray()).ToArray();
            last = rewards.Average(g => g.Average());
            if (step == 0)
                first = last;
            learner.Step([.. prompts.Select((p, g) => new TrainingGroup(p, [.. sampled[g].Select((r, s) => Sample(r, rewards[g], s))]))], 1e-2);
            current = tiny.Path_("step");
            learner.Save(current, false);
        }

        first.ShouldBeLessThan(0.4);
        last.ShouldBeGreaterThan(0.9);
    }

    private static TrainingSample Sample(Trajectory row, double[] rewards, int sample)
    {
        var mean = rewards.Average();
        var advantage = (rewards[sample] - mean) / (Math.Sqrt(rewards.Average(r => (r - mean) * (r - mean))) + 1e-4);
        return new TrainingSample(row.Tokens, row.LogProbs, advantage);
    }

    private static TrainingGroup[] Groups(TinyPolicy tiny) =>
    [
        Group(tiny, 9, [5, 1, 12], [1, -0.5, -0.5]),
        Group(tiny, 1, [4, 6], [-1, 1]),
        Group(tiny, 17, [3, 3, 8, 2], [0.3, 0.9, 0, -1.2]),
    ];

    private static TrainingGroup Group(TinyPolicy tiny, int prompt, int[] lengths, double[] advantages) => new(
        tiny.Tokens(prompt, prompt),
        [.. lengths.Select((n, i) => new TrainingSample(tiny.Tokens(n, 50 * prompt + i), [.. Enumerable.Repeat(-5.5f, n)], advantages[i]))]);

    private static Transformer Recorded(Transformer model) => new(
        model.Config,
        model.Parameters.ToDictionary(p => p.Key, p => p.Value.clone().detach().requires_grad_(true)));
}
