using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>
/// Computes a batch's gradient in parts side by side. What is in which part, and the order in which parts are added, depend on the batch
/// and the number of parts alone, so the sum's bits do not depend on threads or timing.
/// </summary>
internal static class GradientParts
{
    /// <summary>
    /// Distributes items over at most <paramref name="parts"/> parts: largest cost first, each to the part with the least so far, ties to the
    /// earlier part. Within a part items keep their order. Empty parts are left out.
    /// </summary>
    public static IReadOnlyList<IReadOnlyList<int>> Assign(IReadOnlyList<long> costs, int parts)
    {
        var bins = Enumerable.Range(0, parts).Select(_ => new List<int>()).ToArray();
        var loads = new long[parts];
        foreach (var item in Enumerable.Range(0, costs.Count).OrderByDescending(i => costs[i]).ThenBy(i => i))
        {
            var lightest = Array.IndexOf(loads, loads.Min());
            bins[lightest].Add(item);
            loads[lightest] += costs[item];
        }

        foreach (var bin in bins)
            bin.Sort();
        return [.. bins.Where(b => b.Count > 0)];
    }

    /// <summary>
    /// Runs each part (a flat gradient and its sums) and adds the results in part order. On the CPU parts run on threads of their own, on
    /// other devices one after another.
    /// </summary>
    public static (Tensor Gradient, double[] Sums) Run(int parts, Device device, Func<int, (Tensor Gradient, double[] Sums)> compute)
    {
        var results = new (Tensor Gradient, double[] Sums)[parts];
        var threads = device.type == TorchSharp.DeviceType.CPU ? Math.Min(parts, Environment.ProcessorCount) : 1;
        if (threads == 1)
        {
            for (var part = 0; part < parts; part++)
                RunOne(part);
        }
        else
        {
            Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = threads }, RunOne);
        }

        using var noGrad = no_grad();
        var (total, sums) = results[0];
        for (var part = 1; part < parts; part++)
        {
            total.add_(results[part].Gradient);
            results[part].Gradient.Dispose();
            for (var i = 0; i < sums.Length; i++)
                sums[i] += results[part].Sums[i];
        }

        return (total, sums);

        void RunOne(int part)
        {
            using var scope = NewDisposeScope();
            var (gradient, partSums) = compute(part);
            results[part] = (gradient.DetachFromDisposeScope(), partSums);
        }
    }
}
