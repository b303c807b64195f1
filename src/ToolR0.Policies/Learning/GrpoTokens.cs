using ToolR0.Policies.Model;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>The tokens that count of those a pass computes, one entry each, in order of group, sample, position.</summary>
/// <param name="Rows">The row of the network that predicts it.</param>
/// <param name="LogProbs">Of the policy that sampled it; 0 where it is not known.</param>
/// <param name="Known">1, or 0 where the log-probability is not known.</param>
/// <param name="Reference">Of the reference policy; 0 where the loss has none.</param>
/// <param name="Weights"><see cref="GrpoObjective.WeightOf"/>.</param>
internal sealed record GrpoTokens(Tensor Rows, Tensor Ids, Tensor LogProbs, Tensor Known, Tensor Reference, Tensor Advantages, Tensor Weights)
{
    public long Count => Rows.shape[0];

    public static GrpoTokens Of(IReadOnlyList<TrainingGroup> groups, PrefixBatch batch, GrpoObjective objective, Device device)
    {
        var count = groups.Sum(g => g.Samples.Sum(s => s.Counted));
        var (rows, ids) = (new long[count], new long[count]);
        var (logProbs, known, reference, advantages, weights) =
            (new float[count], new float[count], new float[count], new float[count], new float[count]);
        var at = 0;
        for (var g = 0; g < groups.Count; g++)
        {
            for (var s = 0; s < groups[g].Samples.Count; s++)
            {
                var sample = groups[g].Samples[s];
                var weight = objective.WeightOf(sample);
                for (var t = 0; t < sample.Tokens.Length; t++)
                {
                    if (!sample.Counts(t))
                        continue;
                    rows[at] = batch.RowPredicting(g, s, t);
                    ids[at] = sample.Tokens[t];
                    known[at] = sample.LogProbs.Length > 0 ? 1 : 0;
                    logProbs[at] = sample.LogProbs.Length > 0 ? sample.LogProbs[t] : 0;
                    reference[at] = objective.KlWeight > 0 ? sample.Reference![t] : 0;
                    advantages[at] = (float)sample.Advantage;
                    weights[at++] = weight;
                }
            }
        }

        return new GrpoTokens(On(rows), On(ids), On(logProbs), On(known), On(reference), On(advantages), On(weights));

        Tensor On(Array values) => values is long[] whole ? tensor(whole, device: device) : tensor((float[])values, device: device);
    }

    public GrpoTokens Narrow(long first, long count) => new(
        Rows.narrow(0, first, count), Ids.narrow(0, first, count), LogProbs.narrow(0, first, count), Known.narrow(0, first, count),
        Reference.narrow(0, first, count), Advantages.narrow(0, first, count), Weights.narrow(0, first, count));
}
