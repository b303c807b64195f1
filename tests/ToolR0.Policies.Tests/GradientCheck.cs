using ToolR0.Policies.Model;
using ToolR0.Policies.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace ToolR0.Policies.Tests;

/// <summary>Gradients beside differences of the loss, in double precision.</summary>
internal static class GradientCheck
{
    private const double Step = 1e-5;

    /// <summary>The same network in double precision.</summary>
    public static Transformer Doubled(Transformer model) => new(
        model.Config,
        model.Parameters.ToDictionary(p => p.Key, p => p.Value.to(ScalarType.Float64).requires_grad_(true)));

    /// <summary>A gradient to add to.</summary>
    public static Dictionary<string, Tensor> Zeros(Transformer model)
    {
        using var noGrad = no_grad();
        return model.Parameters.ToDictionary(p => p.Key, p => zeros_like(p.Value));
    }

    /// <summary>One drawn element of each parameter's gradient is (f(x + h) − f(x − h)) / 2h.</summary>
    /// <param name="loss">Under the model's weights as they are.</param>
    public static void ShouldBeFiniteDifferences(Transformer model, IReadOnlyDictionary<string, Tensor> gradients, Func<double> loss)
    {
        using var noGrad = no_grad();
        var p = 0;
        foreach (var (name, gradient) in gradients)
        {
            var parameter = model.Parameters[name].detach().view(-1);
            var at = (long)(Randomness.Uniform(p++, 0) * parameter.numel());
            var slot = parameter.narrow(0, at, 1);
            slot.add_(Numbers.Held(Step));
            var above = Recorded();
            slot.add_(Numbers.Held(-2 * Step));
            var below = Recorded();
            slot.add_(Numbers.Held(Step));
            gradient.view(-1).narrow(0, at, 1).ToDouble().ShouldBe((above - below) / (2 * Step), 1e-6, name);
        }

        double Recorded()
        {
            using var recorded = enable_grad();
            return loss();
        }
    }
}
