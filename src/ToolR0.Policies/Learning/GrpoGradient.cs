using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>The gradient of the GRPO loss, a few groups at a time, so that a batch of any size takes the memory of one pass.</summary>
/// <param name="recompute">See <see cref="ForwardBackward"/>.</param>
/// <param name="logitsAtOnce">See <see cref="CompletionGradient"/>.</param>
/// <param name="adapter">Trained instead of the model's own parameters, if there is one.</param>
internal sealed class GrpoGradient(
    Transformer model, GrpoObjective objective, bool recompute = false, long logitsAtOnce = CompletionGradient.LogitsAtOnce,
    LoraVector? adapter = null)
{
    private readonly CompletionGradient _gradient = new(model, recompute, adapter, logitsAtOnce);

    /// <summary>Adds the gradient of these groups' share of the batch's loss; returns the sums of <see cref="GrpoLoss"/>.</summary>
    /// <param name="groups">With the samples that move the weights, and no others.</param>
    /// <param name="into">By the trained parameters' names.</param>
    public double[] Add(IReadOnlyList<TrainingGroup> groups, IReadOnlyDictionary<string, Tensor> into)
    {
        using var scope = NewDisposeScope();
        var batch = PrefixBatch.Shared(
            [.. groups.Select(g => g.PromptTokens)],
            [.. groups.Select(g => (IReadOnlyList<int[]>)[.. g.Samples.Select(s => s.Tokens)])]);
        var tokens = GrpoTokens.Of(groups, batch, objective, model.Device);
        return _gradient.Add(
            batch, tokens.Rows, (logits, first, count) => GrpoLoss.Of(logits, tokens.Narrow(first, count), objective), Joined, into);
    }

    /// <summary>Sums of two parts: all add up but the last, a largest value.</summary>
    private static Tensor Joined(Tensor sums, Tensor part)
    {
        var last = sums.shape[0] - 1;
        return cat([sums.narrow(0, 0, last).add(part.narrow(0, 0, last), One), maximum(sums, part).narrow(0, last, 1)]);
    }
}
