using ToolR0.Contracts.Options;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>Draws the tokens of a batch whose rows have options of their own: each row's as <see cref="TokenChooser"/> with its options draws
/// it.</summary>
internal sealed class MixedChooser(Device device) : TokenChooser(new SamplingOptions(), device)
{
    private readonly Device _device = device;
    private readonly Dictionary<(double Temperature, double TopP), TokenChooser> _choosers = [];
    private IReadOnlyList<SampledRow?> _rows = [];

    /// <summary>Remembers whose logits come next.</summary>
    public override Tensor Uniforms(IReadOnlyList<SampledRow?> rows, int count)
    {
        _rows = rows;
        return base.Uniforms(rows, count);
    }

    public override (Tensor Tokens, Tensor LogProbs) Choose(Tensor logits, Tensor uniforms)
    {
        // A row that is done takes any token.
        var first = _rows.FirstOrDefault(row => row is { Done: false })?.Options ?? new SamplingOptions();
        var kinds = Enumerable.Range(0, _rows.Count)
            .GroupBy(i => _rows[i] is { Done: false } row ? (row.Options.Temperature, row.Options.TopP) : (first.Temperature, first.TopP)).ToList();
        if (kinds.Count == 1)
            return Of(kinds[0].Key).Choose(logits, uniforms);

        using var scope = NewDisposeScope();
        var tokens = zeros([_rows.Count, 1], ScalarType.Int64, _device);
        var logProbs = zeros([_rows.Count, 1], ScalarType.Float32, _device);
        foreach (var kind in kinds)
        {
            var index = tensor([.. kind.Select(i => (long)i)], device: _device);
            var (drawn, probabilities) = Of(kind.Key).Choose(logits.index_select(0, index), uniforms.index_select(0, index));
            tokens.index_copy_(0, index, drawn);
            logProbs.index_copy_(0, index, probabilities);
        }

        return (tokens.MoveToOuterDisposeScope(), logProbs.MoveToOuterDisposeScope());
    }

    private TokenChooser Of((double Temperature, double TopP) kind)
    {
        // Clients may ask with any numbers: what is kept of them is bounded.
        if (_choosers.Count > 64)
            _choosers.Clear();
        if (!_choosers.TryGetValue(kind, out var chooser))
            _choosers[kind] = chooser = new TokenChooser(new SamplingOptions { Temperature = kind.Temperature, TopP = kind.TopP }, _device);
        return chooser;
    }
}
