using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>A sequence to fit.</summary>
/// <param name="Weights">
/// How much predicting each token counts, as long as <paramref name="Tokens"/>; the first is never predicted. Null: 1 everywhere.
/// </param>
public sealed record WeightedSequence(int[] Tokens, float[]? Weights = null);

public enum Decay
{
    Cosine,
    Linear,
}

/// <summary>Schedule and optimiser of <see cref="CrossEntropyTrainer"/>.</summary>
public sealed record CrossEntropyOptions
{
    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = 3e-3;

    /// <summary>Batches in all; the schedule ends there.</summary>
    public int Steps { get; init; } = 1000;

    /// <summary>Batches over which the learning rate rises linearly from 0.</summary>
    public int WarmupSteps { get; init; } = 50;
    public Decay Decay { get; init; } = Decay.Cosine;

    /// <summary>The last learning rate as a share of the peak.</summary>
    public double FinalShare { get; init; } = 0.05;

    /// <summary>AdamW, clipping, and the number of gradient parts.</summary>
    public LearningOptions Optimiser { get; init; } = new() { Beta2 = 0.98, WeightDecay = 0.01, GradientParts = 2 };

    /// <summary>The learning rate of a batch, counted from 0.</summary>
    public double LearningRateAt(long step)
    {
        if (step < WarmupSteps)
            return LearningRate * (step + 1) / WarmupSteps;
        var progress = Math.Clamp((step - WarmupSteps) / (double)Math.Max(1, Steps - WarmupSteps), 0, 1);
        var share = Decay == Decay.Cosine ? 0.5 * (1 + Math.Cos(Math.PI * progress)) : 1 - progress;
        return LearningRate * (FinalShare + (1 - FinalShare) * share);
    }
}

/// <summary>Progress of pretraining.</summary>
/// <param name="Loss">Weighted mean cross-entropy of the batch, in nats.</param>
/// <param name="Tokens">Tokens read since the start, padding not counted.</param>
public sealed record TrainingProgress(long Step, double Loss, double GradientNorm, double LearningRate, long Tokens);

/// <summary>
/// Fits a policy to weighted token sequences by next-token cross-entropy with AdamW. Deterministic as <see cref="GrpoLearner"/> is.
/// </summary>
public sealed class CrossEntropyTrainer : IDisposable
{
    private readonly CrossEntropyOptions _options;
    private readonly ParameterVector _parameters;
    private readonly AdamW _optimiser;
    private readonly Policy? _policy;
    private long _step;
    private long _tokens;

    /// <summary>Copies the policy's weights; <see cref="Save"/> writes the fitted ones with the policy's other files.</summary>
    public CrossEntropyTrainer(Policy policy, CrossEntropyOptions options)
        : this(policy.Model, options) => _policy = policy;

    internal CrossEntropyTrainer(Transformer model, CrossEntropyOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Optimiser.GradientParts, 1);
        _options = options;
        _parameters = new ParameterVector(model.Config, model.Parameters);
        _optimiser = new AdamW(_parameters);
    }

    /// <summary>The network being trained.</summary>
    internal Transformer Model => _parameters.Model;

    /// <summary>Runs through the batches, at most <see cref="CrossEntropyOptions.Steps"/>, and reports after each.</summary>
    public void Run(IEnumerable<IReadOnlyList<WeightedSequence>> batches, Action<TrainingProgress>? progress = null, CancellationToken ct = default)
    {
        foreach (var batch in batches)
        {
            if (_step >= _options.Steps)
                break;
            ct.ThrowIfCancellationRequested();
            var made = Step(batch);
            progress?.Invoke(made);
        }
    }

    /// <summary>One update. The loss is Σ weight · −log p(token) / Σ weight over the batch.</summary>
    /// <exception cref="ArgumentException">
    /// A sequence longer than the model allows, with a foreign token, or whose weights do not match its tokens.
    /// </exception>
    public TrainingProgress Step(IReadOnlyList<WeightedSequence> batch)
    {
        Check(batch);
        var live = batch.Where(s => WeightOf(s) > 0).ToArray();
        var rate = _options.LearningRateAt(_step);
        _step++;
        _tokens += batch.Sum(s => (long)s.Tokens.Length);
        if (live.Length == 0)
            return new TrainingProgress(_step, 0, 0, rate, _tokens);
        var total = live.Sum(WeightOf);
        var parts = GradientParts.Assign([.. live.Select(s => (long)s.Tokens.Length)], _options.Optimiser.GradientParts,
            _options.Optimiser.MicroBatchTokens);
        var (gradient, sums) = GradientParts.Run(parts, _parameters.Model.Device, _parameters.Zero, (pass, sum) =>
        {
            var loss = Loss(_parameters.Model, [.. pass.Select(i => live[i])], total);
            _parameters.AddGradient(loss, sum);
            return [loss.to(ScalarType.Float64).cpu().item<double>()];
        });
        using var owned = gradient;
        var norm = _optimiser.Update(gradient, rate, _options.Optimiser);
        return new TrainingProgress(_step, sums[0], norm, rate, _tokens);
    }

    /// <summary>Weighted mean cross-entropy of sequences under the weights as they are, in nats; nothing is learned.</summary>
    public double Evaluate(IReadOnlyList<WeightedSequence> batch)
    {
        Check(batch);
        TorchRuntime.ConfigureThread();
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return Loss(_parameters.Model, batch, batch.Sum(WeightOf)).to(ScalarType.Float64).cpu().item<double>();
    }

    /// <summary>Writes a Hugging Face folder with the fitted weights; returns the SHA-256 of model.safetensors.</summary>
    public string Save(string folder)
    {
        var policy = _policy ?? throw new InvalidOperationException("there is no policy whose other files could be written");
        policy.SaveWith(_parameters.Model.Parameters, folder);
        return Policy.HashOf(folder);
    }

    public void Dispose()
    {
        _optimiser.Dispose();
        _parameters.Dispose();
    }

    /// <summary>Σ weight · −log p / <paramref name="totalWeight"/>, a scalar that can be differentiated.</summary>
    internal static Tensor Loss(Transformer model, IReadOnlyList<WeightedSequence> sequences, double totalWeight)
    {
        using var scope = NewDisposeScope();
        var inputs = PrefixBatch.Plain([.. sequences.Select(s => s.Tokens[..^1])]);
        var (rows, ids, weights) = (new List<long>(), new List<long>(), new List<float>());
        for (var s = 0; s < sequences.Count; s++)
        {
            for (var t = 1; t < sequences[s].Tokens.Length; t++)
            {
                var weight = sequences[s].Weights?[t] ?? 1;
                if (weight == 0)
                    continue;
                rows.Add((long)s * inputs.PromptWidth + t - 1);
                ids.Add(sequences[s].Tokens[t]);
                weights.Add((float)(weight / totalWeight));
            }
        }

        var fused = FusedWeights.Build(model.Config, model.Parameters);
        var hidden = model.Hidden(fused, inputs).index_select(0, tensor(rows.ToArray(), device: model.Device));
        var target = tensor(ids.ToArray(), [ids.Count, 1], device: model.Device);
        return model.Head(fused, hidden).log_softmax(-1).gather(1, target).squeeze(1)
            .mul(tensor(weights.ToArray(), device: model.Device)).sum().neg().MoveToOuterDisposeScope();
    }

    private static double WeightOf(WeightedSequence sequence) =>
        sequence.Weights is { } weights ? weights.Skip(1).Sum(w => (double)w) : sequence.Tokens.Length - 1;

    private void Check(IReadOnlyList<WeightedSequence> batch)
    {
        var config = _parameters.Model.Config;
        for (var i = 0; i < batch.Count; i++)
        {
            var (tokens, weights) = batch[i];
            if (tokens.Length < 2 || tokens.Length > config.MaxPositions)
                throw new ArgumentException($"sequence {i} has {tokens.Length} tokens: must be 2 to {config.MaxPositions}");
            if (weights is not null && (weights.Length != tokens.Length || weights.Any(w => !(w >= 0) || !float.IsFinite(w))))
                throw new ArgumentException($"sequence {i}: weights must be finite, not negative, and as many as tokens");
            if (Array.FindIndex(tokens, t => (uint)t >= (uint)config.VocabularySize) is var at and >= 0)
                throw new ArgumentException($"sequence {i}: token {tokens[at]} is outside the vocabulary of {config.VocabularySize}");
        }
    }
}
