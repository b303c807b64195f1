using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using static TorchSharp.torch;

namespace ToolR0.Policies.Sampling;

/// <summary>A prompt and the seeds of its completions, one each; all share one encoding of the prompt.</summary>
public sealed record SampleRequest(int[] PromptTokens, long[] Seeds);

/// <summary>A token as it is drawn.</summary>
/// <param name="Request">Index of the request.</param>
/// <param name="LogProb">As in <see cref="Trajectory.LogProbs"/>.</param>
public readonly record struct SampledToken(int Request, long Seed, int Id, float LogProb);

/// <summary>
/// Batched sampling with a key/value cache. The tokens of a completion are a function of policy, prompt, options and seed; what else is in
/// the batch, and how the batch is compacted and refilled as completions end, changes them only through floating-point rounding, and depends on
/// the call alone: the same call gives the same bits.
/// </summary>
public static class Sampler
{
    /// <summary>Waiting prompts are taken in when this share of the places is free: taking in costs a copy of the caches.</summary>
    internal const double RefillAt = 0.25;

    /// <summary>Samples every request's completions. Thread-safe: several threads may sample from one policy at once.</summary>
    /// <param name="options">
    /// Temperature 0 is greedy. Otherwise token t of a completion is the inverse of the cumulative distribution softmax(logits / temperature),
    /// cut to the smallest set of most likely tokens whose mass reaches TopP, at <see cref="Randomness.Uniform"/>(seed, t).
    /// </param>
    /// <param name="stop">A completion ends when its decoded text contains one of these; they stay in the text.</param>
    /// <param name="cacheBytes">
    /// Memory for keys and values. Requests that do not fit wait until others are done, in order; which ones share a batch depends on the requests,
    /// the options and this number alone.
    /// </param>
    /// <param name="onToken">Called for every token that joins a completion, on the calling thread; each completion's come in order.</param>
    /// <param name="isHopeless">
    /// Asked after each line of a completion, with the request's index and the text so far: one that can come to nothing ends there, as if the
    /// limit on new tokens had been reached.
    /// </param>
    /// <returns>
    /// Per request, per seed. <see cref="Trajectory.LogProbs"/> are of softmax(logits / temperature) before the cut by TopP (greedy: of
    /// softmax(logits)). <see cref="Trajectory.Text"/> is all tokens but a final end-of-turn token, decoded without special tokens. A completion
    /// whose logits are not finite is void.
    /// </returns>
    /// <exception cref="ArgumentException">An empty or too long prompt, a token outside the vocabulary, or options out of range.</exception>
    public static IReadOnlyList<IReadOnlyList<Trajectory>> Sample(
        Policy policy, IReadOnlyList<SampleRequest> requests, SamplingOptions options, IReadOnlyList<string> stop, CancellationToken ct = default,
        Action<SampledToken>? onToken = null, long cacheBytes = long.MaxValue, Func<int, string, bool>? isHopeless = null) =>
        Sample(policy, requests, options, stop, ct, onToken, cacheBytes, StrideOf(policy), isHopeless);

    /// <summary>The same, but nothing ends a completion before it has <see cref="SamplingOptions.MaxNewTokens"/> tokens: for measurements.</summary>
    internal static IReadOnlyList<IReadOnlyList<Trajectory>> ToTheLimit(
        Policy policy, IReadOnlyList<SampleRequest> requests, SamplingOptions options, CancellationToken ct) =>
        Sample(policy, requests, options, [], ct, null, long.MaxValue, StrideOf(policy), stops: false);

    /// <param name="stride">Steps between two looks at what was drawn: a look makes a GPU wait for the host.</param>
    internal static IReadOnlyList<IReadOnlyList<Trajectory>> Sample(
        Policy policy, IReadOnlyList<SampleRequest> requests, SamplingOptions options, IReadOnlyList<string> stop, CancellationToken ct,
        Action<SampledToken>? onToken, long cacheBytes, int stride, Func<int, string, bool>? isHopeless = null, bool stops = true)
    {
        Check(policy.Config, requests, options);
        ArgumentOutOfRangeException.ThrowIfLessThan(cacheBytes, 1);
        var rows = requests
            .Select((r, g) => r.Seeds.Select(seed => new SampledRow(g, seed, policy, options, stop, onToken, isHopeless, stops)).ToArray())
            .ToArray();
        Run(policy, requests, options, rows, cacheBytes, stride, ct);
        return [.. rows.Select(group => (IReadOnlyList<Trajectory>)[.. group.Select(r => r.ToTrajectory())])];
    }

    internal static int StrideOf(Policy policy) => policy.Model.Device.type == TorchSharp.DeviceType.CUDA ? 8 : 1;

    private static void Run(
        Policy policy, IReadOnlyList<SampleRequest> requests, SamplingOptions options, SampledRow[][] rows, long cacheBytes, int stride,
        CancellationToken ct)
    {
        TorchRuntime.ConfigureThread();
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        foreach (var row in rows.SelectMany(r => r))
            row.Limit = Math.Min(options.MaxNewTokens, policy.Config.MaxPositions - requests[row.Group].PromptTokens.Length);
        var waiting = new Queue<DecodeGroup>(rows.Where(r => r.Length > 0).Select(r => new DecodeGroup(requests[r[0].Group].PromptTokens, r)));
        if (waiting.Count == 0)
            return;
        var places = Places(policy.Model, waiting, cacheBytes);
        using var batch = new DecodeBatch(policy.Model, new TokenChooser(options, policy.Model.Device), stride);
        do
        {
            ct.ThrowIfCancellationRequested();
            var free = places - batch.LiveGroups;
            if (waiting.Count > 0 && free >= RefillAt * places)
                batch.Admit([.. Enumerable.Range(0, Math.Min(free, waiting.Count)).Select(_ => waiting.Dequeue())]);
        }
        while (batch.Step() || waiting.Count > 0);
    }

    /// <summary>Groups that may be decoded at a time: as many as fit even if every completion takes all the tokens it may, and at least
    /// one.</summary>
    private static int Places(Transformer model, IReadOnlyCollection<DecodeGroup> groups, long cacheBytes)
    {
        var config = model.Config;
        var column = 2L * config.Layers * config.KeyValueHeads * config.HeadSize * SafeTensors.SizeOf(model.Type);
        var columns = groups.Max(g => g.Prompt.Length) + (long)groups.Max(g => g.Rows.Length) * groups.Max(g => g.Rows[0]!.Limit);
        return (int)Math.Clamp(cacheBytes / (column * columns), 1, groups.Count);
    }

    internal static void Check(ModelConfig config, IReadOnlyList<SampleRequest> requests, SamplingOptions options)
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
