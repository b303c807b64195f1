using MathNet.Numerics.Distributions;

namespace ToolR0.Studies;

/// <summary>A mean and how well it is known.</summary>
/// <param name="Count">n, at least 1.</param>
/// <param name="StandardError">s / √n with s the sample standard deviation (n − 1); null for n = 1.</param>
/// <param name="Low">Lower end of the two-sided 95 % interval by Student's t with n − 1 degrees of freedom; null for n = 1.</param>
/// <param name="High">Its upper end.</param>
public sealed record Estimate(int Count, double Mean, double? StandardError, double? Low, double? High)
{
    /// <exception cref="ArgumentException">No values.</exception>
    public static Estimate Of(IReadOnlyCollection<double> values)
    {
        if (values.Count == 0)
            throw new ArgumentException("there are no values to estimate from", nameof(values));
        var mean = values.Average();
        if (values.Count == 1)
            return new Estimate(1, mean, null, null, null);
        var error = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1) / values.Count);
        var half = error * StudentT.InvCDF(0, 1, values.Count - 1, 0.975);
        return new Estimate(values.Count, mean, error, mean - half, mean + half);
    }

    /// <summary>The interval leaves out 0.</summary>
    public bool Separated => Low > 0 || High < 0;
}
