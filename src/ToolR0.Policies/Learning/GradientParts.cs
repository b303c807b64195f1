using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>
/// Computes a batch's gradient in parts side by side. What is in which part, and the order in which parts are added, depend on the batch
/// and the number of parts alone, so the sum's bits do not depend on threads or timing.
/// </summary>
internal static class GradientParts
{
    /// <summary>
    /// Distributes items over at most <paramref name="parts"/> parts: largest cost first, each to the part with the least so far, ties to the
    /// earlier part. A part's items, still largest first so that equals are padded together, are cut into passes. Empty parts are left out.
    /// </summary>
    /// <param name="costs">Rows of the network that an item takes.</param>
    /// <param name="rowsPerPass">An item with more is a pass of its own.</param>
    /// <returns>By part, by pass: indexes of items.</returns>
    public static IReadOnlyList<IReadOnlyList<int[]>> Assign(IReadOnlyList<long> costs, int parts, long rowsPerPass)
    {
        var passes = Enumerable.Range(0, parts).Select(_ => new List<List<int>>()).ToArray();
        var loads = new long[parts];
        foreach (var item in Enumerable.Range(0, costs.Count).OrderByDescending(i => costs[i]).ThenBy(i => i))
        {
            var lightest = Array.IndexOf(loads, loads.Min());
            loads[lightest] += costs[item];
            // The first item of a pass is its widest, so this is what the pass takes with its padding.
            if (passes[lightest] is not [.., var last] || costs[last[0]] * (last.Count + 1) > rowsPerPass)
                passes[lightest].Add([item]);
            else
                last.Add(item);
        }

        return [.. passes.Where(p => p.Count > 0).Select(p => (IReadOnlyList<int[]>)[.. p.Select(items => items.ToArray())])];
    }

    /// <summary>
    /// Computes each pass and adds the results in order of part and pass. On the CPU parts run on threads of their own, on other devices one
    /// after another.
    /// </summary>
    /// <param name="assigned">From <see cref="Assign"/>.</param>
    /// <param name="zero">A flat gradient of zeros, one a part.</param>
    /// <param name="accumulate">Adds a pass's gradient to a flat one and returns its sums.</param>
    /// <param name="maxima">So many of the last sums are largest values instead.</param>
    public static (Tensor Gradient, double[] Sums) Run(
        IReadOnlyList<IReadOnlyList<int[]>> assigned, Device device, Func<Tensor> zero, Func<int[], Tensor, double[]> accumulate,
        int maxima = 0)
    {
        TorchRuntime.ConfigureThread();
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

        var (sum, sums) = results[0];
        using var noGrad = no_grad();
        for (var part = 1; part < parts; part++)
        {
            sum.add_(results[part].Gradient, One);
            results[part].Gradient.Dispose();
            Add(sums, results[part].Sums, maxima);
        }

        return (sum, sums);

        void RunOne(int part)
        {
            // Whether a thread records is its own state: a part must not depend on what its thread did before, or on what its caller is in.
            using var recorded = enable_grad();
            TorchRuntime.ConfigureThread();
            var gradient = zero().DetachFromDisposeScope();
            double[]? sums = null;
            foreach (var pass in assigned[part])
            {
                using var scope = NewDisposeScope();
                var made = accumulate(pass, gradient);
                if (sums is null)
                    sums = made;
                else
                    Add(sums, made, maxima);
            }

            results[part] = (gradient, sums!);
        }
    }

    private static void Add(double[] total, double[] addend, int maxima)
    {
        for (var i = 0; i < total.Length; i++)
            total[i] = i < total.Length - maxima ? total[i] + addend[i] : Math.Max(total[i], addend[i]);
    }
}
