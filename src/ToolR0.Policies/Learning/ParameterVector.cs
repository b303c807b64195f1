using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>
/// All parameters of a model are trained. The network's are views of the flat vector, or of a copy of it in the type that is computed in. Matrices
/// come first: only they are subject to weight decay.
/// </summary>
internal sealed class ParameterVector : TrainedVector
{
    /// <summary>The copy that is computed with; null where that is the flat vector itself.</summary>
    private readonly Tensor? _narrow;

    /// <summary>Copies the given parameters, which stay the caller's.</summary>
    /// <param name="type">What the network computes in.</param>
    public ParameterVector(ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters, ScalarType type = ScalarType.Float32)
        : base([.. config.ParameterShapes().OrderBy(p => p.Shape.Length < 2)], parameters)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        _narrow = type == ScalarType.Float32 ? null : Flat.to(type).DetachFromDisposeScope();
        var views = Split(_narrow ?? Flat);
        foreach (var view in views.Values)
            view.requires_grad_(true).DetachFromDisposeScope();
        Model = new Transformer(config, views);
    }

    public override Transformer Model { get; }

    public override IReadOnlyDictionary<string, Tensor> Weights => Split(Flat);

    /// <summary>Adds the gradient of a scalar for all parameters to a flat one. Safe on several threads at once.</summary>
    public void AddGradient(Tensor loss, Tensor sum)
    {
        using var scope = NewDisposeScope();
        var gradients = autograd.grad([loss], [.. Names.Select(n => Model.Parameters[n])]);
        using var noGrad = no_grad();
        sum.add_(cat([.. gradients.Select(g => g.reshape(-1))]), One);
    }

    public override void Publish() => _narrow?.copy_(Flat);

    public override void Dispose()
    {
        Model.Dispose();
        _narrow?.Dispose();
        base.Dispose();
    }
}
