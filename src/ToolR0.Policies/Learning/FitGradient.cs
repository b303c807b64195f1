using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>The gradient of the cross-entropy of completions, a few at a time, so that a batch of any size takes the memory of one pass.</summary>
/// <param name="examples">Of the whole batch: the denominator of the mean.</param>
/// <param name="recompute">See <see cref="ForwardBackward"/>.</param>
/// <param name="adapter">Trained instead of the model's own parameters, if there is one.</param>
internal sealed class FitGradient(Transformer model, int examples, bool recompute, LoraVector? adapter)
{
    private readonly CompletionGradient _gradient = new(model, recompute, adapter);

    /// <summary>Adds the gradient of these examples' share of the batch's loss; returns that share, one number.</summary>
    /// <param name="into">By the trained parameters' names.</param>
    public double[] Add(IReadOnlyList<FitExample> of, IReadOnlyDictionary<string, Tensor> into)
    {
        using var scope = NewDisposeScope();
        var batch = PrefixBatch.Shared([.. of.Select(e => e.PromptTokens)], [.. of.Select(e => (IReadOnlyList<int[]>)[e.Tokens])]);
        var (rows, ids, weights) = Tokens(of, batch);
        return _gradient.Add(batch, rows, Loss, (sum, part) => sum.add_(part, One), into);

        TokenLoss Loss(Tensor logits, long first, long count)
        {
            using var inner = NewDisposeScope();
            var loss = logits.log_softmax(-1, ScalarType.Float32).gather(1, ids.narrow(0, first, count).unsqueeze(1)).squeeze(1)
                .mul(weights.narrow(0, first, count)).sum().neg();
            return new TokenLoss(loss.MoveToOuterDisposeScope(), loss.detach().unsqueeze(0).MoveToOuterDisposeScope());
        }
    }

    /// <summary>Per completion token the row that predicts it, its id, and 1 / (examples · tokens of its completion).</summary>
    private (Tensor Rows, Tensor Ids, Tensor Weights) Tokens(IReadOnlyList<FitExample> of, PrefixBatch batch)
    {
        var (rows, ids, weights) = (new List<long>(), new List<long>(), new List<float>());
        for (var g = 0; g < of.Count; g++)
        {
            for (var t = 0; t < of[g].Tokens.Length; t++)
            {
                rows.Add(batch.RowPredicting(g, 0, t));
                ids.Add(of[g].Tokens[t]);
                weights.Add((float)(1.0 / ((double)examples * of[g].Tokens.Length)));
            }
        }

        return (tensor(rows.ToArray(), device: model.Device), tensor(ids.ToArray(), device: model.Device),
            tensor(weights.ToArray(), device: model.Device));
    }
}
