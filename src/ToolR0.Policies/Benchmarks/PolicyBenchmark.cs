using ToolR0.Contracts.Options;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;

namespace ToolR0.Policies.Benchmarks;

/// <summary>One shape of work: <paramref name="Batch"/> completions in groups that share a prompt.</summary>
/// <param name="Prompt">Tokens of each prompt.</param>
/// <param name="New">Tokens of each completion.</param>
public sealed record BenchmarkWork(int Batch, int Group, int Prompt, int New)
{
    public int Groups => Batch / Group;
}

/// <summary>Rollouts as measured, beside what the machine's limits allow.</summary>
/// <param name="TokensPerSecond">Completion tokens, by the median run, prefill included.</param>
/// <param name="WeightBytesPerStep">Read once for every token of the whole batch.</param>
/// <param name="CacheBytesPerToken">Keys and values that one completion's token reads at mid-length; a shared prompt counts once a group.</param>
/// <param name="FlopsPerToken">Of a completion token at mid-length.</param>
/// <param name="MemoryRoofline">Tokens/s if only weights and caches were moved, at the measured bandwidth.</param>
/// <param name="ComputeRoofline">Tokens/s if only products were computed, prompts included, at the measured rate of large ones.</param>
/// <param name="GemmAtBatch">FLOP/s of a product with as many rows as the batch: what a decoding step can reach.</param>
/// <param name="OfRoofline">TokensPerSecond over the lower of the two rooflines.</param>
public sealed record RolloutResult(
    BenchmarkWork Work, double Seconds, double TokensPerSecond, double WeightBytesPerStep, double CacheBytesPerToken, double FlopsPerToken,
    double MemoryRoofline, double ComputeRoofline, double GemmAtBatch, double OfRoofline);

/// <summary>One GRPO update as measured.</summary>
/// <param name="TokensPerSecond">Completion tokens trained on.</param>
/// <param name="Rows">Positions the network computes: each prompt once and its completions.</param>
/// <param name="Flops">Forward and backward of those rows; recomputation is not counted.</param>
/// <param name="Utilisation">Flops per second over the measured rate of large products (MFU).</param>
public sealed record StepResult(BenchmarkWork Work, double Seconds, double TokensPerSecond, long Rows, double Flops, double Utilisation);

/// <summary>Measures sampling and learning on prompts of random tokens. Only the limit ends a completion, whatever the model thinks.</summary>
public sealed class PolicyBenchmark(Policy policy, MachineLimits limits, int repeats)
{
    private readonly ModelConfig _config = policy.Config;

    private double ElementSize => SafeTensors.SizeOf(policy.Model.Type);

    /// <summary>Parameters that take part in matrix products: all but the embedding table where that is not the output projection too.</summary>
    private double MatrixParameters =>
        _config.ParameterCount - (_config.TiedEmbeddings ? 0 : (double)_config.VocabularySize * _config.HiddenSize);

    private double HeadParameters => (double)_config.VocabularySize * _config.HiddenSize;

    public RolloutResult Rollouts(BenchmarkWork work, CancellationToken ct = default)
    {
        var requests = Enumerable.Range(0, work.Groups)
            .Select(g => new SampleRequest(Ids(work.Prompt, g), [.. Enumerable.Range(0, work.Group).Select(s => (long)g * work.Group + s)]))
            .ToArray();
        var tokens = 0;
        var seconds = Median(() =>
            tokens = Sampler.ToTheLimit(policy, requests, new SamplingOptions { MaxNewTokens = work.New }, ct).Sum(g => g.Sum(s => s.Tokens.Length)));

        double perPosition = 2.0 * _config.Layers * _config.KeyValueHeads * _config.HeadSize * ElementSize;
        var weights = MatrixParameters * ElementSize;
        var cache = perPosition * (work.Prompt / (double)work.Group + work.New / 2.0);
        var flops = 2 * MatrixParameters + AttentionFlops(work.Prompt + work.New / 2.0);
        var prefill = work.Groups * work.Prompt * (2 * (MatrixParameters - HeadParameters) + AttentionFlops(work.Prompt / 2.0));
        var total = (double)work.Batch * work.New;
        var memory = total * limits.BytesPerSecond / (work.New * weights + total * cache);
        var compute = total * limits.FlopsPerSecond / (prefill + total * flops);
        var rate = tokens / seconds;
        var gemm = MachineLimits.GemmRate(policy.Model.Device, policy.Model.Type, work.Batch, _config.HiddenSize, _config.IntermediateSize);
        return new RolloutResult(work, seconds, rate, weights, cache, flops, memory, compute, gemm, rate / Math.Min(memory, compute));
    }

    /// <param name="learner">Of the same policy.</param>
    public StepResult Step(BenchmarkWork work, GrpoLearner learner)
    {
        var groups = Enumerable.Range(0, work.Groups).Select(g => new TrainingGroup(
            Ids(work.Prompt, g),
            [.. Enumerable.Range(0, work.Group).Select(s => new TrainingSample(
                Ids(work.New, work.Groups + g * work.Group + s),
                [.. Enumerable.Repeat((float)-Math.Log(_config.VocabularySize), work.New)],
                s % 2 == 0 ? 1 : -1))])).ToArray();
        var seconds = Median(() => learner.Step(groups, 1e-6));
        long rows = (long)work.Groups * work.Prompt + (long)work.Batch * work.New;
        var body = 2 * (MatrixParameters - HeadParameters);
        var flops = 3 * (work.Groups * work.Prompt * (body + AttentionFlops(work.Prompt / 2.0))
            + (double)work.Batch * work.New * (body + 2 * HeadParameters + AttentionFlops(work.Prompt + work.New / 2.0)));
        return new StepResult(work, seconds, work.Batch * work.New / seconds, rows, flops, flops / seconds / limits.FlopsPerSecond);
    }

    /// <summary>Scores and mixing of one query position that sees <paramref name="context"/> positions, all layers.</summary>
    private double AttentionFlops(double context) => 4.0 * _config.Layers * _config.Heads * _config.HeadSize * context;

    private int[] Ids(int count, long seed) =>
        [.. Enumerable.Range(0, count).Select(i => (int)(Randomness.Uniform(seed, i) * _config.VocabularySize))];

    /// <summary>After one run that is not counted.</summary>
    private double Median(Action work)
    {
        work();
        var times = Enumerable.Range(0, repeats).Select(_ => MachineLimits.Seconds(policy.Model.Device, work)).Order().ToArray();
        return times.Length % 2 == 1 ? times[times.Length / 2] : (times[times.Length / 2 - 1] + times[times.Length / 2]) / 2;
    }
}
