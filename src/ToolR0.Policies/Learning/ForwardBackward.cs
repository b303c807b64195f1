using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>
/// One forward pass through the layers and its way back. Either everything the way back needs is kept, or only each layer's input, from which
/// the rest is computed again; the gradients are equal to rounding.
/// </summary>
internal sealed class ForwardBackward : IDisposable
{
    private readonly Transformer _model;
    private readonly PrefixBatch _batch;
    private readonly LoraVector? _adapter;
    private readonly Tensor? _recorded;
    private readonly PrefixAttention? _plan;

    /// <summary>Inputs of the layers, where they are all that is kept.</summary>
    private readonly Tensor[] _inputs = [];

    /// <param name="adapter">Trained instead of the model's own parameters, if there is one.</param>
    public ForwardBackward(Transformer model, PrefixBatch batch, bool recompute, LoraVector? adapter = null)
    {
        _model = model;
        _batch = batch;
        _adapter = adapter;
        using var scope = NewDisposeScope();
        if (!recompute)
        {
            _recorded = model.Hidden(FusedWeights.Build(model.Config, model.Parameters), batch).DetachFromDisposeScope();
            Hidden = _recorded.detach().DetachFromDisposeScope();
            return;
        }

        using var noGrad = no_grad();
        _plan = new PrefixAttention(model.Config, batch, model.Rope(batch.Positions), model.Device, model.Type);
        _plan.DetachFromDisposeScope();
        _inputs = new Tensor[model.Config.Layers];
        var x = Embedding.index_select(0, tensor(batch.Tokens, device: model.Device));
        for (var i = 0; i < _inputs.Length; i++)
        {
            _inputs[i] = x.DetachFromDisposeScope();
            using var layer = FusedWeights.BuildLayer(model.Config, model.Parameters, i);
            x = model.Apply(layer, _plan, x);
        }

        Hidden = x.DetachFromDisposeScope();
    }

    /// <summary>The last layer's output, [rows, hidden], without a graph.</summary>
    public Tensor Hidden { get; }

    private Tensor Embedding => _model.Parameters["model.embed_tokens.weight"];

    /// <summary>Adds the gradients of the layers' parameters to what is there, given that of <see cref="Hidden"/>. Once only.</summary>
    /// <param name="into">By the trained parameters' names.</param>
    /// <param name="embedding">The embedding table's gradient is added to this; null where it is not trained.</param>
    public void Backward(Tensor gradient, IReadOnlyDictionary<string, Tensor> into, Tensor? embedding)
    {
        using var scope = NewDisposeScope();
        if (_recorded is not null)
        {
            var names = Trained("model.layers.");
            Tensor[] parameters = [.. names.Select(name => _model.Parameters[name])];
            var gradients = autograd.grad([_recorded], embedding is null ? parameters : [.. parameters, Embedding], [gradient]);
            Add(names, gradients, into);
            using var unrecorded = no_grad();
            embedding?.add_(gradients[^1], One);
            return;
        }

        for (var i = _inputs.Length - 1; i >= 0; i--)
            gradient = LayerBackward(i, gradient, into);
        using var noGrad = no_grad();
        embedding?.index_add_(0, tensor(_batch.Tokens, device: _model.Device), gradient.to(embedding.dtype), One);
    }

    public void Dispose()
    {
        Hidden.Dispose();
        _recorded?.Dispose();
        _plan?.Dispose();
        foreach (var input in _inputs)
            input.Dispose();
    }

    /// <summary>Computes a layer again, now with a graph; the gradient of its input.</summary>
    private Tensor LayerBackward(int index, Tensor gradient, IReadOnlyDictionary<string, Tensor> into)
    {
        using var scope = NewDisposeScope();
        var prefix = $"model.layers.{index}.";
        var names = Trained(prefix);
        var input = _inputs[index].detach().requires_grad_(true);
        using var recorded = enable_grad();
        var output = _model.Apply(FusedWeights.BuildLayer(_model.Config, _model.Parameters, index), _plan!, input);
        var gradients = autograd.grad([output], [.. names.Select(name => _model.Parameters[name]), input], [gradient]);
        Add(names, gradients, into);
        _inputs[index].Dispose();
        return gradients[^1].MoveToOuterDisposeScope();
    }

    /// <summary>The parameters whose gradients are wanted.</summary>
    private string[] Trained(string prefix) =>
        [.. _model.Parameters.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && (_adapter is null || _adapter.Changes(name)))];

    private void Add(string[] names, IList<Tensor> gradients, IReadOnlyDictionary<string, Tensor> into)
    {
        using var noGrad = no_grad();
        for (var i = 0; i < names.Length; i++)
        {
            if (_adapter is null)
                into[names[i]].add_(gradients[i], One);
            else
                _adapter.AddGradient(names[i], gradients[i], into);
        }
    }
}
