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
    private const string Embedding = "model.embed_tokens.weight";
    private const string Norm = "model.norm.weight";

    private string Head => model.Config.TiedEmbeddings ? Embedding : "lm_head.weight";

    /// <summary>Adds the gradient of these examples' share of the batch's loss; returns that share, one number.</summary>
    /// <param name="into">By the trained parameters' names.</param>
    public double[] Add(IReadOnlyList<FitExample> of, IReadOnlyDictionary<string, Tensor> into)
    {
        using var scope = NewDisposeScope();
        var batch = PrefixBatch.Shared([.. of.Select(e => e.PromptTokens)], [.. of.Select(e => (IReadOnlyList<int[]>)[e.Tokens])]);
        var (at, ids, weights) = Tokens(of, batch);
        using var pass = new ForwardBackward(model, batch, recompute, adapter);
        var rows = pass.Hidden.index_select(0, at);
        var chunk = Math.Max(1, GrpoGradient.LogitsAtOnce / model.Config.VocabularySize);
        var gradients = new List<Tensor>();
        var head = adapter is null ? zeros_like(into[Head]) : null;
        var loss = 0.0;
        for (long first = 0; first < ids.shape[0]; first += chunk)
        {
            var count = Math.Min(chunk, ids.shape[0] - first);
            var (gradient, part) = Chunk(rows.narrow(0, first, count), ids.narrow(0, first, count), weights.narrow(0, first, count), into, head);
            gradients.Add(gradient);
            loss += part;
        }

        using var noGrad = no_grad();
        var hidden = zeros_like(pass.Hidden).index_add_(0, at, cat([.. gradients]), One);
        // Where output projection and embedding are one matrix, the pass's two shares are added up before they join the others'.
        pass.Backward(hidden, into, head is null || model.Config.TiedEmbeddings ? head : into[Embedding]);
        if (head is not null)
            into[Head].add_(head, One);
        return [loss];
    }

    private (Tensor Gradient, double Loss) Chunk(
        Tensor hidden, Tensor ids, Tensor weights, IReadOnlyDictionary<string, Tensor> into, Tensor? headSum)
    {
        using var scope = NewDisposeScope();
        var (norm, head) = (model.Parameters[Norm], model.Parameters[Head]);
        var rows = hidden.detach().requires_grad_(true);
        var loss = model.Head(norm, Weight.Of(head, packed: false), rows).log_softmax(-1, ScalarType.Float32)
            .gather(1, ids.unsqueeze(1)).squeeze(1).mul(weights).sum().neg();
        var gradients = autograd.grad([loss], headSum is null ? [rows] : [rows, norm, head]);
        using var noGrad = no_grad();
        if (headSum is not null)
        {
            into[Norm].add_(gradients[1], One);
            headSum.add_(gradients[2], One);
        }

        return (gradients[0].MoveToOuterDisposeScope(), loss.detach().to(ScalarType.Float64).cpu().item<double>());
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
