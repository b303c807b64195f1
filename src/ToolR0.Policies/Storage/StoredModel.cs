using ToolR0.Policies.Gguf;
using ToolR0.Policies.Model;
using ToolR0.Tokenization;
using static TorchSharp.torch;

namespace ToolR0.Policies.Storage;

/// <summary>A model as it lies on the disk: a Hugging Face folder, or a GGUF file, which reads as the folder that it converts to.</summary>
internal abstract class StoredModel : IDisposable
{
    public abstract ModelConfig Config { get; }

    /// <exception cref="InvalidDataException">Missing, malformed or unsupported; the message names file and fault.</exception>
    public static StoredModel Open(string path) => GgufModel.Is(path) ? GgufModel.Open(path) : new ModelFolder(path);

    /// <exception cref="InvalidDataException">The tokenizer's files are missing or not supported, or it has more entries than the model.</exception>
    public abstract Tokenizer LoadTokenizer();

    /// <summary>The small files, and how each tensor is stored.</summary>
    public abstract PolicyFolder ReadLayout();

    /// <summary>Every parameter on a device, and the name of the policy that they are: <see cref="PolicyFiles.HashOf(string)"/>.</summary>
    /// <param name="type">Null: as stored.</param>
    public abstract (IReadOnlyDictionary<string, Tensor> Parameters, string Sha256) ReadParameters(Device device, ScalarType? type);

    /// <summary>SHA-256 in lower-case hex of the weights alone.</summary>
    public abstract string HashOfWeights();

    /// <summary>Writes the folder without an adapter, into one that is there and empty.</summary>
    public abstract void CopyTo(string folder);

    public virtual void Dispose()
    {
    }

    /// <summary>The tokenizer itself.</summary>
    /// <exception cref="InvalidDataException">It has more entries than the model.</exception>
    public static Tokenizer Fitting(Tokenizer tokenizer, ModelConfig config, string place) => tokenizer.VocabularySize <= config.VocabularySize
        ? tokenizer
        : throw new InvalidDataException(
            $"{place}: tokenizer.json has {tokenizer.VocabularySize} entries, config.json vocab_size = {config.VocabularySize}");

    /// <summary>config.json, the tokenizer's files, and safetensors in one file or in shards.</summary>
    private sealed class ModelFolder(string folder) : StoredModel
    {
        public override ModelConfig Config { get; } = ModelConfig.Load(folder);

        public override Tokenizer LoadTokenizer() => Fitting(Tokenizer.Load(folder), Config, folder);

        public override PolicyFolder ReadLayout() => PolicyFolder.Read(folder);

        public override (IReadOnlyDictionary<string, Tensor> Parameters, string Sha256) ReadParameters(Device device, ScalarType? type) =>
            (PolicyFiles.ReadParameters(folder, Config, device, type), PolicyFiles.HashOf(folder));

        public override string HashOfWeights() => PolicyFiles.HashOfWeights(folder);

        public override void CopyTo(string target)
        {
            PolicyFiles.WriteSmall(PolicyFiles.ReadSmall(folder), target);
            string[] rest = [PolicyFiles.Index, PolicyFiles.Optimiser];
            foreach (var path in PolicyFiles.WeightFiles(folder).Concat(rest.Select(name => Path.Combine(folder, name)).Where(File.Exists)))
                File.Copy(path, Path.Combine(target, Path.GetFileName(path)));
        }
    }
}
