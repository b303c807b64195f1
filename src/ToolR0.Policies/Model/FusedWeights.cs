using static TorchSharp.torch;

namespace ToolR0.Policies.Model;

/// <summary>
/// One layer's weights as the forward pass wants them. Query, key and value projections are one matrix, gate and up another; each has the
/// preceding RMSNorm's weight multiplied in, so that a norm costs only the scaling by 1/rms. Matrices are views [in, out]. Elements of query and key
/// heads are in the order of <see cref="RopeTable.PairsAreNeighbours"/>.
/// </summary>
/// <param name="QkvBias">[H·D + 2·KV·D], or null in families without it.</param>
/// <param name="HeadNorm">Weights of the query and key heads' own RMSNorm, [H + KV, D], or null in families without it.</param>
internal sealed record FusedLayer(Tensor Qkv, Tensor? QkvBias, Tensor? HeadNorm, Tensor Output, Tensor GateUp, Tensor Down) : IDisposable
{
    public IEnumerable<Tensor> Tensors => new[] { Qkv, QkvBias, HeadNorm, Output, GateUp, Down }.OfType<Tensor>();

    public void Dispose()
    {
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
    private FusedWeights(FusedLayer[] layers, Tensor embedding, Tensor norm, Tensor head)
    {
        Layers = layers;
        Embedding = embedding;
        Norm = norm;
        Head = head;
    }

    public FusedLayer[] Layers { get; }

    /// <summary>[vocabulary, hidden].</summary>
    public Tensor Embedding { get; }

    /// <summary>[hidden].</summary>
    public Tensor Norm { get; }

    /// <summary>[hidden, vocabulary].</summary>
    public Tensor Head { get; }

    public static FusedWeights Build(ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters)
    {
        var layers = new FusedLayer[config.Layers];
        for (var i = 0; i < config.Layers; i++)
            layers[i] = BuildLayer(config, parameters, i);
        var embedding = parameters["model.embed_tokens.weight"];
        var head = config.TiedEmbeddings ? embedding : parameters["lm_head.weight"];
        return new FusedWeights(layers, embedding, parameters["model.norm.weight"], head.t());
    }

    public void Dispose()
    {
        foreach (var layer in Layers)
            layer.Dispose();
        Head.Dispose();
    }

    /// <summary>One layer's weights; the caller disposes them.</summary>
    /// <param name="layer">From 0.</param>
    public static FusedLayer BuildLayer(ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters, int layer)
    {
        using var scope = NewDisposeScope();
        Tensor P(string name) => parameters[$"model.layers.{layer}.{name}"];
        Tensor Ordered(string name) => RopeTable.Ordered(P(name), config.HeadSize);
        var qkv = cat([Ordered("self_attn.q_proj.weight"), Ordered("self_attn.k_proj.weight"), P("self_attn.v_proj.weight")]);
        var bias = config.HasBias ? cat([Ordered("self_attn.q_proj.bias"), Ordered("self_attn.k_proj.bias"), P("self_attn.v_proj.bias")]) : null;
        var headNorm = config.NormalisesHeads
            ? cat([
                Ordered("self_attn.q_norm.weight").expand(config.Heads, config.HeadSize),
                Ordered("self_attn.k_norm.weight").expand(config.KeyValueHeads, config.HeadSize),
            ])
            : null;
        var gateUp = cat([P("mlp.gate_proj.weight"), P("mlp.up_proj.weight")]);
        return new FusedLayer(
            qkv.mul(P("input_layernorm.weight")).t().MoveToOuterDisposeScope(),
            bias?.MoveToOuterDisposeScope(),
            headNorm?.MoveToOuterDisposeScope(),
            P("self_attn.o_proj.weight").t().MoveToOuterDisposeScope(),
            gateUp.mul(P("post_attention_layernorm.weight")).t().MoveToOuterDisposeScope(),
            P("mlp.down_proj.weight").t().MoveToOuterDisposeScope());
    }
}
