using ToolR0.Contracts.Options;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>Draws one token per row on the model's device.</summary>
internal class TokenChooser(SamplingOptions options, Device device)
{
    /// <summary>A vocabulary of this many blocks of <see cref="Block"/> tokens or more is searched by blocks first.</summary>
    private const int ManyBlocks = 32;
    private const int Block = 128;

    /// <summary>Probabilities in fp32 are not told apart below this.</summary>
    private const double Least = 1e-37;

    /// <summary>The numbers that draw the next tokens of each row, [rows, count]; rows that are null or done draw with 0.</summary>
    public virtual Tensor Uniforms(IReadOnlyList<SampledRow?> rows, int count)
    {
        var uniforms = new double[rows.Count * count];
        for (var i = 0; i < uniforms.Length; i++)
            uniforms[i] = rows[i / count] is { Done: false } row ? row.Uniform(i % count) : 0;
        return tensor(uniforms, [rows.Count, count], device: device);
    }

    /// <param name="logits">[rows, vocabulary].</param>
    /// <param name="uniforms">[rows, 1].</param>
    /// <returns>Ids and log-probabilities, both [rows, 1].</returns>
    public virtual (Tensor Tokens, Tensor LogProbs) Choose(Tensor logits, Tensor uniforms)
    {
        using var scope = NewDisposeScope();
        var scaled = options.Temperature is 0 or 1 ? logits : logits.div(Held(options.Temperature));
        if (options is { Temperature: > 0, TopP: >= 1 } && logits.dtype == ScalarType.BFloat16)
        {
            // Only the drawn tokens' logarithms: on a GPU a pass over all logits in fp32 is what drawing costs.
            var mass = scaled.softmax(-1, ScalarType.Float32);
            var drawn = Invert(mass, uniforms, ScalarType.Float32);
            return (drawn.MoveToOuterDisposeScope(), mass.gather(1, drawn).clamp_(Held(Least)).log().MoveToOuterDisposeScope());
        }

        var logProbs = scaled.log_softmax(-1, ScalarType.Float32);
        var tokens = options.Temperature == 0 ? logProbs.argmax(-1, true) : Draw(logProbs, uniforms);
        return (tokens.MoveToOuterDisposeScope(), logProbs.gather(1, tokens).MoveToOuterDisposeScope());
    }

    /// <summary>[rows, 1].</summary>
    private Tensor Draw(Tensor logProbs, Tensor uniforms)
    {
        if (options.TopP >= 1)
            return Invert(logProbs.exp(), uniforms, ScalarType.Float64);
        return device.type == TorchSharp.DeviceType.CPU ? Nucleus.Draw(logProbs, uniforms, options.TopP) : Sorted(logProbs, uniforms, options.TopP);
    }

    /// <summary>From the smallest set of most likely tokens whose mass reaches <paramref name="topP"/>, [rows, 1].</summary>
    internal static Tensor Sorted(Tensor logProbs, Tensor uniforms, double topP)
    {
        var (sorted, order) = logProbs.sort(1, descending: true, stable: true);
        var probabilities = sorted.exp().to(ScalarType.Float64);
        var before = probabilities.cumsum(1).sub(probabilities);
        var kept = probabilities.mul(before.lt(Held(topP)));
        var cumulative = kept.cumsum(1);
        return order.gather(1, FirstAbove(cumulative, Last(cumulative).mul(uniforms)));
    }

    /// <summary>The first index whose cumulative mass exceeds u times the whole.</summary>
    /// <param name="mass">fp32.</param>
    /// <param name="sums">What a block's mass is added up in; in fp64, a GPU first writes all of it out in that.</param>
    private static Tensor Invert(Tensor mass, Tensor uniforms, ScalarType sums)
    {
        var (rows, count) = (mass.shape[0], mass.shape[1]);
        if (count % Block != 0 || count / Block < ManyBlocks)
        {
            var all = mass.cumsum(1, ScalarType.Float64);
            return FirstAbove(all, Last(all).mul(uniforms));
        }

        // The running sum of a large vocabulary is long to write down: that of its blocks, then of one block, is enough.
        var inBlocks = mass.view(rows, count / Block, Block);
        var before = cat([zeros_like(uniforms), inBlocks.sum([2], false, sums).to(ScalarType.Float64)], 1).cumsum(1);
        var target = Last(before).mul(uniforms);
        var block = FirstAbove(before, target).sub_(One);
        var inside = inBlocks.gather(1, block.unsqueeze(2).expand(rows, 1, Block)).squeeze(1).cumsum(1, ScalarType.Float64);
        return FirstAbove(inside, target.sub_(before.gather(1, block))).add_(block, Held(Block));
    }

    private static Tensor Last(Tensor cumulative) => cumulative.narrow(1, cumulative.shape[1] - 1, 1);

    private static Tensor FirstAbove(Tensor cumulative, Tensor target) =>
        searchsorted(cumulative, target, right: true).clamp_(Zero, Held(cumulative.shape[1] - 1));
}
