using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>One completion to learn from.</summary>
/// <param name="LogProbs">The sampling policy's log-probability of each token, at the sampling temperature; empty if an outside server did not
/// tell.</param>
/// <param name="Advantage">0 contributes nothing but counts as a completion, unless it is held to a reference policy.</param>
/// <param name="Reference">The reference policy's log-probability of each token, at the sampling temperature; null where the loss has none.</param>
/// <param name="Mask">False for tokens that count in no sum; null: all count. Where none does the sample still counts as a completion.</param>
public sealed record TrainingSample(
    int[] Tokens, float[] LogProbs, double Advantage, float[]? Reference = null, IReadOnlyList<bool>? Mask = null)
{
    /// <summary>Tokens that count.</summary>
    internal int Counted => Mask?.Count(counts => counts) ?? Tokens.Length;

    internal bool Counts(int token) => Mask?[token] != false;
}

/// <summary>A prompt and its completions. Completions without tokens (void samples) are ignored.</summary>
public sealed record TrainingGroup(int[] PromptTokens, IReadOnlyList<TrainingSample> Samples);

/// <summary>
/// GRPO on one policy: weights, AdamW state, and the step that takes both forward. The result of a step depends on weights, state, groups
/// and options (the number of gradient parts and of threads inside an operation among them), never on timing.
/// </summary>
public sealed partial class GrpoLearner : IDisposable
{
    private readonly PolicyFolder _source;
    private readonly LearningOptions _options;
    private readonly TrainedVector _trained;
    private readonly AdamW _optimiser;

    private GrpoLearner(TrainedVector trained, PolicyFolder source, LearningOptions options)
    {
        _source = source;
        _options = options;
        _trained = trained;
        _optimiser = new AdamW(_trained);
    }

    /// <summary>
    /// Starts from a policy's weights with zero optimiser state. With <see cref="LearningOptions.Lora"/> an adapter is trained instead of them: the
    /// policy's own, if it has one, over the base that this names, else a new one.
    /// </summary>
    /// <param name="device"><see cref="TorchRuntime.DeviceFor"/> when null.</param>
    /// <param name="type">
    /// What forward and backward passes compute in, <see cref="TorchRuntime.TypeFor"/> when null; what is trained, its gradients and the optimiser
    /// are fp32 always.
    /// </param>
    /// <param name="seed">Of a new adapter.</param>
    public static GrpoLearner Start(string policyFolder, LearningOptions options, Device? device = null, ScalarType? type = null, long seed = 0)
    {
        TorchRuntime.EnsureLoaded();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.GradientParts, 1);
        var config = ModelConfig.Load(policyFolder);
        var source = PolicyFolder.Read(policyFolder);
        device ??= TorchRuntime.DeviceFor(config);
        var computed = type ?? TorchRuntime.TypeFor(device);
        using var scope = NewDisposeScope();
        if (options.Lora.Rank > 0)
            return new GrpoLearner(LoraVector.Open(policyFolder, config, options.Lora, seed, device, computed), source, options);
        var weights = PolicyFiles.ReadParameters(policyFolder, config, device);
        try
        {
            return new GrpoLearner(new ParameterVector(config, weights, computed), source, options);
        }
        finally
        {
            foreach (var tensor in weights.Values)
                tensor.Dispose();
        }
    }

    /// <summary>Starts from a copy of a loaded policy's weights, on its device and computing in its type.</summary>
    public static GrpoLearner Start(Policy policy, LearningOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.GradientParts, 1);
        var (config, weights, type) = (policy.Config, policy.Model.Parameters, policy.Model.Type);
        return new GrpoLearner(
            options.Lora.Rank > 0 ? LoraVector.New(config, weights, options.Lora, 0, type)
                : new ParameterVector(config, weights, type), policy.Source, options);
    }

    /// <summary>Continues from what <see cref="Save"/> wrote with its optimiser, bit for bit.</summary>
    public static GrpoLearner Resume(string folder, LearningOptions options, Device? device = null, ScalarType? type = null)
    {
        var learner = Start(folder, options, device, type);
        try
        {
            learner._optimiser.Load(Path.Combine(folder, PolicyFiles.Optimiser), withWeights: learner.KeepsWeights);
            return learner;
        }
        catch
        {
            learner.Dispose();
            throw;
        }
    }

    /// <summary>The stored policy is rounded, so the optimiser's file holds what is trained in full. An adapter is never rounded.</summary>
    private bool KeepsWeights => _source.Rounds && Adapter is null;

    private LoraVector? Adapter => _trained as LoraVector;

    /// <summary>The network being trained.</summary>
    internal Transformer Model => _trained.Model;

    /// <summary>Updates made, those before a resumption included.</summary>
    public long Steps => _optimiser.Steps;

    /// <summary>
    /// One update on one batch of groups, by <see cref="LearningOptions.Loss"/>. All completions with tokens count in its sums, those of groups
    /// without advantage included.
    /// </summary>
    /// <param name="temperature">The sampling temperature, above 0: ratios are taken at it.</param>
    /// <param name="importanceCap">Above 0: an outside server sampled the completions, and its difference from the learner is corrected
    /// (<see cref="GrpoObjective.ImportanceCap"/>).</param>
    /// <param name="maxNewTokens">The limit on new tokens, which <see cref="LearningLoss.DrGrpo"/> divides by.</param>
    /// <returns>
    /// loss, gradientNorm (before clipping), learningRate, tokens (completion tokens trained on), ratioMean, clippedShare (share of
    /// tokens whose clipped term is the smaller), entropy (mean, in nats, at <paramref name="temperature"/>), zeroVarianceShare (of
    /// groups), skipped (1: no update, because nothing had an advantage or the gradient was not finite), nonFinite (1: the latter); klMean where
    /// there is a reference policy, and maskedShare (completions of which no token counts) where those that were cut off are left out.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// A sample whose log-probabilities do not match its tokens, or that is longer than the model allows.
    /// </exception>
    public IReadOnlyDictionary<string, double> Step(IReadOnlyList<TrainingGroup> groups, double learningRate, double temperature = 1,
        double importanceCap = 0, int maxNewTokens = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        ArgumentOutOfRangeException.ThrowIfNegative(importanceCap);
        if (_options.Loss == LearningLoss.DrGrpo)
            ArgumentOutOfRangeException.ThrowIfLessThan(maxNewTokens, 1);
        GrpoLoss.Check(groups, _trained.Model.Config, mayBeUnknown: importanceCap > 0, wantsReference: _options.KlWeight > 0);
        var objective = GrpoObjective.Of(_options, groups, temperature, importanceCap, maxNewTokens);
        var live = GrpoLoss.Only(groups, objective.Moves);
        var metrics = new Dictionary<string, double>
        {
            [MetricNames.Loss] = 0,
            [MetricNames.GradientNorm] = 0,
            [MetricNames.LearningRate] = learningRate,
            [MetricNames.TokensLearned] = 0,
            [MetricNames.RatioMean] = 1,
            [MetricNames.ClippedShare] = 0,
            [MetricNames.Entropy] = 0,
            [MetricNames.ZeroVarianceShare] = groups.Count == 0 ? 0 : 1 - (double)GrpoLoss.WithAdvantage(groups).Count / groups.Count,
            [MetricNames.Skipped] = 1,
            [MetricNames.NonFinite] = 0,
        };
        if (_options.KlWeight > 0)
            metrics[MetricNames.KlMean] = 0;
        if (_options.MaskOverlong)
        {
            metrics[MetricNames.MaskedShare] =
                groups.Sum(g => g.Samples.Count(s => s.Tokens.Length > 0 && s.Counted == 0)) / (double)Math.Max(1, objective.Completions);
        }

        if (live.Count == 0)
            return metrics;

        var parts = GradientParts.Assign([.. live.Select(GrpoLoss.Cost)], _options.GradientParts, _options.MicroBatchTokens);
        var part = new GrpoGradient(_trained.Model, objective, _options.Recompute, adapter: Adapter);
        var (gradient, sums) = GradientParts.Run(
            parts, _trained.Model.Device, _trained.Zero, (pass, sum) => part.Add([.. pass.Select(i => live[i])], _trained.Split(sum)));
        using var owned = gradient;
        var norm = _optimiser.Update(gradient, learningRate, _options);
        var tokens = live.Sum(g => g.Samples.Sum(s => s.Counted));
        metrics[MetricNames.Loss] = sums[0];
        metrics[MetricNames.GradientNorm] = norm;
        metrics[MetricNames.TokensLearned] = tokens;
        metrics[MetricNames.RatioMean] = sums[1] / tokens;
        metrics[MetricNames.ClippedShare] = sums[2] / tokens;
        metrics[MetricNames.Entropy] = sums[3] / tokens;
        if (_options.KlWeight > 0)
            metrics[MetricNames.KlMean] = sums[4] / tokens;
        metrics[MetricNames.Skipped] = metrics[MetricNames.NonFinite] = double.IsFinite(norm) ? 0 : 1;
        // What is not a number cannot be stored; nonFinite says that it was so.
        foreach (var key in metrics.Keys.Where(k => !double.IsFinite(metrics[k])).ToArray())
            metrics[key] = 0;
        return metrics;
    }

    /// <summary>
    /// Writes a Hugging Face folder with the files, types and shards of the one learning started from, and optimizer.safetensors if asked
    /// (where the weights are stored with less than fp32, it holds them in full); returns the SHA-256 of the weights as stored. With an adapter, the
    /// weights are those it is merged into, and <c>adapter/</c> has it in PEFT's layout.
    /// </summary>
    public string Save(string folder, bool withOptimiser)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        _source.Write(folder, _trained.Weights);
        Adapter?.SaveAdapter(folder);
        if (withOptimiser)
            _optimiser.Save(Path.Combine(folder, PolicyFiles.Optimiser), withWeights: KeepsWeights);
        return PolicyFiles.HashOf(folder);
    }

    public void Dispose()
    {
        _optimiser.Dispose();
        _trained.Dispose();
    }
}
