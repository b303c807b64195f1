using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>
/// Computes a batch's gradient in parts side by side. What is in which part, and the order in which parts are added, depend on the batch
/// and the number of parts alone, so the sum's bits do not depend on threads or timing.
/// </summary>
internal static class GradientParts
{
    /// <summary>Rows of the network in one pass: enough to fill matrix products, few enough to stay in cache and memory.</summary>
    private const long RowsPerPass = 2048;

    /// <summary>
    /// Distributes items over at most <paramref name="parts"/> parts: largest cost first, each to the part with the least so far, ties to the
    /// earlier part. A part's items, still largest first so that equals are padded together, are cut into passes. Empty parts are left out.
    /// </summary>
    /// <param name="costs">Rows that an item takes.</param>
    /// <returns>By part, by pass: indexes of items.</returns>
    public static IReadOnlyList<IReadOnlyList<int[]>> Assign(IReadOnlyList<long> costs, int parts)
    {
        var passes = Enumerable.Range(0, parts).Select(_ => new List<List<int>>()).ToArray();
        var loads = new long[parts];
        foreach (var item in Enumerable.Range(0, costs.Count).OrderByDescending(i => costs[i]).ThenBy(i => i))
        {
            var lightest = Array.IndexOf(loads, loads.Min());
            loads[lightest] += costs[item];
            // The first item of a pass is its widest, so this is what the pass takes with its padding.
            if (passes[lightest] is not [.., var last] || costs[last[0]] * (last.Count + 1) > RowsPerPass)
                passes[lightest].Add([item]);
            else
                last.Add(item);
        }

        return [.. passes.Where(p => p.Count > 0).Select(p => (IReadOnlyList<int[]>)[.. p.Select(items => items.ToArray())])];
    }

    /// <summary>
    /// Computes each pass (a flat gradient and its sums) and adds the results in order of part and pass. On the CPU parts run on threads of
    /// their own, on other devices one after another.
    /// </summary>
    /// <param name="assigned">From <see cref="Assign"/>.</param>
    public static (Tensor Gradient, double[] Sums) Run(
        IReadOnlyList<IReadOnlyList<int[]>> assigned, Device device, Func<int[], (Tensor Gradient, double[] Sums)> compute)
    {
        var parts = assigned.Count;
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

        var sum = results[0];
        for (var part = 1; part < parts; part++)
            Add(sum, results[part]);
        return sum;

        void RunOne(int part)
        {
            (Tensor Gradient, double[] Sums)? total = null;
            foreach (var pass in assigned[part])
            {
                using var scope = NewDisposeScope();
                var (gradient, sums) = compute(pass);
                gradient.DetachFromDisposeScope();
                if (total is { } before)
                    Add(before, (gradient, sums));
                else
                    total = (gradient, sums);
            }

            results[part] = total!.Value;
        }
    }

    private static void Add((Tensor Gradient, double[] Sums) total, (Tensor Gradient, double[] Sums) addend)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        total.Gradient.add_(addend.Gradient);
        addend.Gradient.Dispose();
        for (var i = 0; i < total.Sums.Length; i++)
            total.Sums[i] += addend.Sums[i];
    }
}
