using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>Initial weights from a seed, drawn on the host so that they do not depend on a library's generator.</summary>
internal static class RandomWeights
{
    public static Dictionary<string, Tensor> Create(ModelConfig config, long seed)
    {
        var parameters = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        var stream = 0L;
        foreach (var (name, shape) in config.ParameterShapes())
        {
            var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            if (name.EndsWith("norm.weight", StringComparison.Ordinal))
                Array.Fill(values, 1f);
            else if (!name.EndsWith(".bias", StringComparison.Ordinal))
                FillNormal(values, Deviation(name, config), Randomness.Bits(seed, stream));
            stream++;
            parameters[name] = tensor(values, shape).DetachFromDisposeScope();
        }

        return parameters;
    }

    private static double Deviation(string name, ModelConfig config) =>
        name.EndsWith("o_proj.weight", StringComparison.Ordinal) || name.EndsWith("down_proj.weight", StringComparison.Ordinal)
            ? 0.02 / Math.Sqrt(2.0 * config.Layers)
            : 0.02;

    /// <summary>Box-Muller, two values a pair of uniforms.</summary>
    private static void FillNormal(float[] values, double deviation, ulong seed)
    {
        for (long i = 0; i < values.LongLength; i += 2)
        {
            var radius = deviation * Math.Sqrt(-2 * Math.Log(1 - Randomness.Uniform((long)seed, i)));
            var angle = 2 * Math.PI * Randomness.Uniform((long)seed, i + 1);
            values[i] = (float)(radius * Math.Cos(angle));
            if (i + 1 < values.LongLength)
                values[i + 1] = (float)(radius * Math.Sin(angle));
        }
    }
}
