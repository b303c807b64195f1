using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>
/// All parameters of a model in one flat fp32 vector, so that an optimiser step is a handful of operations whatever the number of layers.
/// The named parameters are views of it, or of a copy of it in the type that is computed in. Matrices come first: only they are subject to
/// weight decay.
/// </summary>
internal sealed class ParameterVector : IDisposable
{
    /// <summary>The copy that is computed with; null where that is <see cref="Flat"/> itself.</summary>
    private readonly Tensor? _narrow;

    /// <summary>Copies the given parameters, which stay the caller's.</summary>
    /// <param name="type">What the network computes in.</param>
    public ParameterVector(ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters, ScalarType type = ScalarType.Float32)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Names = [.. config.ParameterShapes().OrderBy(p => p.Shape.Length < 2).Select(p => p.Name)];
        Flat = cat([.. Names.Select(n => parameters[n].reshape(-1).to(ScalarType.Float32))]).DetachFromDisposeScope();
        _narrow = type == ScalarType.Float32 ? null : Flat.to(type).DetachFromDisposeScope();
        MatrixLength = Names.Where(n => parameters[n].shape.Length >= 2).Sum(n => parameters[n].numel());
        var views = Split(_narrow ?? Flat, parameters);
        foreach (var view in views.Values)
            view.requires_grad_(true).DetachFromDisposeScope();
        Model = new Transformer(config, views);
    }

    /// <summary>[parameters].</summary>
    public Tensor Flat { get; }

    /// <summary>Elements at the start of <see cref="Flat"/> that belong to matrices.</summary>
    public long MatrixLength { get; }

    /// <summary>In the order of <see cref="Flat"/>.</summary>
    public string[] Names { get; }

    /// <summary>The network; <see cref="Publish"/> lets it see a change of <see cref="Flat"/>.</summary>
    public Transformer Model { get; }

    /// <summary>Views of a vector of the same length under the parameters' names.</summary>
    public IReadOnlyDictionary<string, Tensor> Split(Tensor flat) => Split(flat, Model.Parameters);

    /// <summary>A flat gradient of zeros.</summary>
    public Tensor Zero() => zeros([Flat.numel()], ScalarType.Float32, Flat.device);

    /// <summary>Adds the gradient of a scalar for all parameters to a flat one. Safe on several threads at once.</summary>
    public void AddGradient(Tensor loss, Tensor sum)
    {
        using var scope = NewDisposeScope();
        var gradients = autograd.grad([loss], [.. Names.Select(n => Model.Parameters[n])]);
        using var noGrad = no_grad();
        sum.add_(cat([.. gradients.Select(g => g.reshape(-1))]));
    }

    /// <summary>To be called after <see cref="Flat"/> was changed.</summary>
    public void Publish() => _narrow?.copy_(Flat);

    public void Dispose()
    {
        Model.Dispose();
        _narrow?.Dispose();
        Flat.Dispose();
    }

    private Dictionary<string, Tensor> Split(Tensor flat, IReadOnlyDictionary<string, Tensor> like)
    {
        var views = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        long position = 0;
        foreach (var name in Names)
        {
            var length = like[name].numel();
            views[name] = flat.narrow(0, position, length).view(like[name].shape).detach();
            position += length;
        }

        return views;
    }
}
