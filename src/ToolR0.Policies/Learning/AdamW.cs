using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Learning;

/// <summary>AdamW (Loshchilov and Hutter 2019) with bias correction and decoupled weight decay on matrices, over one flat vector.</summary>
internal sealed class AdamW : IDisposable
{
    private readonly TrainedVector _parameters;

    public AdamW(TrainedVector parameters)
    {
        using var noGrad = no_grad();
        _parameters = parameters;
        First = zeros_like(parameters.Flat).DetachFromDisposeScope();
        Second = zeros_like(parameters.Flat).DetachFromDisposeScope();
    }

    /// <summary>Running mean of the gradient, [parameters].</summary>
    public Tensor First { get; }

    /// <summary>Running mean of the squared gradient, [parameters].</summary>
    public Tensor Second { get; }

    /// <summary>Updates made.</summary>
    public long Steps { get; private set; }

    /// <summary>
    /// Clips the gradient to a global norm and updates the parameters; <paramref name="gradient"/> is overwritten. Returns the norm before
    /// clipping; if it is not finite nothing is changed.
    /// </summary>
    public double Update(Tensor gradient, double learningRate, LearningOptions options)
    {
        TorchRuntime.ConfigureThread();
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var norm = gradient.norm().to(ScalarType.Float64).cpu().item<double>();
        if (!double.IsFinite(norm))
            return norm;
        if (norm > options.MaxGradientNorm)
            gradient.mul_(Held(options.MaxGradientNorm / (norm + 1e-6)));
        Steps++;
        if (options.WeightDecay != 0)
            _parameters.Flat.narrow(0, 0, _parameters.MatrixLength).mul_(Held(1 - learningRate * options.WeightDecay));
        First.mul_(Held(options.Beta1)).add_(gradient, Held(1 - options.Beta1));
        Second.mul_(Held(options.Beta2)).addcmul_(gradient, gradient, Held(1 - options.Beta2));
        var firstCorrection = 1 - Math.Pow(options.Beta1, Steps);
        var secondCorrection = 1 - Math.Pow(options.Beta2, Steps);
        var denominator = Second.sqrt().div_(Held(Math.Sqrt(secondCorrection))).add_(Held(options.Epsilon), One);
        _parameters.Flat.addcdiv_(First, denominator, Held(-learningRate / firstCorrection));
        _parameters.Publish();
        return norm;
    }

    /// <summary>Writes both running means under the parameters' names, the number of updates and, if asked, the fp32 weights themselves.</summary>
    public void Save(string path, bool withWeights)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal) { ["step"] = tensor(new[] { Steps }) };
        foreach (var (name, view) in _parameters.Split(First))
            tensors["exp_avg." + name] = view;
        foreach (var (name, view) in _parameters.Split(Second))
            tensors["exp_avg_sq." + name] = view;
        if (withWeights)
        {
            foreach (var (name, view) in _parameters.Split(_parameters.Flat))
                tensors["weight." + name] = view;
        }

        SafeTensors.Write(path, tensors);
    }

    /// <summary>Restores what <see cref="Save"/> wrote, bit for bit.</summary>
    /// <exception cref="InvalidDataException">The file does not fit the parameters.</exception>
    public void Load(string path, bool withWeights)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var file = SafeTensors.Open(path);
        Restore(file, "exp_avg.", First);
        Restore(file, "exp_avg_sq.", Second);
        if (withWeights)
        {
            Restore(file, "weight.", _parameters.Flat);
            _parameters.Publish();
        }

        var step = file.Read("step");
        if (step.dtype != ScalarType.Int64 || step.numel() != 1 || step.item<long>() < 0)
            throw new InvalidDataException($"{path}: step must be one natural number");
        Steps = step.item<long>();
    }

    public void Dispose()
    {
        First.Dispose();
        Second.Dispose();
    }

    private void Restore(SafeTensors file, string prefix, Tensor target)
    {
        foreach (var (name, view) in _parameters.Split(target))
        {
            var stored = file.Read(prefix + name);
            if (stored.dtype != ScalarType.Float32 || !stored.shape.SequenceEqual(view.shape))
                throw new InvalidDataException($"optimiser tensor {prefix}{name} is not F32 [{string.Join(", ", view.shape)}]");
            view.copy_(stored);
        }
    }
}
