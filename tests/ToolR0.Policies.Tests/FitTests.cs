using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;

namespace ToolR0.Policies.Tests;

/// <summary>A fit to completions: cross-entropy with the learner's optimiser.</summary>
public sealed class FitTests
{
    private static readonly LearningOptions Options = new() { MaxGradientNorm = 1e9 };

    [Fact]
    public void Its_loss_and_its_step_are_those_of_the_cross_entropy_trainer_on_the_same_tokens()
    {
        using var tiny = new TinyPolicy();
        var (prompt, tokens) = (tiny.Tokens(9, 1), tiny.Tokens(6, 2));
        var weights = new float[15];
        Array.Fill(weights, 1, 9, 6);
        using var trainer = new CrossEntropyTrainer(
            tiny.Policy, new CrossEntropyOptions { LearningRate = 1e-3, Steps = 10, WarmupSteps = 1, FinalShare = 1, Optimiser = Options });
        using var learner = GrpoLearner.Start(tiny.Policy, Options);

        for (var step = 0; step < 3; step++)
        {
            var expected = trainer.Step([new WeightedSequence([.. prompt, .. tokens], weights)]);
            var made = learner.Fit([new FitExample(prompt, tokens)], 1e-3);
            made["loss"].ShouldBe(expected.Loss, 1e-5);
            made["gradientNorm"].ShouldBe(expected.GradientNorm, 1e-4 * expected.GradientNorm);
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    public void Its_loss_is_the_mean_over_examples_of_the_mean_over_tokens_in_whatever_parts(int parts, bool recompute)
    {
        using var tiny = new TinyPolicy();
        FitExample[] examples = [.. Enumerable.Range(0, 5).Select(i => new FitExample(tiny.Tokens(4 + i, i), tiny.Tokens(2 + 3 * i, 50 + i)))];
        var expected = examples.Average(e => -tiny.FullForward(e.PromptTokens, e.Tokens, 1).Average());
        using var learner = GrpoLearner.Start(tiny.Policy, Options with { GradientParts = parts, Recompute = recompute, MicroBatchTokens = 30 });

        var made = learner.Fit(examples, 1e-3);

        made["loss"].ShouldBe(expected, 1e-5);
        made["tokensLearned"].ShouldBe(examples.Sum(e => e.Tokens.Length));
    }

    [Fact]
    public void An_adapter_is_fitted_in_place_of_the_weights()
    {
        using var tiny = new TinyPolicy();
        using var learner = GrpoLearner.Start(tiny.Policy, Options with { Lora = new LoraOptions { Rank = 2 } });
        FitExample[] examples = [new(tiny.Tokens(5, 1), tiny.Tokens(4, 2))];

        var losses = Enumerable.Range(0, 30).Select(_ => learner.Fit(examples, 2e-2)["loss"]).ToList();

        losses[^1].ShouldBeLessThan(losses[0] - 0.5);
    }

    [Fact]
    public void What_cannot_be_fitted_to_is_refused()
    {
        using var tiny = new TinyPolicy();
        using var learner = GrpoLearner.Start(tiny.Policy, Options);

        Should.Throw<ArgumentException>(() => learner.Fit([], 1e-3));
        Should.Throw<ArgumentException>(() => learner.Fit([new FitExample([], [1])], 1e-3)).Message.ShouldContain("empty prompt");
        Should.Throw<ArgumentException>(() => learner.Fit([new FitExample([1], [100_000])], 1e-3)).Message.ShouldContain("vocabulary");
    }
}
