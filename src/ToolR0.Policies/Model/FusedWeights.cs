using static TorchSharp.torch;

namespace ToolR0.Policies.Model;

/// <summary>
/// One layer's weights as the forward pass wants them. Query, key and value projections are one matrix, gate and up another; each has the
/// preceding RMSNorm's weight multiplied in, so that a norm costs only the scaling by 1/rms. Elements of query and key
/// heads are in the order of <see cref="RopeTable.PairsAreNeighbours"/>.
/// </summary>
/// <param name="QkvBias">[H·D + 2·KV·D], or null in families without it.</param>
/// <param name="HeadNorm">Weights of the query and key heads' own RMSNorm, [H + KV, D], or null in families without it.</param>
internal sealed record FusedLayer(Weight Qkv, Tensor? QkvBias, Tensor? HeadNorm, Weight Output, Weight GateUp, Weight Down) : IDisposable
{
    private Weight[] Weights => [Qkv, Output, GateUp, Down];

    private IEnumerable<Tensor> Tensors => new[] { QkvBias, HeadNorm }.OfType<Tensor>();

    public void DetachFromDisposeScope()
    {
        foreach (var weight in Weights)
            weight.DetachFromDisposeScope();
        foreach (var tensor in Tensors)
            tensor.DetachFromDisposeScope();
    }

    public void Dispose()
    {
        foreach (var weight in Weights)
            weight.Dispose();
        foreach (var tensor in Tensors)
            tensor.Dispose();
    }
}

/// <summary>
/// The network's weights, fused. Built inside a gradient-recording region the fusion is part of the graph, so gradients reach the
/// parameters under their Hugging Face names; built without one, it is made once per loaded policy.
/// </summary>
internal sealed class FusedWeights : IDisposable
{
    private readonly ScalarType _type;

    private FusedWeights(FusedLayer[] layers, Tensor embedding, Tensor norm, Weight head, ScalarType type)
    {
        _type = type;
        Layers = layers;
        Embedding = embedding;
        Norm = norm;
        Head = head;
    }

    public FusedLayer[] Layers { get; }

    /// <summary>[vocabulary, hidden], as stored.</summary>
    public Tensor Embedding { get; }

    /// <summary>[hidden].</summary>
    public Tensor Norm { get; }

    /// <summary>[hidden, vocabulary].</summary>
    public Weight Head { get; }

    /// <param name="packed">For inference alone: packed copies, through which no gradients reach the parameters.</param>
    /// <param name="type">What is computed in, where parameters are stored as something else; null: their own.</param>
    public static FusedWeights Build(
        ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters, bool packed = false, ScalarType? type = null)
    {
        var embedding = parameters["model.embed_tokens.weight"];
        var computed = type ?? embedding.dtype;
        // The head first: it is the largest, and nothing else is held twice yet.
        var output = config.TiedEmbeddings ? embedding : parameters["lm_head.weight"];
        var head = packed ? Weight.Pack([output]) : Weight.Of(In(computed, output), packed: false);
        var layers = new FusedLayer[config.Layers];
        for (var i = 0; i < config.Layers; i++)
            layers[i] = BuildLayer(config, parameters, i, packed, computed);
        return new FusedWeights(layers, embedding, In(computed, parameters["model.norm.weight"]), head, computed);
    }

    /// <summary>The embeddings of tokens: [rows] to [rows, hidden].</summary>
    public Tensor Embed(Tensor tokens) => In(_type, Embedding.index_select(0, tokens));

    public void DetachFromDisposeScope()
    {
        Norm.DetachFromDisposeScope();
        foreach (var layer in Layers)
            layer.DetachFromDisposeScope();
        Head.DetachFromDisposeScope();
    }

    public void Dispose()
    {
        foreach (var layer in Layers)
            layer.Dispose();
        Head.Dispose();
    }

    /// <summary>One layer's weights; the caller disposes them.</summary>
    /// <param name="layer">From 0.</param>
    /// <param name="type">What is computed in, where parameters are stored as something else; null: their own.</param>
    public static FusedLayer BuildLayer(
        ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters, int layer, bool packed = false, ScalarType? type = null)
    {
        using var scope = NewDisposeScope();
        Tensor Stored(string name) => parameters[$"model.layers.{layer}.{name}"];
        Tensor P(string name) => In(type, Stored(name));
        Weight Alone(string name) => (packed ? Weight.Pack([Stored(name)]) : Weight.Of(P(name), packed: false)).MoveToOuterDisposeScope();
        Tensor Ordered(string name) => RopeTable.Ordered(P(name), config.HeadSize);
        var bias = config.HasBias ? cat([Ordered("self_attn.q_proj.bias"), Ordered("self_attn.k_proj.bias"), P("self_attn.v_proj.bias")]) : null;
        var headNorm = config.NormalisesHeads
            ? cat([
                Ordered("self_attn.q_norm.weight").expand(config.Heads, config.HeadSize),
                Ordered("self_attn.k_norm.weight").expand(config.KeyValueHeads, config.HeadSize),
            ])
            : null;
        // What is packed is fp32, which has Hugging Face's order.
        return new FusedLayer(
            (packed
                ? Weight.Pack(
                    [Stored("self_attn.q_proj.weight"), Stored("self_attn.k_proj.weight"), Stored("self_attn.v_proj.weight")],
                    P("input_layernorm.weight"))
                : Weight.Of(cat([Ordered("self_attn.q_proj.weight"), Ordered("self_attn.k_proj.weight"), P("self_attn.v_proj.weight")])
                    .mul(P("input_layernorm.weight")), packed: false)).MoveToOuterDisposeScope(),
            bias?.MoveToOuterDisposeScope(),
            headNorm?.MoveToOuterDisposeScope(),
            Alone("self_attn.o_proj.weight"),
            (packed
                ? Weight.Pack([Stored("mlp.gate_proj.weight"), Stored("mlp.up_proj.weight")], P("post_attention_layernorm.weight"))
                : Weight.Of(cat([P("mlp.gate_proj.weight"), P("mlp.up_proj.weight")]).mul(P("post_attention_layernorm.weight")), packed: false))
                .MoveToOuterDisposeScope(),
            Alone("mlp.down_proj.weight"));
    }

    private static Tensor In(ScalarType? type, Tensor tensor) => type is { } wanted && tensor.dtype != wanted ? tensor.to(wanted) : tensor;
}
