using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>The gradient of the GRPO loss, a few groups at a time, so that a batch of any size takes the memory of one pass.</summary>
/// <param name="recompute">See <see cref="ForwardBackward"/>.</param>
/// <param name="logitsAtOnce">Logits that exist at a time: large vocabularies are gone through in chunks of rows.</param>
/// <param name="adapter">Trained instead of the model's own parameters, if there is one.</param>
internal sealed class GrpoGradient(
    Transformer model, GrpoObjective objective, bool recompute = false, long logitsAtOnce = GrpoGradient.LogitsAtOnce, LoraVector? adapter = null)
{
    /// <summary>A quarter of a gigabyte in fp32: 441 rows of a vocabulary of 151 936.</summary>
    public const long LogitsAtOnce = 1 << 26;

    private const string Embedding = "model.embed_tokens.weight";

    private string Head => model.Config.TiedEmbeddings ? Embedding : "lm_head.weight";

    /// <summary>Adds the gradient of these groups' share of the batch's loss; returns the sums of <see cref="GrpoLoss.Metrics"/>.</summary>
    /// <param name="groups">With the samples that move the weights, and no others.</param>
    /// <param name="into">By the trained parameters' names.</param>
    public double[] Add(IReadOnlyList<TrainingGroup> groups, IReadOnlyDictionary<string, Tensor> into)
    {
        using var scope = NewDisposeScope();
        var batch = PrefixBatch.Shared(
            [.. groups.Select(g => g.PromptTokens)],
            [.. groups.Select(g => (IReadOnlyList<int[]>)[.. g.Samples.Select(s => s.Tokens)])]);
        var tokens = GrpoTokens.Of(groups, batch, objective, model.Device);
        using var pass = new ForwardBackward(model, batch, recompute, adapter);
        var rows = pass.Hidden.index_select(0, tokens.Rows);
        var chunk = Math.Max(1, logitsAtOnce / model.Config.VocabularySize);
        var gradients = new List<Tensor>();
        var head = adapter is null ? zeros_like(into[Head]) : null;
        Tensor? sums = null;
        for (long first = 0; first < tokens.Count; first += chunk)
        {
            var count = Math.Min(chunk, tokens.Count - first);
            var (gradient, part) = Chunk(rows.narrow(0, first, count), tokens.Narrow(first, count), into, head);
            gradients.Add(gradient);
            sums = sums?.add_(part, One) ?? part;
        }

        using var noGrad = no_grad();
        var hidden = zeros_like(pass.Hidden).index_add_(0, tokens.Rows, cat([.. gradients]), One);
        // Where output projection and embedding are one matrix, the pass's two shares are added up before they join the others'.
        pass.Backward(hidden, into, head is null || model.Config.TiedEmbeddings ? head : into[Embedding]);
        if (head is not null)
            into[Head].add_(head, One);
        return sums!.cpu().data<double>().ToArray();
    }

    /// <summary>The loss of some tokens: adds the gradients of the last norm and the output projection where they are trained, returns that of the
    /// rows.</summary>
    private (Tensor Gradient, Tensor Sums) Chunk(Tensor hidden, GrpoTokens tokens, IReadOnlyDictionary<string, Tensor> into, Tensor? headSum)
    {
        using var scope = NewDisposeScope();
        var (norm, head) = (model.Parameters["model.norm.weight"], model.Parameters[Head]);
        var rows = hidden.detach().requires_grad_(true);
        var loss = GrpoLoss.Of(model.Head(norm, Weight.Of(head, packed: false), rows), tokens, objective);
        var gradients = autograd.grad([loss.Loss], headSum is null ? [rows] : [rows, norm, head]);
        using var noGrad = no_grad();
        if (headSum is not null)
        {
            into["model.norm.weight"].add_(gradients[1], One);
            headSum.add_(gradients[2], One);
        }

        return (gradients[0].MoveToOuterDisposeScope(), loss.Metrics.to(ScalarType.Float64).MoveToOuterDisposeScope());
    }
}
