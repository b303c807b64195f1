using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>The GRPO objective of some tokens as one scalar to differentiate, and the sums its metrics are made of.</summary>
/// <param name="Loss">This part's share of the batch's loss.</param>
/// <param name="Metrics">[4]: loss, Σ ratio, clipped tokens, Σ entropy.</param>
internal sealed record GrpoLoss(Tensor Loss, Tensor Metrics)
{
    /// <summary>Refuses what cannot be trained on, before anything is computed.</summary>
    /// <param name="mayBeUnknown">Samples without log-probabilities are allowed.</param>
    public static void Check(IReadOnlyList<TrainingGroup> groups, ModelConfig config, bool mayBeUnknown = false)
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

                if (groups[g].PromptTokens.Length + sample.Tokens.Length > config.MaxPositions)
                    throw new ArgumentException($"group {g}, sample {s}: longer than the model's {config.MaxPositions} positions");
                if (!double.IsFinite(sample.Advantage))
                    throw new ArgumentException($"group {g}, sample {s}: advantage {sample.Advantage}");
                CheckIds(sample.Tokens, config, $"group {g}, sample {s}");
            }
        }
    }

    /// <summary>The samples that move the weights: those with tokens and an advantage, in groups that have any.</summary>
    public static IReadOnlyList<TrainingGroup> WithAdvantage(IReadOnlyList<TrainingGroup> groups) =>
    [
        .. groups
            .Select(g => g with { Samples = [.. g.Samples.Where(s => s.Tokens.Length > 0 && s.Advantage != 0)] })
            .Where(g => g.Samples.Count > 0),
    ];

    /// <summary>Rows of the network that a group takes: what gradient parts are balanced by.</summary>
    public static long Cost(TrainingGroup group) => group.PromptTokens.Length + group.Samples.Sum(s => (long)s.Tokens.Length);

    /// <param name="logits">[tokens, vocabulary].</param>
    /// <param name="importanceCap">
    /// 0: the samples are this policy's own, ρ = π/μ with μ their stored probabilities. C above 0: an outside server sampled them. Then the learner's
    /// own probabilities before the step, π', take μ's place in the ratio, ρ = π/π', and the difference between the two engines is corrected by a
    /// truncated importance weight: a token's term is −min(π'/μ, C) · min(ρA, clip(ρ, 1 ± ε)A), where π'/μ is a constant, and 1 where μ is
    /// unknown. One update per batch makes ρ = 1, whose gradient is that of log π. The metrics' ratio and clipped share are then of π'/μ and C.
    /// </param>
    public static GrpoLoss Of(Tensor logits, GrpoTokens tokens, double temperature, double clip, double importanceCap = 0)
    {
        using var scope = NewDisposeScope();
        if (temperature != 1)
            logits = logits.div(Held(temperature));
        var all = logits.dtype == ScalarType.Float64 ? logits.log_softmax(-1) : logits.log_softmax(-1, ScalarType.Float32);
        var logProbs = all.gather(1, tokens.Ids.unsqueeze(1)).squeeze(1);
        var importance = logProbs.sub(tokens.LogProbs).mul(tokens.Known).exp();
        var ratio = importanceCap == 0 ? importance : logProbs.sub(logProbs.detach()).exp();
        var plain = ratio.mul(tokens.Advantages);
        var clipped = ratio.clamp(Held(1 - clip), Held(1 + clip)).mul(tokens.Advantages);
        var counts = importanceCap == 0 ? tokens.Weights : importance.detach().clamp(Zero, Held(importanceCap)).mul(tokens.Weights);
        var loss = minimum(plain, clipped).mul(counts).sum().neg();

        using var noGrad = no_grad();
        var entropy = all.detach().exp().mul(all.detach()).sum().neg();
        var cut = importanceCap == 0 ? clipped.detach().lt(plain.detach()) : importance.detach().gt(Held(importanceCap));
        var metrics = stack([loss.detach(), importance.detach().sum(), cut.sum(loss.dtype), entropy]);
        return new GrpoLoss(loss.MoveToOuterDisposeScope(), metrics.MoveToOuterDisposeScope());
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
