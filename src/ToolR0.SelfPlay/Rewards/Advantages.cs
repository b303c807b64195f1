namespace ToolR0.SelfPlay.Rewards;

/// <summary>Group-relative advantages: A = (r − mean) / (std + ε).</summary>
public static class Advantages
{
    /// <summary>
    /// Mean and standard deviation (n − 1 in the denominator, as the paper's trainer has it) over the samples that count. Void samples are left
    /// out and get 0; so does everybody in a group of fewer than two.
    /// </summary>
    public static double[] Compute(IReadOnlyList<double> rewards, IReadOnlyList<bool> isVoid, double epsilon)
    {
        var advantages = new double[rewards.Count];
        var counted = rewards.Where((_, i) => !isVoid[i]).ToArray();
        if (counted.Length < 2)
            return advantages;
        var mean = counted.Average();
        var std = Math.Sqrt(counted.Sum(r => (r - mean) * (r - mean)) / (counted.Length - 1));
        for (var i = 0; i < advantages.Length; i++)
        {
            // Equal rewards teach nothing; the mean's rounding must not pretend otherwise.
            advantages[i] = isVoid[i] || counted.Max() == counted.Min() ? 0 : (rewards[i] - mean) / (std + epsilon);
        }

        return advantages;
    }
}
