using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>What a policy makes of completions that another one sampled.</summary>
public static class ReferenceLogProbs
{
    /// <summary>
    /// The log-probability of each token at a temperature, by group and sample as given; empty for a sample without tokens. Of the samples nothing
    /// but their tokens is looked at.
    /// </summary>
    /// <param name="temperature">Above 0.</param>
    /// <param name="microBatchTokens">Rows of the network in one pass.</param>
    /// <exception cref="ArgumentException">A sample that is longer than the model allows, or a token that it does not have.</exception>
    public static IReadOnlyList<IReadOnlyList<float[]>> Of(
        Policy policy, IReadOnlyList<TrainingGroup> groups, double temperature, int microBatchTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        TorchRuntime.ConfigureThread();
        var bare = groups.Select(g => g with { Samples = [.. g.Samples.Select(s => new TrainingSample(s.Tokens, [], 0))] }).ToList();
        GrpoLoss.Check(bare, policy.Config, mayBeUnknown: true);
        var made = groups.Select(g => g.Samples.Select(s => new float[s.Tokens.Length]).ToArray()).ToArray();
        // A completion without tokens has no row: only the others are in the batch.
        var filled = bare.Select(g => g.Samples.Select((s, i) => (s, i)).Where(x => x.s.Tokens.Length > 0).Select(x => x.i).ToArray()).ToArray();
        int[] asked = [.. Enumerable.Range(0, bare.Count).Where(g => filled[g].Length > 0)];
        foreach (var pass in GradientParts.Assign([.. asked.Select(g => GrpoLoss.Cost(bare[g]))], 1, microBatchTokens).SelectMany(part => part))
            Add([.. pass.Select(i => asked[i])]);
        return made;

        void Add(int[] pass)
        {
            using var noGrad = no_grad();
            using var scope = NewDisposeScope();
            var model = policy.Model;
            TrainingGroup[] batched = [.. pass.Select(g => bare[g] with { Samples = [.. filled[g].Select(s => bare[g].Samples[s])] })];
            var batch = PrefixBatch.Shared(
                [.. batched.Select(g => g.PromptTokens)], [.. batched.Select(g => (IReadOnlyList<int[]>)[.. g.Samples.Select(s => s.Tokens)])]);
            var tokens = GrpoTokens.Of(batched, batch, new GrpoObjective { Temperature = temperature }, model.Device);
            var rows = model.Hidden(model.Inference, batch).index_select(0, tokens.Rows);
            var chunk = Math.Max(1, CompletionGradient.LogitsAtOnce / model.Config.VocabularySize);
            var all = new List<float>((int)tokens.Count);
            for (long first = 0; first < tokens.Count; first += chunk)
            {
                using var part = NewDisposeScope();
                var count = Math.Min(chunk, tokens.Count - first);
                var logits = model.Head(model.Inference, rows.narrow(0, first, count)).to(ScalarType.Float32).div(Held(temperature));
                all.AddRange(logits.log_softmax(-1).gather(1, tokens.Ids.narrow(0, first, count).unsqueeze(1)).cpu().data<float>());
            }

            var at = 0;
            foreach (var sample in pass.SelectMany(g => filled[g].Select(s => made[g][s])))
            {
                all.CopyTo(at, sample, 0, sample.Length);
                at += sample.Length;
            }
        }
    }
}
