using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Model;

/// <summary>
/// The decoder of any <see cref="ModelFamily"/> (RMSNorm, rotary embeddings, grouped-query attention, SwiGLU) over a dictionary of
/// parameters under their Hugging Face names. Reading it is thread-safe; whoever changes the parameters must be alone.
/// </summary>
public sealed class Transformer : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<RopeTable> _tables = [];
    private readonly Tensor _epsilon;
    private FusedWeights? _inference;

    /// <summary>As they were given; all of <see cref="Type"/> once somebody has asked for <see cref="Parameters"/>.</summary>
    private IReadOnlyDictionary<string, Tensor> _parameters;
    private bool _isWide;

    /// <summary>Takes ownership of the parameters, which must be exactly those of <see cref="ModelConfig.ParameterShapes"/>.</summary>
    /// <param name="type">
    /// What to compute in where the parameters are stored as something else: those are converted when they are needed, the inference weights a layer
    /// at a time. Null: their own.
    /// </param>
    internal Transformer(ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters, ScalarType? type = null)
    {
        Config = config;
        _parameters = parameters;
        var embedding = parameters["model.embed_tokens.weight"];
        Device = embedding.device;
        Type = type ?? embedding.dtype;
        _isWide = type is null || parameters.Values.All(p => p.dtype == Type);
        _epsilon = full([1], Held(config.NormEpsilon), IsNarrow ? ScalarType.Float32 : Type, Device).DetachFromDisposeScope();
    }

    public ModelConfig Config { get; }

    /// <summary>By Hugging Face name, e.g. <c>model.layers.0.self_attn.q_proj.weight</c>.</summary>
    public IReadOnlyDictionary<string, Tensor> Parameters
    {
        get
        {
            lock (_lock)
            {
                if (!_isWide)
                    Widen();
                return _parameters;
            }
        }
    }

    public Device Device { get; }

    /// <summary>Element type of the weights.</summary>
    public ScalarType Type { get; }

    /// <summary>Norms are computed in fp32 then.</summary>
    private bool IsNarrow => Type is ScalarType.BFloat16 or ScalarType.Float16;

    /// <summary>The fused weights for inference, built at the first call and kept.</summary>
    internal FusedWeights Inference
    {
        get
        {
            lock (_lock)
            {
                if (_inference is not null)
                    return _inference;
                using var noGrad = no_grad();
                using var scope = NewDisposeScope();
                _inference = FusedWeights.Build(Config, _parameters, Weight.CanBePacked(Type, Device), Type);
                _inference.DetachFromDisposeScope();
                return _inference;
            }
        }
    }

    /// <summary>Next-token logits of whole sequences: [sequences, longest, vocabulary]; positions past a sequence's end are meaningless.</summary>
    public Tensor Logits(IReadOnlyList<int[]> sequences)
    {
        TorchRuntime.ConfigureThread();
        using var scope = NewDisposeScope();
        var batch = PrefixBatch.Plain(sequences);
        var weights = FusedWeights.Build(Config, Parameters);
        var hidden = Hidden(weights, batch);
        return Head(weights, hidden).view(sequences.Count, batch.PromptWidth, Config.VocabularySize).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _inference?.Dispose();
        _inference?.Embedding.Dispose();
        _epsilon.Dispose();
        foreach (var table in _tables)
            table.Dispose();
        foreach (var parameter in _parameters.Values)
            parameter.Dispose();
    }

    private void Widen()
    {
        using var noGrad = no_grad();
        var wide = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (name, parameter) in _parameters)
        {
            wide[name] = parameter.dtype == Type ? parameter : parameter.to(Type).DetachFromDisposeScope();
            // The fused embedding is the parameter itself.
            if (parameter.dtype != Type && _inference?.Embedding.Handle != parameter.Handle)
                parameter.Dispose();
        }

        (_parameters, _isWide) = (wide, true);
    }

    /// <summary>A table that covers at least <paramref name="length"/> positions.</summary>
    internal RopeTable Rope(int length)
    {
        lock (_lock)
        {
            if (_tables.Count > 0 && _tables[^1].Length >= length)
                return _tables[^1];
            var rounded = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(length, 64));
            _tables.Add(RopeTable.Build(Config, rounded, Device, Type));
            return _tables[^1];
        }
    }

    /// <summary>Final hidden states (before the last norm) of a batch of shared prefixes and their completions: [batch.Rows, hidden].</summary>
    internal Tensor Hidden(FusedWeights weights, PrefixBatch batch)
    {
        using var scope = NewDisposeScope();
        var plan = new PrefixAttention(Config, batch, Rope(batch.Positions), Device, Type);
        var x = weights.Embed(tensor(batch.Tokens, device: Device));
        foreach (var layer in weights.Layers)
            x = Apply(layer, plan, x);

        return x.MoveToOuterDisposeScope();
    }

    /// <summary>One layer over all rows of a batch: [rows, hidden] to the same.</summary>
    internal Tensor Apply(FusedLayer layer, PrefixAttention plan, Tensor x)
    {
        using var scope = NewDisposeScope();
        var heads = Project(layer, x, plan.Cos, plan.Sin);
        return Finish(layer, x, plan.Attend(heads)).MoveToOuterDisposeScope();
    }

    /// <summary>Logits of hidden states: [rows, hidden] to [rows, vocabulary].</summary>
    internal Tensor Head(FusedWeights weights, Tensor hidden) => Head(weights.Norm, weights.Head, hidden);

    /// <param name="norm">[hidden].</param>
    /// <param name="head">[hidden, vocabulary].</param>
    internal Tensor Head(Tensor norm, Weight head, Tensor hidden)
    {
        using var scope = NewDisposeScope();
        return head.Times(Normalise(hidden).mul(norm)).MoveToOuterDisposeScope();
    }

    /// <summary>Rotated queries and keys, and values, of every row: [rows, H + 2·KV, D].</summary>
    internal Tensor Project(FusedLayer layer, Tensor x, Tensor cos, Tensor sin)
    {
        var normal = Normalise(x);
        var heads = (layer.QkvBias is { } bias ? layer.Qkv.Plus(bias, normal) : layer.Qkv.Times(normal)).view(x.shape[0], -1, Config.HeadSize);
        if (layer.HeadNorm is { } weight)
        {
            var parts = heads.split([Config.Heads + Config.KeyValueHeads, Config.KeyValueHeads], 1);
            heads = cat([Normalise(parts[0]).mul(weight), parts[1]], 1);
        }

        return heads.mul(cos).addcmul(RopeTable.Partners(heads), sin, One);
    }

    /// <summary>The residual stream after attention's output projection and the SwiGLU block: [rows, hidden].</summary>
    internal Tensor Finish(FusedLayer layer, Tensor x, Tensor attended)
    {
        var y = layer.Output.Plus(x, attended);
        var gateUp = layer.GateUp.Times(Normalise(y)).chunk(2, 1);
        return layer.Down.Plus(y, gateUp[0].silu().mul(gateUp[1]));
    }

    /// <summary>x / √(mean(x²) + ε) over the last dimension; in fp32 where the model computes in less.</summary>
    private Tensor Normalise(Tensor x)
    {
        var wide = IsNarrow ? x.to(ScalarType.Float32) : x;
        var length = wide.norm(-1, true);
        var normal = wide.mul(_epsilon.addcmul(length, length, Held(1.0 / x.shape[^1])).rsqrt());
        return IsNarrow ? normal.to(Type) : normal;
    }
}
