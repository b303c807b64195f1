using ToolR0.Policies.Sampling;
using static TorchSharp.torch;

namespace ToolR0.Policies.Model;

/// <summary>Initial weights from a seed, drawn on the host so that they do not depend on a library's generator.</summary>
internal static class RandomWeights
{
    public static Dictionary<string, Tensor> Create(ModelConfig config, long seed, Device device, ScalarType type)
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
            using var scope = NewDisposeScope();
            parameters[name] = tensor(values, shape).to(device).to(type).DetachFromDisposeScope();
        }

        return parameters;
    }

    private static double Deviation(string name, ModelConfig config) =>
        name.EndsWith("o_proj.weight", StringComparison.Ordinal) || name.EndsWith("down_proj.weight", StringComparison.Ordinal)
            ? 0.02 / Math.Sqrt(2.0 * config.Layers)
            : 0.02;

    /// <summary>Box-Muller, two values a pair of uniforms. Each depends on its place alone, so several threads may share the work.</summary>
    private static void FillNormal(float[] values, double deviation, ulong seed)
    {
        const int Pairs = 1 << 14;
        Parallel.For(0, values.Length / (2 * Pairs) + 1, part =>
        {
            for (var i = part * 2L * Pairs; i < Math.Min(values.LongLength, (part + 1) * 2L * Pairs); i += 2)
            {
                var radius = deviation * Math.Sqrt(-2 * Math.Log(1 - Randomness.Uniform((long)seed, i)));
                var angle = 2 * Math.PI * Randomness.Uniform((long)seed, i + 1);
                values[i] = (float)(radius * Math.Cos(angle));
                if (i + 1 < values.LongLength)
                    values[i + 1] = (float)(radius * Math.Sin(angle));
            }
        });
    }
}
