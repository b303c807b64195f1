using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;

namespace ToolR0.Policies.Benchmarks;

/// <summary>What a benchmark measures: a model, or random weights of a named shape.</summary>
/// <param name="Name">The shape's, or the model's path.</param>
/// <param name="Path">Of a folder or a GGUF file; null for random weights.</param>
public sealed record BenchmarkModel(string Name, string? Path, ModelConfig Config)
{
    /// <summary>Looks at it without loading it.</summary>
    /// <param name="path">Of a model that was found; null: random weights of <paramref name="shape"/>.</param>
    /// <param name="nano">The folder whose shape is called nano.</param>
    /// <exception cref="UserErrorException">There is no such shape.</exception>
    public static BenchmarkModel Of(string shape, string? path, string nano)
    {
        if (path is not null)
        {
            using var stored = StoredModel.Open(path);
            return new BenchmarkModel(path, path, stored.Config);
        }

        var config = shape == "nano" ? ModelConfig.Load(nano) : ModelShapes.Find(shape)
            ?? throw new UserErrorException($"--shape {shape}: must be nano, {string.Join(", ", ModelShapes.Names)}");
        return new BenchmarkModel(shape, null, config);
    }

    /// <param name="tokenizer">Folder of the tokenizer that random weights get.</param>
    public Policy Open(Precision precision, string tokenizer)
    {
        if (Path is not null)
            return Policy.Load(Path, precision: precision);
        var device = TorchRuntime.DeviceFor(Config);
        return Policy.CreateRandom(Config, tokenizer, 1, device, TorchRuntime.TypeFor(device, Config, precision));
    }
}
