using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>
/// Rotary position embedding as two multiplications over a whole row of query, key and value heads:
/// <c>x · Cos + roll(x, D/2) · Sin</c>, with Hugging Face's pairing of element i with i + D/2. Query heads also carry attention's
/// 1/√D; value heads have 1 and 0, so they pass unchanged. Rows are positions, [positions, (H + 2·KV) · D].
/// </summary>
internal sealed record RopeTable(Tensor Cos, Tensor Sin, int Length) : IDisposable
{
    public static RopeTable Build(ModelConfig config, int length, Device device, ScalarType type)
    {
        var size = config.HeadSize;
        var heads = config.Heads + 2 * config.KeyValueHeads;
        var width = heads * size;
        var cos = new float[(long)length * width];
        var sin = new float[cos.LongLength];
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
                    var at = (long)position * width + head * size + i;
                    var factor = head < config.Heads ? scale : 1;
                    var isValue = head >= config.Heads + config.KeyValueHeads;
                    cos[at] = isValue ? 1 : (float)(c * factor);
                    sin[at] = isValue ? 0 : (float)(s * factor);
                }
            }
        }

        using var noGrad = no_grad();
        return new RopeTable(Place(cos), Place(sin), length);

        Tensor Place(float[] values)
        {
            using var scope = NewDisposeScope();
            return tensor(values, [length, width]).to(type).to(device).DetachFromDisposeScope();
        }
    }

    public void Dispose()
    {
        Cos.Dispose();
        Sin.Dispose();
    }
}
