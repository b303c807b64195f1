using ToolR0.Policies.Model;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>
/// What is trained, in one flat fp32 vector, so that an optimiser step is a handful of operations whatever the number of layers; and the network that
/// computes with it.
/// </summary>
internal abstract class TrainedVector : IDisposable
{
    private readonly (string Name, long[] Shape)[] _parameters;

    /// <summary>Copies the given tensors, which stay the caller's.</summary>
    /// <param name="parameters">Matrices first.</param>
    protected TrainedVector((string Name, long[] Shape)[] parameters, IReadOnlyDictionary<string, Tensor> values)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        _parameters = parameters;
        Flat = cat([.. parameters.Select(p => values[p.Name].reshape(-1).to(ScalarType.Float32))]).DetachFromDisposeScope();
        MatrixLength = parameters.Where(p => p.Shape.Length >= 2).Sum(p => values[p.Name].numel());
    }

    /// <summary>[parameters].</summary>
    public Tensor Flat { get; }

    /// <summary>Elements at the start of <see cref="Flat"/> that belong to matrices.</summary>
    public long MatrixLength { get; }

    /// <summary>In the order of <see cref="Flat"/>.</summary>
    public IEnumerable<string> Names => _parameters.Select(p => p.Name);

    /// <summary>The network; <see cref="Publish"/> lets it see a change of <see cref="Flat"/>.</summary>
    public abstract Transformer Model { get; }

    /// <summary>The network's weights in full, by Hugging Face name.</summary>
    public abstract IReadOnlyDictionary<string, Tensor> Weights { get; }

    /// <summary>To be called after <see cref="Flat"/> was changed.</summary>
    public abstract void Publish();

    /// <summary>Views of a vector of the same length under the trained parameters' names.</summary>
    public IReadOnlyDictionary<string, Tensor> Split(Tensor flat)
    {
        var views = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        long position = 0;
        foreach (var (name, shape) in _parameters)
        {
            var length = shape.Aggregate(1L, (a, b) => a * b);
            views[name] = flat.narrow(0, position, length).view(shape).detach();
            position += length;
        }

        return views;
    }

    /// <summary>A flat gradient of zeros.</summary>
    public Tensor Zero() => zeros([Flat.numel()], ScalarType.Float32, Flat.device);

    public virtual void Dispose() => Flat.Dispose();
}
