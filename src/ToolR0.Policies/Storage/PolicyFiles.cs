using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using ToolR0.Policies.Model;
using ToolR0.Tokenization;
using static TorchSharp.torch;

namespace ToolR0.Policies.Storage;

/// <summary>Files of a Hugging Face folder: the weights, and the small ones that travel with them unchanged.</summary>
internal static class PolicyFiles
{
    public const string Weights = "model.safetensors";
    public const string Index = "model.safetensors.index.json";
    public const string Optimiser = "optimizer.safetensors";

    /// <summary>Folder of the low-rank adapter that the weights were made with, if they were (<see cref="LoraConfig"/>).</summary>
    public const string Adapter = "adapter";

    private const long MaxSmallFile = 64 << 20;
    private const long MaxIndexFile = 16 << 20;

    private static readonly string[] Small =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json",
        "added_tokens.json", "chat_template.jinja", "chat_template.json", "toolr0.json", "LICENSE",
        "README.md",
    ];

    /// <summary>The weight files of a folder in order of name: one, or the shards that the index names.</summary>
    /// <exception cref="InvalidDataException">Neither model.safetensors nor an index, or an index that names files outside the folder.</exception>
    public static IReadOnlyList<string> WeightFiles(string folder)
    {
        var single = Path.Combine(folder, Weights);
        if (File.Exists(single))
            return [single];
        var index = Path.Combine(folder, Index);
        if (!File.Exists(index))
            throw new InvalidDataException($"{folder}: neither {Weights} nor {Index}");
        var names = ReadIndex(index).Values.Distinct().Order(StringComparer.Ordinal).ToArray();
        return [.. names.Select(n => Path.Combine(folder, n))];
    }

    /// <summary>File by tensor.</summary>
    private static Dictionary<string, string> ReadIndex(string path)
    {
        if (new FileInfo(path).Length > MaxIndexFile)
            throw new InvalidDataException($"{path}: larger than the {MaxIndexFile} bytes allowed");
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var entry in document.RootElement.GetProperty("weight_map").EnumerateObject())
            {
                var file = entry.Value.GetString() ?? "";
                if (file != Path.GetFileName(file) || file.Contains('\0') || !file.EndsWith(".safetensors", StringComparison.Ordinal))
                    throw new InvalidDataException(
                        $"{path}: weight_map.{Shown(entry.Name)} = {Shown(file)}: must name a .safetensors file of the same folder");
                if (!map.TryAdd(entry.Name, file))
                    throw new InvalidDataException($"{path}: weight_map.{Shown(entry.Name)} is there twice");
            }

            return map.Count > 0 ? map : throw new InvalidDataException($"{path}: weight_map is empty");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: weight_map is missing or malformed", e);
        }
    }

    /// <summary>
    /// SHA-256 in lower-case hex of the weights and of the adapter they were made with, if they were: different adapters may round to the same
    /// weights.
    /// </summary>
    public static string HashOf(string folder)
    {
        var adapter = Path.Combine(folder, Adapter, LoraConfig.WeightsFile);
        return HashOf(File.Exists(adapter) ? [.. WeightFiles(folder), adapter] : WeightFiles(folder));
    }

    /// <summary>SHA-256 in lower-case hex: of model.safetensors, or of the shards' bytes one after another.</summary>
    public static string HashOfWeights(string folder) => HashOf(WeightFiles(folder));

    private static string HashOf(IReadOnlyList<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            foreach (var path in files)
            {
                using var file = File.OpenRead(path);
                int read;
                while ((read = file.Read(buffer)) > 0)
                    hash.AppendData(buffer, 0, read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Reads every parameter onto a device; missing, superfluous or misshapen tensors are refused by name.</summary>
    /// <param name="type">Null: as stored.</param>
    public static Dictionary<string, Tensor> ReadParameters(
        string folder, ModelConfig config, Device device, ScalarType? type = ScalarType.Float32)
    {
        var shapes = config.ParameterShapes().ToDictionary(p => p.Name, p => p.Shape, StringComparer.Ordinal);
        var files = WeightFiles(folder);
        var index = Path.GetFileName(files[0]) == Weights ? null : ReadIndex(Path.Combine(folder, Index));
        var parameters = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var path in files)
        {
            using var file = SafeTensors.Open(path);
            if (index?.FirstOrDefault(e => e.Value == Path.GetFileName(path) && !file.Entries.ContainsKey(e.Key)).Key is { } absent)
                throw new InvalidDataException($"{path}: tensor {Shown(absent)} is missing, though {Index} says that it is here");
            foreach (var entry in file.Entries.Values)
            {
                if (!shapes.TryGetValue(entry.Name, out var shape))
                {
                    // Old checkpoints repeat what the configuration says: the tied embedding, the rotary frequencies.
                    if ((entry.Name == "lm_head.weight" && config.TiedEmbeddings)
                        || entry.Name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal))
                        continue;
                    throw new InvalidDataException($"{path}: tensor {Shown(entry.Name)} does not belong to the model that config.json describes");
                }

                if (!entry.Shape.SequenceEqual(shape))
                {
                    throw new InvalidDataException(
                        $"{path}: tensor {entry.Name} is [{string.Join(", ", entry.Shape)}]; config.json needs [{string.Join(", ", shape)}]");
                }

                if (entry.Type is not ("F32" or "F16" or "BF16" or "F64"))
                    throw new InvalidDataException($"{path}: tensor {entry.Name} has dtype {entry.Type}; weights are F32, F16, BF16 or F64");
                if (!parameters.TryAdd(entry.Name, ReadFloat(file, entry.Name, device, type)))
                    throw new InvalidDataException($"{path}: tensor {entry.Name} is in two files");
            }
        }

        if (shapes.Keys.FirstOrDefault(name => !parameters.ContainsKey(name)) is { } missing)
            throw new InvalidDataException($"{folder}: tensor {missing} is missing");
        foreach (var tensor in parameters.Values)
            tensor.DetachFromDisposeScope();
        return parameters;
    }

    private static Tensor ReadFloat(SafeTensors file, string name, Device device, ScalarType? type)
    {
        using var scope = NewDisposeScope();
        var tensor = file.Read(name).to(device);
        return tensor.to(type ?? tensor.dtype).MoveToOuterDisposeScope();
    }

    private static string Shown(string text) => SafeTensorsHeader.Shown(text);

    /// <summary>The small files of a folder by name, held in memory so that the folder may go.</summary>
    public static IReadOnlyDictionary<string, byte[]> ReadSmall(string folder)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var name in Small.Union(TokenizerFiles.NamesIn(folder)))
        {
            var file = new FileInfo(Path.Combine(folder, name));
            if (!file.Exists)
                continue;
            if (file.Length > MaxSmallFile)
                throw new InvalidDataException($"{file.FullName}: {file.Length} bytes are more than the {MaxSmallFile} allowed");
            files[name] = File.ReadAllBytes(file.FullName);
        }

        return files;
    }

    public static void WriteSmall(IReadOnlyDictionary<string, byte[]> files, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, bytes) in files)
        {
            // Further chat templates have a folder of their own.
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, bytes);
        }
    }
}
