using ToolR0.Contracts.Options;
using ToolR0.Policies.Gguf;
using ToolR0.Policies.Learning;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;
using ToolR0.Tokenization;
using static TorchSharp.torch;

namespace ToolR0.Policies;

/// <summary>A language model and its tokenizer, loaded for inference. Thread-safe until disposed.</summary>
public sealed class Policy : IDisposable
{
    private Policy(string sha256, Transformer model, Tokenizer tokenizer, PolicyFolder source)
    {
        Sha256 = sha256;
        Model = model;
        Tokenizer = tokenizer;
        Source = source;
    }

    /// <summary>Names the weights (lower-case hex); empty for one that was never on disk.</summary>
    public string Sha256 { get; }

    public ModelConfig Config => Model.Config;

    public Tokenizer Tokenizer { get; }

    public Transformer Model { get; }

    /// <summary>What else was in the folder it came from.</summary>
    internal PolicyFolder Source { get; }

    /// <summary>
    /// Loads a Hugging Face folder: config.json, tokenizer.json, tokenizer_config.json and safetensors (one file or shards). A GGUF file is read as
    /// the folder that it converts to.
    /// </summary>
    /// <param name="path">Of the folder or the GGUF file.</param>
    /// <param name="device"><see cref="TorchRuntime.DeviceFor"/> when null.</param>
    /// <param name="type">What to compute in; when null, what <paramref name="precision"/> says.</param>
    /// <param name="adapter">Folder of a low-rank adapter in PEFT's layout, which is merged into the weights.</param>
    /// <exception cref="InvalidDataException">
    /// The content is missing, malformed or unsupported, or the adapter does not fit it; the message names file and fault.
    /// </exception>
    public static Policy Load(
        string path, Device? device = null, ScalarType? type = null, string? adapter = null, Precision precision = Precision.Auto)
    {
        TorchRuntime.EnsureLoaded();
        using var stored = StoredModel.Open(path);
        var (config, tokenizer, layout) = (stored.Config, stored.LoadTokenizer(), stored.ReadLayout());
        device ??= TorchRuntime.DeviceFor(config);
        type ??= TorchRuntime.TypeFor(device, config, precision);
        if (adapter is null)
        {
            // What will be packed for inference need not be held in full beside it.
            var (loaded, sha) = stored.ReadParameters(device, Weight.CanBePacked(type.Value, device) ? null : type);
            return new Policy(sha, new Transformer(config, loaded, type), tokenizer, layout);
        }

        using var low = LoraAdapter.Load(adapter, config, device);
        low.Config.CheckBase(adapter, path);
        using var merged = new LoraVector(config, stored.ReadParameters(device, null).Parameters, low, type.Value);
        var parameters = merged.Model.Parameters.ToDictionary(p => p.Key, p => p.Value.detach().DetachFromDisposeScope(), StringComparer.Ordinal);
        return new Policy("", new Transformer(config, parameters), tokenizer, layout);
    }

    /// <summary>
    /// A model with random weights: normal with standard deviation 0.02 (projections into the residual stream 0.02/√(2·layers)), biases 0,
    /// norms 1. The same seed gives the same weights.
    /// </summary>
    /// <param name="tokenizerFolder">Holds tokenizer.json and tokenizer_config.json.</param>
    /// <param name="device">The CPU when null.</param>
    /// <param name="type">fp32 when null.</param>
    public static Policy CreateRandom(ModelConfig config, string tokenizerFolder, long seed, Device? device = null, ScalarType? type = null)
    {
        TorchRuntime.EnsureLoaded();
        var tokenizer = StoredModel.Fitting(Tokenizer.Load(tokenizerFolder), config, tokenizerFolder);
        var files = PolicyFiles.ReadSmall(tokenizerFolder).Where(f => f.Key != "config.json").ToDictionary();
        files["config.json"] = System.Text.Encoding.UTF8.GetBytes(config.ToJson(tokenizer.EndOfTurn));
        return new Policy("", new Transformer(config, RandomWeights.Create(config, seed, device ?? CPU, type ?? ScalarType.Float32)), tokenizer,
            PolicyFolder.New(files));
    }

    /// <summary>
    /// Writes a Hugging Face folder that <see cref="Load"/> reads back, with the files, types and shards of the one it was loaded from; equal
    /// weights give equal bytes.
    /// </summary>
    public void Save(string folder) => SaveWith(Model.Parameters, folder);

    /// <summary>Writes this policy's folder with other weights of the same shapes.</summary>
    internal void SaveWith(IReadOnlyDictionary<string, Tensor> parameters, string folder) => Source.Write(folder, parameters);

    /// <summary>
    /// SHA-256 (lower-case hex) of a folder's weights, and of the adapter they were made with if they were: the policy's name. Of a GGUF file: of the
    /// model.safetensors that it converts to.
    /// </summary>
    public static string HashOf(string path) => GgufModel.Is(path) ? HashOfWeights(path) : PolicyFiles.HashOf(path);

    /// <summary>SHA-256 (lower-case hex) of the weights alone: the name of the policy that begins with them.</summary>
    public static string HashOfWeights(string path)
    {
        if (!GgufModel.Is(path))
            return PolicyFiles.HashOfWeights(path);
        using var gguf = GgufModel.Open(path);
        return gguf.HashOfWeights();
    }

    public void Dispose() => Model.Dispose();
}
