using static TorchSharp.torch;

namespace ToolR0.Policies.Model;

/// <summary>
/// Rotary position embedding as two multiplications over a whole row of query, key and value heads: <c>x · Cos + partner(x) · Sin</c>, with
/// Hugging Face's pairing of element i with i + D/2. Query heads also carry attention's 1/√D; value heads have 1 and 0, so they pass
/// unchanged. Rows are positions, [positions, (H + 2·KV) · D].
/// </summary>
/// <param name="Turns">
/// Where pairs are neighbours: the same as complex factors, real and imaginary part side by side, fp32 [positions, (H + 2·KV) · D]. A pair read as a
/// complex number is rotated by one multiplication.
/// </param>
internal sealed record RopeTable(Tensor Cos, Tensor Sin, Tensor? Turns, int Length) : IDisposable
{
    /// <summary>
    /// Models in bf16 have the two elements of a pair side by side in query and key heads; others keep Hugging Face's order, D/2 apart. Scores do not
    /// depend on the order.
    /// </summary>
    public static bool PairsAreNeighbours(ScalarType type) => type == ScalarType.BFloat16;

    /// <summary>Query or key rows of a weight from Hugging Face's order to the one that a type computes in.</summary>
    /// <param name="rows">[heads · D, …]</param>
    public static Tensor Ordered(Tensor rows, int headSize) => PairsAreNeighbours(rows.dtype)
        ? rows.view(-1, 2, headSize / 2, rows.numel() / rows.shape[0]).transpose(1, 2).reshape(rows.shape)
        : rows;

    /// <summary>Every element's partner in its place, over the last dimension.</summary>
    /// <param name="heads">[…, D]</param>
    public static Tensor Partners(Tensor heads)
    {
        var shape = heads.shape;
        return PairsAreNeighbours(heads.dtype) ? heads.view([.. shape[..^1], -1, 2]).flip(-1).view(shape) : heads.roll(shape[^1] / 2, -1);
    }

    public static RopeTable Build(ModelConfig config, int length, Device device, ScalarType type)
    {
        var size = config.HeadSize;
        var heads = config.Heads + 2 * config.KeyValueHeads;
        var width = heads * size;
        var cos = new float[(long)length * width];
        var sin = new float[cos.LongLength];
        var neighbours = PairsAreNeighbours(type);
        var turns = new float[neighbours ? cos.LongLength : 0];
        var scale = 1 / Math.Sqrt(size);
        var frequencies = Enumerable.Range(0, size / 2).Select(i => Math.Pow(config.RopeTheta, -2.0 * i / size))
            .Select(f => config.RopeScaling?.Apply(f) ?? f).ToArray();
        for (var position = 0; position < length; position++)
        {
            for (var i = 0; i < size; i++)
            {
                var angle = position * frequencies[i % (size / 2)];
                var (c, s) = (Math.Cos(angle), Math.Sin(angle) * (i < size / 2 ? -1 : 1));
                for (var head = 0; head < heads; head++)
                {
                    var at = (long)position * width + head * size + (neighbours ? 2 * i % size + 2 * i / size : i);
                    var factor = head < config.Heads ? scale : 1;
                    var isValue = head >= config.Heads + config.KeyValueHeads;
                    cos[at] = isValue ? 1 : (float)(c * factor);
                    sin[at] = isValue ? 0 : (float)(s * factor);
                    if (neighbours)
                        turns[at] = i < size / 2 ? cos[at] : sin[at];
                }
            }
        }

        // Whoever asks first: training uses the table too, and may not use what inference mode made.
        using var recordable = inference_mode(false);
        using var noGrad = no_grad();
        return new RopeTable(Place(cos, type), Place(sin, type), neighbours ? Place(turns, ScalarType.Float32) : null, length);

        Tensor Place(float[] values, ScalarType storedAs)
        {
            using var scope = NewDisposeScope();
            return tensor(values, [length, width]).to(storedAs).to(device).DetachFromDisposeScope();
        }
    }

    public void Dispose()
    {
        Cos.Dispose();
        Sin.Dispose();
        Turns?.Dispose();
    }
}
