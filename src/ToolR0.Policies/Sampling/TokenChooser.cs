using ToolR0.Contracts;
using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>Draws one token per row on the model's device; only ids and log-probabilities come to the host.</summary>
internal sealed class TokenChooser(SamplingOptions options)
{
    /// <param name="logits">[slots, vocabulary].</param>
    /// <param name="slots">Rows by slot; null or done ones draw with 0.</param>
    public (long[] Tokens, float[] LogProbs) Choose(Tensor logits, IReadOnlyList<SampledRow?> slots)
    {
        using var scope = NewDisposeScope();
        var scaled = options.Temperature is 0 or 1 ? logits : logits.div(options.Temperature);
        var logProbs = scaled.log_softmax(-1, ScalarType.Float32);
        var tokens = options.Temperature == 0 ? logProbs.argmax(-1, true) : Draw(logProbs, slots);
        var chosen = logProbs.gather(1, tokens);
        return (tokens.cpu().data<long>().ToArray(), chosen.cpu().data<float>().ToArray());
    }

    /// <summary>[slots, 1].</summary>
    private Tensor Draw(Tensor logProbs, IReadOnlyList<SampledRow?> slots)
    {
        var uniforms = new double[slots.Count];
        for (var i = 0; i < uniforms.Length; i++)
            uniforms[i] = slots[i] is { Done: false } row ? row.NextUniform : 0;
        var uniform = tensor(uniforms, [uniforms.Length, 1]).to(logProbs.device);
        if (options.TopP >= 1)
            return Invert(logProbs.exp().cumsum(1, ScalarType.Float64), uniform);

        var (sorted, order) = logProbs.sort(1, descending: true, stable: true);
        var probabilities = sorted.exp().to(ScalarType.Float64);
        var before = probabilities.cumsum(1).sub(probabilities);
        var kept = probabilities.mul(before.lt(options.TopP));
        return order.gather(1, Invert(kept.cumsum(1), uniform));
    }

    /// <summary>The first index whose cumulative mass exceeds u times the whole.</summary>
    private static Tensor Invert(Tensor cumulative, Tensor uniform)
    {
        var last = cumulative.shape[1] - 1;
        var target = cumulative.narrow(1, last, 1).mul(uniform);
        return cumulative.le(target).sum(1, true).clamp_(0, last);
    }
}
