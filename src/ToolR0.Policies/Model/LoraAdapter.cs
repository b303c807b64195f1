using ToolR0.Policies.Sampling;
using ToolR0.Policies.Storage;
using static ToolR0.Policies.Numbers;
using static TorchSharp.torch;

namespace ToolR0.Policies.Model;

/// <summary>
/// A low-rank adapter (Hu et al., arXiv 2106.09685): a projection's weight W [out, in] becomes W + s·B·A with A [r, in], B [out, r] and s = α/r. On
/// disk it has PEFT's layout.
/// </summary>
internal sealed class LoraAdapter : IDisposable
{
    private readonly IReadOnlyDictionary<string, Tensor> _tensors;

    /// <summary>Takes ownership of A and B, fp32 by PEFT's names.</summary>
    public LoraAdapter(LoraConfig config, IReadOnlyDictionary<string, Tensor> tensors)
    {
        Config = config;
        _tensors = tensors;
    }

    public LoraConfig Config { get; }

    /// <summary>A and B by PEFT's names.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

    /// <summary>One that changes nothing yet, as PEFT begins: A uniform in ±1/√in (Kaiming with a = √5), B zero. The same seed gives the same
    /// A.</summary>
    public static LoraAdapter New(LoraConfig config, ModelConfig model, long seed, Device device)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (name, shape, isA) in config.Shapes(model))
        {
            var values = new float[shape[0] * shape[1]];
            var stream = (long)Randomness.Bits(seed, tensors.Count);
            for (var i = 0; isA && i < values.Length; i++)
                values[i] = (float)((2 * Randomness.Uniform(stream, i) - 1) / Math.Sqrt(shape[1]));
            using var scope = NewDisposeScope();
            tensors[name] = tensor(values, shape).to(device).DetachFromDisposeScope();
        }

        return new LoraAdapter(config, tensors);
    }

    /// <summary>Reads <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
    /// <exception cref="InvalidDataException">Missing, malformed, unsupported, or not of this model's shape; the message names file and
    /// fault.</exception>
    public static LoraAdapter Load(string folder, ModelConfig model, Device device)
    {
        var config = LoraConfig.Load(folder);
        var path = Path.Combine(folder, LoraConfig.WeightsFile);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var file = SafeTensors.Open(path);
        var shapes = config.Shapes(model).ToDictionary(s => s.Name, s => s.Shape, StringComparer.Ordinal);
        if (file.Entries.Keys.FirstOrDefault(name => !shapes.ContainsKey(name)) is { } foreign)
            throw new InvalidDataException(
                $"{path}: tensor {SafeTensorsHeader.Shown(foreign)} does not belong to an adapter of {string.Join(", ", config.Targets)} over this model");
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (name, shape) in shapes)
        {
            if (!file.Entries.TryGetValue(name, out var entry))
                throw new InvalidDataException($"{path}: tensor {name} is missing");
            if (!entry.Shape.SequenceEqual(shape))
                throw new InvalidDataException(
                    $"{path}: tensor {name} is [{string.Join(", ", entry.Shape)}]; rank and model need [{string.Join(", ", shape)}]");
            if (entry.Type is not ("F32" or "F16" or "BF16" or "F64"))
                throw new InvalidDataException($"{path}: tensor {name} has dtype {entry.Type}; adapters are F32, F16, BF16 or F64");
            tensors[name] = file.Read(name).to(device).to(ScalarType.Float32);
        }

        foreach (var tensor in tensors.Values)
            tensor.DetachFromDisposeScope();
        return new LoraAdapter(config, tensors);
    }

    /// <summary>Writes both files into a folder, which is made if need be. Equal adapters give equal bytes.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        Config.Save(folder);
        SafeTensors.Write(Path.Combine(folder, LoraConfig.WeightsFile), _tensors);
    }

    /// <summary>W + s·B·A in fp32; the caller disposes it.</summary>
    /// <param name="parameter">One that <see cref="LoraConfig.Changes"/>.</param>
    public Tensor Merge(string parameter, Tensor weight)
    {
        using var scope = NewDisposeScope();
        return weight.to(ScalarType.Float32).add(Part(parameter, 'B').mm(Part(parameter, 'A')), Held(Config.Scale)).MoveToOuterDisposeScope();
    }

    /// <summary>Adds what a merged weight's gradient G [out, in] says of A and B: s·Bᵀ·G and s·G·Aᵀ.</summary>
    /// <param name="into">By PEFT's names.</param>
    public void AddGradient(string parameter, Tensor gradient, IReadOnlyDictionary<string, Tensor> into)
    {
        using var scope = NewDisposeScope();
        var wide = gradient.to(ScalarType.Float32);
        into[LoraConfig.NameOf(parameter, 'A')].add_(Part(parameter, 'B').t().mm(wide), Held(Config.Scale));
        into[LoraConfig.NameOf(parameter, 'B')].add_(wide.mm(Part(parameter, 'A').t()), Held(Config.Scale));
    }

    public void Dispose()
    {
        foreach (var tensor in _tensors.Values)
            tensor.Dispose();
    }

    private Tensor Part(string parameter, char part) => _tensors[LoraConfig.NameOf(parameter, part)];
}
