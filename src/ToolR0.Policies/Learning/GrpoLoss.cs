using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>The GRPO objective of some tokens.</summary>
internal static class GrpoLoss
{
    /// <summary>Refuses what cannot be trained on, before anything is computed.</summary>
    /// <param name="mayBeUnknown">Samples without log-probabilities are allowed.</param>
    /// <param name="wantsReference">Samples without those of the reference policy are not.</param>
    public static void Check(IReadOnlyList<TrainingGroup> groups, ModelConfig config, bool mayBeUnknown = false, bool wantsReference = false)
    {
        for (var g = 0; g < groups.Count; g++)
        {
            if (groups[g].PromptTokens.Length == 0)
                throw new ArgumentException($"group {g} has an empty prompt");
            CheckIds(groups[g].PromptTokens, config, $"group {g}, prompt");
            for (var s = 0; s < groups[g].Samples.Count; s++)
            {
                var sample = groups[g].Samples[s];
                if (sample.LogProbs.Length != sample.Tokens.Length && !(mayBeUnknown && sample.LogProbs.Length == 0))
                {
                    throw new ArgumentException(
                        $"group {g}, sample {s}: {sample.LogProbs.Length} log-probabilities for {sample.Tokens.Length} tokens");
                }

                if (wantsReference && (sample.Reference?.Length ?? 0) is var referred && referred != sample.Tokens.Length)
                {
                    throw new ArgumentException(
                        $"group {g}, sample {s}: {referred} log-probabilities of the reference policy for {sample.Tokens.Length} tokens");
                }

                if (sample.Mask is { } mask && mask.Count != sample.Tokens.Length)
                    throw new ArgumentException($"group {g}, sample {s}: a mask of {mask.Count} for {sample.Tokens.Length} tokens");
                if (groups[g].PromptTokens.Length + sample.Tokens.Length > config.MaxPositions)
                    throw new ArgumentException($"group {g}, sample {s}: longer than the model's {config.MaxPositions} positions");
                if (!double.IsFinite(sample.Advantage))
                    throw new ArgumentException($"group {g}, sample {s}: advantage {sample.Advantage}");
                CheckIds(sample.Tokens, config, $"group {g}, sample {s}");
            }
        }
    }

    /// <summary>The groups' samples of a kind, in groups that have any.</summary>
    public static IReadOnlyList<TrainingGroup> Only(IReadOnlyList<TrainingGroup> groups, Func<TrainingSample, bool> kind) =>
        [.. groups.Select(g => g with { Samples = [.. g.Samples.Where(kind)] }).Where(g => g.Samples.Count > 0)];

    /// <summary>The samples with tokens and an advantage, in groups that have any.</summary>
    public static IReadOnlyList<TrainingGroup> WithAdvantage(IReadOnlyList<TrainingGroup> groups) =>
        Only(groups, s => s.Tokens.Length > 0 && s.Advantage != 0);

    /// <summary>Rows of the network that a group takes: what gradient parts are balanced by.</summary>
    public static long Cost(TrainingGroup group) => group.PromptTokens.Length + group.Samples.Sum(s => (long)s.Tokens.Length);

    /// <summary>These tokens' share of the batch's loss. Metrics, [7]: loss, Σ ratio, clipped tokens, Σ entropy, Σ divergence, Σ |log π − log μ|, and
    /// the largest of these.</summary>
    /// <param name="logits">[tokens, vocabulary].</param>
    public static TokenLoss Of(Tensor logits, GrpoTokens tokens, GrpoObjective objective)
    {
        using var scope = NewDisposeScope();
        if (objective.Temperature != 1)
            logits = logits.div(Held(objective.Temperature));
        var all = logits.dtype == ScalarType.Float64 ? logits.log_softmax(-1) : logits.log_softmax(-1, ScalarType.Float32);
        var logProbs = all.gather(1, tokens.Ids.unsqueeze(1)).squeeze(1);
        var outside = objective.ImportanceCap > 0;
        var importance = logProbs.sub(tokens.LogProbs).mul(tokens.Known).exp();
        var ratio = outside ? logProbs.sub(logProbs.detach()).exp() : importance;
        Tensor gain, cut;
        if (objective.Loss == LearningLoss.Cispo)
        {
            gain = ratio.detach().clamp(Zero, Held(objective.Highest)).mul(tokens.Advantages).mul(logProbs);
            cut = ratio.detach().gt(Held(objective.Highest));
        }
        else
        {
            var plain = ratio.mul(tokens.Advantages);
            var clipped = ratio.clamp(Held(objective.Lowest), Held(objective.Highest)).mul(tokens.Advantages);
            gain = minimum(plain, clipped);
            cut = clipped.detach().lt(plain.detach());
        }

        var counts = outside ? importance.detach().clamp(Zero, Held(objective.ImportanceCap)).mul(tokens.Weights) : tokens.Weights;
        var loss = gain.mul(counts).sum().neg();
        var divergence = zeros([1], loss.dtype, loss.device);
        if (objective.KlWeight > 0)
        {
            // Weighted by ρ, with its gradient: the expectation over the policy's own tokens, whoever sampled them.
            var difference = tokens.Reference.sub(logProbs);
            var estimate = difference.exp().sub(difference).sub(One).mul(ratio);
            loss = loss.add(estimate.mul(tokens.Weights).sum(), Held(objective.KlWeight));
            divergence = estimate.detach().sum();
        }

        using var noGrad = no_grad();
        var entropy = all.detach().exp().mul(all.detach()).sum().neg();
        if (outside)
            cut = importance.detach().gt(Held(objective.ImportanceCap));
        var mismatch = logProbs.detach().sub(tokens.LogProbs).mul(tokens.Known).abs();
        var metrics = stack([
            loss.detach(), importance.detach().sum(), cut.sum(loss.dtype), entropy, divergence.squeeze(), mismatch.sum(), mismatch.max(),
        ]);
        return new TokenLoss(loss.MoveToOuterDisposeScope(), metrics.MoveToOuterDisposeScope());
    }

    private static void CheckIds(int[] ids, ModelConfig config, string where)
    {
        foreach (var id in ids)
        {
            if ((uint)id >= (uint)config.VocabularySize)
                throw new ArgumentException($"{where}: token {id} is outside the vocabulary of {config.VocabularySize}");
        }
    }
}
