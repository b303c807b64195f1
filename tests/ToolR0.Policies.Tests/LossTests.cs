using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>Each loss against its equation and finite differences; what it is normalised by, what is masked, and the reference policy.</summary>
public sealed class LossTests
{
    private const int Vocabulary = 11;

    public static TheoryData<LearningLoss, double, double> Losses
    {
        get
        {
            var data = new TheoryData<LearningLoss, double, double>();
            foreach (var loss in Enum.GetValues<LearningLoss>())
            {
                data.Add(loss, 0, 0);
                data.Add(loss, 0.3, 0);
                data.Add(loss, 0.3, 1.1);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_loss_is_its_equation(LearningLoss loss, double klWeight, double importanceCap)
    {
        TorchRuntime.Configure(1);
        var groups = Rows(6, [[4, 3], [5]], masked: true);
        var options = new LearningOptions { Loss = loss, ClipEpsilon = 0.1, ClipHigh = loss == LearningLoss.Cispo ? 1.15 : 0.3, KlWeight = klWeight };
        var objective = GrpoObjective.Of(options, groups, 0.8, importanceCap, 7);
        using var scope = NewDisposeScope();
        var batch = PrefixBatch.Shared(
            [.. groups.Select(g => g.PromptTokens)], [.. groups.Select(g => (IReadOnlyList<int[]>)[.. g.Samples.Select(s => s.Tokens)])]);
        var tokens = GrpoTokens.Of(groups, batch, objective, CPU);
        var samples = groups.SelectMany(g => g.Samples)
            .SelectMany(s => Enumerable.Range(0, s.Tokens.Length).Where(t => s.Mask?[t] != false).Select(t => (s, t))).ToList();
        double[][] logits = [.. samples.Select((_, i) => Enumerable.Range(0, Vocabulary).Select(v => 3 * Randomness.Uniform(90 + i, v)).ToArray())];
        var given = tensor(logits.SelectMany(row => row).ToArray(), [samples.Count, Vocabulary]).requires_grad_(true);

        var made = GrpoLoss.Of(given, tokens, objective);

        var expected = 0.0;
        var (clipped, ratios) = (0, 0.0);
        for (var i = 0; i < samples.Count; i++)
        {
            var (sample, t) = samples[i];
            var top = logits[i].Max();
            var logProb = logits[i][sample.Tokens[t]] / 0.8 - top / 0.8 - Math.Log(logits[i].Sum(l => Math.Exp((l - top) / 0.8)));
            var (drift, advantage) = (Math.Exp(logProb - sample.LogProbs[t]), (double)(float)sample.Advantage);
            var ratio = importanceCap > 0 ? 1 : drift;
            var term = loss == LearningLoss.Cispo
                ? Math.Min(ratio, 1.15) * advantage * logProb
                : Math.Min(ratio * advantage, Math.Clamp(ratio, 0.9, 1.3) * advantage);
            var ahead = sample.Reference![t] - logProb;
            var divergence = klWeight * ratio * (Math.Exp(ahead) - ahead - 1);
            var counted = sample.Mask?.Count(m => m) ?? sample.Tokens.Length;
            var weight = 1.0 / (loss switch { LearningLoss.Grpo => 3 * counted, LearningLoss.DrGrpo => 3 * 7, _ => samples.Count });
            expected += weight * (divergence - term * (importanceCap > 0 ? Math.Min(drift, importanceCap) : 1));
            ratios += drift;
            clipped += importanceCap > 0 ? drift > importanceCap ? 1 : 0
                : loss == LearningLoss.Cispo ? drift > 1.15 ? 1 : 0 : Math.Clamp(ratio, 0.9, 1.3) * advantage < ratio * advantage ? 1 : 0;
        }

        // Weights are held in fp32.
        made.Loss.ToDouble().ShouldBe(expected, 1e-6 * Math.Max(1, Math.Abs(expected)));
        var sums = made.Metrics.data<double>().ToArray();
        sums[1].ShouldBe(ratios, 1e-6 * ratios);
        sums[2].ShouldBe(clipped);
        clipped.ShouldBeInRange(1, samples.Count - 1, "both kinds occur");
        autograd.grad([made.Loss], [given])[0].norm().ToDouble().ShouldBeGreaterThan(1e-3);
    }

    /// <summary>Of cispo the divergence alone: its capped ratio is a constant that depends on the weights, so that a difference is not its
    /// gradient.</summary>
    [Theory]
    [InlineData(LearningLoss.Grpo, 0)]
    [InlineData(LearningLoss.Grpo, 0.3)]
    [InlineData(LearningLoss.Bnpo, 0)]
    [InlineData(LearningLoss.DrGrpo, 0)]
    [InlineData(LearningLoss.Dapo, 0.3)]
    [InlineData(LearningLoss.Cispo, 0.3)]
    public void The_gradient_is_that_of_finite_differences(LearningLoss loss, double klWeight)
    {
        using var tiny = new TinyPolicy(scale: 4, family: ModelFamily.Llama);
        var groups = Near(tiny, masked: true);
        var options = new LearningOptions { Loss = loss, ClipHigh = loss == LearningLoss.Cispo ? 5 : 0.4, KlWeight = klWeight };
        var objective = GrpoObjective.Of(options, groups, 0.9, 0, 40);
        if (loss == LearningLoss.Cispo)
            groups = [.. groups.Select(g => g with { Samples = [.. g.Samples.Select(s => s with { Advantage = 0 })] })];
        var live = GrpoLoss.Only(groups, objective.Moves);
        using var exact = GradientCheck.Doubled(tiny.Policy.Model);
        var part = new GrpoGradient(exact, objective, recompute: true, logitsAtOnce: 3 * tiny.Config.VocabularySize);
        var gradients = GradientCheck.Zeros(exact);
        part.Add(live, gradients);
        GradientCheck.ShouldBeFiniteDifferences(exact, gradients, () => part.Add(live, GradientCheck.Zeros(exact))[0]);
    }

    [Fact]
    public void The_gradient_of_cispo_is_that_of_the_log_probability_times_a_constant()
    {
        TorchRuntime.Configure(1);
        using var scope = NewDisposeScope();
        var groups = Rows(3, [[4]], masked: false);
        var objective = GrpoObjective.Of(new LearningOptions { Loss = LearningLoss.Cispo, ClipHigh = 1.1 }, groups, 1, 0, 1);
        var batch = PrefixBatch.Shared([groups[0].PromptTokens], [[groups[0].Samples[0].Tokens]]);
        var logits = randn([4, Vocabulary], ScalarType.Float64).requires_grad_(true);
        var made = autograd.grad([GrpoLoss.Of(logits, GrpoTokens.Of(groups, batch, objective, CPU), objective).Loss], [logits])[0];
        using var noGrad = no_grad();
        var sample = groups[0].Samples[0];
        var ids = tensor(sample.Tokens.Select(t => (long)t).ToArray()).unsqueeze(1);
        var logProbs = logits.log_softmax(-1);
        var ratio = logProbs.gather(1, ids).sub(tensor(sample.LogProbs).unsqueeze(1)).exp().clamp(0, 1.1);
        var expected = zeros_like(logits).scatter_(1, ids, ones_like(logits)).sub(logProbs.exp()).mul(ratio).mul(-(float)sample.Advantage / 4);
        (made.sub(expected).norm().ToDouble() / expected.norm().ToDouble()).ShouldBeLessThan(1e-6);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void However_a_step_is_cut_its_loss_and_gradient_are_the_same(LearningLoss loss, double klWeight, double importanceCap)
    {
        using var tiny = new TinyPolicy(scale: 3, tied: false);
        var groups = Near(tiny, masked: true);
        var whole = new LearningOptions { Loss = loss, ClipHigh = loss == LearningLoss.Cispo ? 2 : 0.3, KlWeight = klWeight };
        var results = new[] { whole, whole with { MicroBatchTokens = 1, Recompute = true, GradientParts = 3 } }.Select(options =>
        {
            using var learner = GrpoLearner.Start(tiny.Folder, options);
            return learner.Step(groups, 1e-3, 0.9, importanceCap, 40);
        }).ToList();
        foreach (var (name, value) in results[0])
            results[1][name].ShouldBe(value, 1e-5 * Math.Max(1e-3, Math.Abs(value)), name);
        results[0]["loss"].ShouldNotBe(0);
    }

    [Theory]
    [InlineData(LearningLoss.Grpo)]
    [InlineData(LearningLoss.DrGrpo)]
    [InlineData(LearningLoss.Dapo)]
    public void A_completion_that_was_cut_off_counts_as_a_completion_and_none_of_its_tokens_does(LearningLoss loss)
    {
        using var tiny = new TinyPolicy(scale: 3);
        var group = Near(tiny, masked: false)[0];
        var cut = group with { Samples = [.. group.Samples.Select((s, i) => i == 0 ? s with { Mask = new bool[s.Tokens.Length] } : s)] };
        var without = group with { Samples = [.. group.Samples.Skip(1)] };
        var (masked, alone) = (Step(cut), Step(without));
        masked["maskedShare"].ShouldBe(1 / 3.0, 1e-9);
        masked["tokensLearned"].ShouldBe(alone["tokensLearned"]);
        var share = loss == LearningLoss.Dapo ? 1 : 2 / 3.0;
        masked["gradientNorm"].ShouldBe(share * alone["gradientNorm"], 1e-5 * alone["gradientNorm"]);
        masked["loss"].ShouldBe(share * alone["loss"], 1e-5 * Math.Abs(alone["loss"]));

        IReadOnlyDictionary<string, double> Step(TrainingGroup of)
        {
            using var learner = GrpoLearner.Start(tiny.Folder, new LearningOptions { Loss = loss, MaskOverlong = true });
            return learner.Step([of], 1e-3, 1, 0, 40);
        }
    }

    [Fact]
    public void What_a_policy_makes_of_completions_is_a_full_forward_of_each()
    {
        using var tiny = new TinyPolicy(scale: 4, family: ModelFamily.Qwen3);
        TrainingGroup[] groups =
        [
            new([1, 2, 3], [new(tiny.Tokens(7, 1), [], 1), new([], [], 0), new(tiny.Tokens(2, 2), [], 0)]), new([9], [new([], [], 0)]),
            new(tiny.Tokens(12, 4), [new(tiny.Tokens(5, 5), [], -1)]),
        ];
        foreach (var rows in new[] { 1, 1 << 20 })
        {
            var made = ReferenceLogProbs.Of(tiny.Policy, groups, 0.7, rows);
            for (var g = 0; g < groups.Length; g++)
            {
                for (var s = 0; s < groups[g].Samples.Count; s++)
                {
                    var tokens = groups[g].Samples[s].Tokens;
                    made[g][s].Length.ShouldBe(tokens.Length);
                    if (tokens.Length > 0)
                        made[g][s].Zip(tiny.FullForward(groups[g].PromptTokens, tokens, 0.7)).ShouldAllBe(p => Math.Abs(p.First - p.Second) < 2e-5);
                }
            }
        }
    }

    /// <summary>A policy that left the base, and has nothing else to learn, is drawn back to it.</summary>
    [Fact]
    public void The_reference_policy_draws_the_policy_back()
    {
        using var start = new TinyPolicy(seed: 3, scale: 2);
        using var other = new TinyPolicy(seed: 4, scale: 2);
        var prompt = start.Tokens(6, 1);
        TrainingGroup[] bare =
            [new(prompt, [.. start.Sample([new SampleRequest(prompt, [.. Enumerable.Range(0, 16)])], new SamplingOptions { MaxNewTokens = 12 })[0]
                .Select(row => new TrainingSample(row.Tokens, row.LogProbs, 0))])];
        var own = With(ReferenceLogProbs.Of(start.Policy, bare, 1, 1000));
        var base_ = With(ReferenceLogProbs.Of(other.Policy, bare, 1, 1000));
        var options = new LearningOptions { KlWeight = 0.5 };
        using (var still = GrpoLearner.Start(start.Folder, options))
        {
            var metrics = still.Step(own, 1e-3);
            metrics["klMean"].ShouldBe(0, 1e-9);
            metrics["gradientNorm"].ShouldBeLessThan(1e-4);
        }

        using var learner = GrpoLearner.Start(start.Folder, options);
        var divergences = Enumerable.Range(0, 40).Select(_ => learner.Step(base_, 1e-2)).ToList();
        divergences[0]["skipped"].ShouldBe(0);
        divergences[0]["loss"].ShouldBe(0.5 * Mean(base_), 1e-4 * Mean(base_));
        divergences[^1]["klMean"].ShouldBeLessThan(0.1 * divergences[0]["klMean"]);
        Should.Throw<ArgumentException>(() => learner.Step(bare, 1e-2)).Message.ShouldContain("0 log-probabilities of the reference policy");

        TrainingGroup[] With(IReadOnlyList<IReadOnlyList<float[]>> logProbs) =>
            [.. bare.Select((g, i) => g with { Samples = [.. g.Samples.Select((s, j) => s with { Reference = logProbs[i][j] })] })];

        // Per completion the mean over its tokens, then the mean over completions.
        static double Mean(TrainingGroup[] groups) => groups.SelectMany(g => g.Samples).Average(s =>
            s.Reference!.Zip(s.LogProbs, (b, p) => Math.Exp((double)b - p) - ((double)b - p) - 1).Average());
    }

    /// <summary>Groups of completions with probabilities of others on both sides of the models' own, by their lengths.</summary>
    private static TrainingGroup[] Rows(int seed, int[][] lengths, bool masked) => [.. lengths.Select((of, g) => new TrainingGroup(
        [1, 2],
        [.. of.Select((n, s) => new TrainingSample(
            [.. Enumerable.Range(0, n).Select(t => (int)(Randomness.Uniform(seed + 10 * g + s, t) * Vocabulary))],
            [.. Enumerable.Range(0, n).Select(t => (float)(-2.4 + 0.8 * (Randomness.Uniform(seed + 10 * g + s, 40 + t) - 0.5)))],
            s % 2 == 0 ? 0.7 : -1.3,
            [.. Enumerable.Range(0, n).Select(t => (float)(-2.4 + (Randomness.Uniform(seed + 10 * g + s, 80 + t) - 0.5)))],
            masked && s == 0 ? [.. Enumerable.Range(0, n).Select(t => t != 1)] : null))]))];

    /// <summary>The model's own probabilities, moved by up to a quarter.</summary>
    private static TrainingGroup[] Near(TinyPolicy tiny, bool masked) =>
        [.. new[] { (9, new[] { 5, 2, 12 }), (1, [4, 6]), (17, [3, 8]) }.Select(group => new TrainingGroup(
            tiny.Tokens(group.Item1, group.Item1),
            [.. group.Item2.Select((n, s) =>
            {
                var (prompt, tokens) = (tiny.Tokens(group.Item1, group.Item1), tiny.Tokens(n, 50 * group.Item1 + s));
                var own = tiny.FullForward(prompt, tokens, 0.9);
                bool[]? mask = masked && s == 1 ? [.. tokens.Select((_, t) => t != 0)] : null;
                return new TrainingSample(tokens, Moved(own, s), s == 0 ? 1.1 : -0.6, Moved(own, 7 + s), mask);
            })]))];

    private static float[] Moved(float[] own, long seed) => [.. own.Select((l, t) => (float)(l + 0.5 * (Randomness.Uniform(seed, t) - 0.5)))];
}
