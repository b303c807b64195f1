using ToolR0.Policies.Model.Cpu;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>
/// Drawing from the smallest set of most likely tokens whose mass reaches TopP, on the CPU, without sorting the vocabulary: a histogram over
/// log-probabilities says how far down that set reaches, and only what lies above is sorted. Sorting 49 152 entries takes longer than a small model's
/// layers. The same to the bit as sorting all, summing in that order and inverting.
/// </summary>
internal static unsafe class Nucleus
{
    /// <summary>Bits of a number's pattern that a bucket leaves out: its sign, exponent and five bits of its fraction remain.</summary>
    private const int Dropped = 18;

    private const int Buckets = 1 << (31 - Dropped);

    /// <summary>Sums in different orders differ by less.</summary>
    private const double Slack = 1e-9;

    /// <param name="logProbs">fp32 [rows, vocabulary].</param>
    /// <param name="uniforms">fp64 [rows, 1].</param>
    /// <returns>Ids, [rows, 1].</returns>
    public static Tensor Draw(Tensor logProbs, Tensor uniforms, double topP)
    {
        using var scope = NewDisposeScope();
        var (rows, count) = ((int)logProbs.shape[0], (int)logProbs.shape[1]);
        var (logs, masses) = (logProbs.contiguous(), logProbs.exp().contiguous());
        var numbers = uniforms.data<double>().ToArray();
        var drawn = new long[rows];
        float* log = PackedMatrix.Pointer(logs), mass = PackedMatrix.Pointer(masses);
        ThreadTeam.Run(rows, row =>
        {
            var start = (long)row * count;
            drawn[row] = DrawRow(new ReadOnlySpan<float>(log + start, count), new ReadOnlySpan<float>(mass + start, count), numbers[row], topP);
        });
        return tensor(drawn, [rows, 1]).MoveToOuterDisposeScope();
    }

    private static int DrawRow(ReadOnlySpan<float> logs, ReadOnlySpan<float> masses, double uniform, double topP)
    {
        var histogram = new double[Buckets];
        for (var i = 0; i < logs.Length; i++)
            histogram[Bucket(logs[i])] += masses[i];
        var (last, sum) = (0, histogram[0]);
        while (last < Buckets - 1 && !(sum >= topP + Slack))
            sum += histogram[++last];

        var kept = new List<(float Log, int Id)>();
        for (var i = 0; i < logs.Length; i++)
        {
            if (Bucket(logs[i]) <= last)
                kept.Add((logs[i], i));
        }

        kept.Sort((a, b) => a.Log != b.Log ? b.Log.CompareTo(a.Log) : a.Id.CompareTo(b.Id));
        double all = 0, within = 0;
        var cumulative = new double[kept.Count];
        for (var i = 0; i < cumulative.Length; i++)
        {
            double mass = masses[kept[i].Id];
            all += mass;
            if (all - mass < topP)
                within += mass;
            cumulative[i] = within;
        }

        var target = within * uniform;
        for (var i = 0; i < cumulative.Length; i++)
        {
            if (cumulative[i] > target)
                return kept[i].Id;
        }

        return kept[^1].Id;
    }

    /// <summary>From the most to the least likely; what is not a number comes last.</summary>
    private static int Bucket(float log) => (int)(BitConverter.SingleToUInt32Bits(Math.Abs(log)) >> Dropped);
}
