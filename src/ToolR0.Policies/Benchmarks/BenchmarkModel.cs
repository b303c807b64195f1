using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;

namespace ToolR0.Policies.Benchmarks;

/// <summary>What a benchmark measures: a model in a folder, or random weights of a named shape.</summary>
/// <param name="Name">The shape's, or the folder's path.</param>
/// <param name="Folder">Null for random weights.</param>
public sealed record BenchmarkModel(string Name, string? Folder, ModelConfig Config)
{
    /// <summary>Looks at it without loading it.</summary>
    /// <param name="nano">The folder whose shape is called nano.</param>
    /// <exception cref="UserErrorException">There is no such shape, or the folder is not a model's.</exception>
    public static BenchmarkModel Find(string shape, string? folder, string nano)
    {
        if (folder is not null)
        {
            var path = BaseFolder.CheckedModel(folder, nano);
            return new BenchmarkModel(path, path, ModelConfig.Load(path));
        }

        var config = shape == "nano" ? ModelConfig.Load(nano) : ModelShapes.Find(shape)
            ?? throw new UserErrorException($"--shape {shape}: must be nano, {string.Join(", ", ModelShapes.Names)}");
        return new BenchmarkModel(shape, null, config);
    }

    /// <param name="tokenizer">Folder of the tokenizer that random weights get.</param>
    public Policy Open(Precision precision, string tokenizer)
    {
        if (Folder is not null)
            return Policy.Load(Folder, precision: precision);
        var device = TorchRuntime.DeviceFor(Config);
        return Policy.CreateRandom(Config, tokenizer, 1, device, TorchRuntime.TypeFor(device, Config, precision));
    }
}
