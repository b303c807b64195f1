using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>A scalar to differentiate, and what is to be known of it.</summary>
/// <param name="Metrics">[metrics].</param>
internal sealed record TokenLoss(Tensor Loss, Tensor Metrics);

/// <summary>
/// The gradient of a loss over tokens of completions: one pass through the layers and its way back, between them the output projection and the loss,
/// a chunk of rows at a time.
/// </summary>
/// <param name="recompute">See <see cref="ForwardBackward"/>.</param>
/// <param name="logitsAtOnce">Logits that exist at a time: large vocabularies are gone through in chunks of rows.</param>
/// <param name="adapter">Trained instead of the model's own parameters, if there is one.</param>
internal sealed class CompletionGradient(Transformer model, bool recompute, LoraVector? adapter, long logitsAtOnce = CompletionGradient.LogitsAtOnce)
{
    /// <summary>A quarter of a gigabyte in fp32: 441 rows of a vocabulary of 151 936.</summary>
    public const long LogitsAtOnce = 1 << 26;

    private const string Embedding = "model.embed_tokens.weight";
    private const string Norm = "model.norm.weight";

    private string Head => model.Config.TiedEmbeddings ? Embedding : "lm_head.weight";

    /// <summary>Adds the gradient to what is there; returns the metrics of all chunks.</summary>
    /// <param name="predicting">Rows of the batch whose logits the loss is of.</param>
    /// <param name="loss">Of the logits [count, vocabulary] of the rows from first on.</param>
    /// <param name="joined">The metrics of two chunks together.</param>
    /// <param name="into">By the trained parameters' names.</param>
    public double[] Add(
        PrefixBatch batch, Tensor predicting, Func<Tensor, long, long, TokenLoss> loss, Func<Tensor, Tensor, Tensor> joined,
        IReadOnlyDictionary<string, Tensor> into)
    {
        using var scope = NewDisposeScope();
        using var pass = new ForwardBackward(model, batch, recompute, adapter);
        var rows = pass.Hidden.index_select(0, predicting);
        var (chunk, all) = (Math.Max(1, logitsAtOnce / model.Config.VocabularySize), predicting.shape[0]);
        var gradients = new List<Tensor>();
        var head = adapter is null ? zeros_like(into[Head]) : null;
        Tensor? metrics = null;
        for (long first = 0; first < all; first += chunk)
        {
            var (at, count) = (first, Math.Min(chunk, all - first));
            var (gradient, part) = Chunk(rows.narrow(0, at, count), logits => loss(logits, at, count), into, head);
            gradients.Add(gradient);
            metrics = metrics is null ? part : joined(metrics, part);
        }

        using var noGrad = no_grad();
        var hidden = zeros_like(pass.Hidden).index_add_(0, predicting, cat([.. gradients]), One);
        // Where output projection and embedding are one matrix, the pass's two shares are added up before they join the others'.
        pass.Backward(hidden, into, head is null || model.Config.TiedEmbeddings ? head : into[Embedding]);
        if (head is not null)
            into[Head].add_(head, One);
        return metrics!.cpu().data<double>().ToArray();
    }

    /// <summary>The loss of some rows: adds the gradients of the last norm and the output projection where they are trained, returns that of the
    /// rows.</summary>
    private (Tensor Gradient, Tensor Metrics) Chunk(
        Tensor hidden, Func<Tensor, TokenLoss> loss, IReadOnlyDictionary<string, Tensor> into, Tensor? headSum)
    {
        using var scope = NewDisposeScope();
        var (norm, head) = (model.Parameters[Norm], model.Parameters[Head]);
        var rows = hidden.detach().requires_grad_(true);
        var made = loss(model.Head(norm, Weight.Of(head, packed: false), rows));
        var gradients = autograd.grad([made.Loss], headSum is null ? [rows] : [rows, norm, head]);
        using var noGrad = no_grad();
        if (headSum is not null)
        {
            into[Norm].add_(gradients[1], One);
            headSum.add_(gradients[2], One);
        }

        return (gradients[0].MoveToOuterDisposeScope(), made.Metrics.to(ScalarType.Float64).MoveToOuterDisposeScope());
    }
}
