using ToolR0.Contracts;
using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>A prompt and the seeds of its completions, one each; all share one encoding of the prompt.</summary>
public sealed record SampleRequest(int[] PromptTokens, long[] Seeds);

/// <summary>A token as it is drawn.</summary>
/// <param name="Request">Index of the request.</param>
/// <param name="LogProb">As in <see cref="Trajectory.LogProbs"/>.</param>
public readonly record struct SampledToken(int Request, long Seed, int Id, float LogProb);

/// <summary>
/// Batched sampling with a key/value cache. The tokens of a completion are a function of policy, prompt, options and seed; what else is in
/// the batch, and how the batch is compacted as completions end, changes them only through floating-point rounding.
/// </summary>
public static class Sampler
{
    /// <summary>Samples every request's completions. Thread-safe: several threads may sample from one policy at once.</summary>
    /// <param name="options">
    /// Temperature 0 is greedy. Otherwise token t of a completion is the inverse of the cumulative distribution softmax(logits / temperature),
    /// cut to the smallest set of most likely tokens whose mass reaches TopP, at <see cref="Randomness.Uniform"/>(seed, t).
    /// </param>
    /// <param name="stop">A completion ends when its decoded text contains one of these; they stay in the text.</param>
    /// <param name="onToken">Called for every token that joins a completion, on the calling thread; each completion's come in order.</param>
    /// <returns>
    /// Per request, per seed. <see cref="Trajectory.LogProbs"/> are of softmax(logits / temperature) before the cut by TopP (greedy: of
    /// softmax(logits)). <see cref="Trajectory.Text"/> is all tokens but a final end-of-turn token, decoded without special tokens. A completion
    /// whose logits are not finite is void.
    /// </returns>
    /// <exception cref="ArgumentException">An empty or too long prompt, a token outside the vocabulary, or options out of range.</exception>
    public static IReadOnlyList<IReadOnlyList<Trajectory>> Sample(
        Policy policy, IReadOnlyList<SampleRequest> requests, SamplingOptions options, IReadOnlyList<string> stop, CancellationToken ct = default,
        Action<SampledToken>? onToken = null)
    {
        Check(policy.Config, requests, options);
        var rows = requests.Select((r, g) => r.Seeds.Select(seed => new SampledRow(g, seed, policy, options, stop, onToken)).ToArray()).ToArray();
        var withSeeds = requests.Select((_, g) => g).Where(g => rows[g].Length > 0).ToArray();
        if (withSeeds.Length > 0)
            Run(policy, requests, options, rows, withSeeds, ct);
        return [.. rows.Select(group => (IReadOnlyList<Trajectory>)[.. group.Select(r => r.ToTrajectory())])];
    }

    private static void Run(
        Policy policy, IReadOnlyList<SampleRequest> requests, SamplingOptions options, SampledRow[][] rows, int[] groups, CancellationToken ct)
    {
        using var noGrad = no_grad();
        using var outer = NewDisposeScope();
        foreach (var row in rows.SelectMany(r => r))
            row.Limit = Math.Min(options.MaxNewTokens, policy.Config.MaxPositions - requests[row.Group].PromptTokens.Length);
        var chooser = new TokenChooser(options);
        using var batch = DecodeBatch.Prefill(
            policy.Model, [.. groups.Select(g => requests[g].PromptTokens)], [.. groups.Select(g => rows[g])], out var logits);
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var (tokens, logProbs) = chooser.Choose(logits, batch.Slots);
            logits.Dispose();
            for (var slot = 0; slot < tokens.Length; slot++)
            {
                if (batch.Slots[slot] is { Done: false } row)
                    row.Add((int)tokens[slot], logProbs[slot]);
            }

            if (!batch.Compact())
                return;
            logits = batch.Step().MoveToOuterDisposeScope();
        }
    }

    private static void Check(ModelConfig config, IReadOnlyList<SampleRequest> requests, SamplingOptions options)
    {
        if (!(options.Temperature >= 0) || !double.IsFinite(options.Temperature))
            throw new ArgumentException($"Temperature = {options.Temperature}: must be 0 or more");
        if (!(options.TopP > 0 && options.TopP <= 1))
            throw new ArgumentException($"TopP = {options.TopP}: must be above 0 and at most 1");
        if (options.MaxNewTokens < 1)
            throw new ArgumentException($"MaxNewTokens = {options.MaxNewTokens}: must be at least 1");
        for (var i = 0; i < requests.Count; i++)
        {
            var prompt = requests[i].PromptTokens;
            if (prompt.Length == 0 || prompt.Length >= config.MaxPositions)
            {
                throw new ArgumentException(
                    $"prompt {i} has {prompt.Length} tokens: must be 1 to {config.MaxPositions - 1} (max_position_embeddings - 1)");
            }

            foreach (var token in prompt)
            {
                if ((uint)token >= (uint)config.VocabularySize)
                    throw new ArgumentException($"prompt {i}: token {token} is outside the vocabulary of {config.VocabularySize}");
            }
        }
    }
}
