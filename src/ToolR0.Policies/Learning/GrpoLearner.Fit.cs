using ToolR0.Contracts;

namespace ToolR0.Policies.Learning;

/// <summary>A completion to fit a policy to, and the prompt that it is to follow.</summary>
/// <param name="Tokens">One at least; the token that ends the turn is one of them, where it is to be learned.</param>
public sealed record FitExample(int[] PromptTokens, int[] Tokens);

public sealed partial class GrpoLearner
{
    /// <summary>
    /// One update on one batch of examples. The loss is cross-entropy: per example the mean over its completion tokens of −log p, then the mean
    /// over the examples. Weights, optimiser, adapters and determinism are those of <see cref="Step"/>.
    /// </summary>
    /// <returns>
    /// loss (nats per token), gradientNorm (before clipping), learningRate, tokens (completion tokens fitted to), skipped (1: no update, because the
    /// gradient was not finite), nonFinite.
    /// </returns>
    /// <exception cref="ArgumentException">No example, or one that is longer than the model allows or has a foreign token.</exception>
    public IReadOnlyDictionary<string, double> Fit(IReadOnlyList<FitExample> examples, double learningRate)
    {
        ArgumentOutOfRangeException.ThrowIfZero(examples.Count);
        GrpoLoss.Check([.. examples.Select(e => new TrainingGroup(e.PromptTokens, [new TrainingSample(e.Tokens, [], 1)]))], _trained.Model.Config,
            mayBeUnknown: true);
        var parts = GradientParts.Assign(
            [.. examples.Select(e => (long)e.PromptTokens.Length + e.Tokens.Length)], _options.GradientParts, _options.MicroBatchTokens);
        var objective = new FitGradient(_trained.Model, examples.Count, _options.Recompute, Adapter);
        var (gradient, sums) = GradientParts.Run(
            parts, _trained.Model.Device, _trained.Zero, (pass, sum) => objective.Add([.. pass.Select(i => examples[i])], _trained.Split(sum)));
        using var owned = gradient;
        var norm = _optimiser.Update(gradient, learningRate, _options);
        var finite = double.IsFinite(norm);
        return new Dictionary<string, double>
        {
            [MetricNames.Loss] = double.IsFinite(sums[0]) ? sums[0] : 0,
            [MetricNames.GradientNorm] = finite ? norm : 0,
            [MetricNames.LearningRate] = learningRate,
            [MetricNames.TokensLearned] = examples.Sum(e => (double)e.Tokens.Length),
            [MetricNames.Skipped] = finite ? 0 : 1,
            [MetricNames.NonFinite] = finite ? 0 : 1,
        };
    }
}
