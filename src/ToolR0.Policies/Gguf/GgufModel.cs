using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ToolR0.Policies.Model;
using ToolR0.Policies.Storage;
using static TorchSharp.torch;

namespace ToolR0.Policies.Gguf;

/// <summary>
/// A GGUF file, read as the Hugging Face folder that it converts to: config.json, the tokenizer's files and model.safetensors. The same file gives
/// the same bytes on every machine. Everything but the weights' values is checked when it is opened.
/// </summary>
internal sealed class GgufModel : StoredModel
{
    private readonly FileStream _file;
    private readonly GgufWeights _weights;
    private readonly IReadOnlyDictionary<string, byte[]> _files;

    private GgufModel(FileStream file)
    {
        _file = file;
        var header = GgufHeader.Read(file);
        Config = GgufShape.Read(header, RotaryFactors(file, header));
        _weights = new GgufWeights(file.SafeFileHandle, header, Config);
        var (files, endOfTurn) = GgufTokenizer.Read(header);
        var most = _weights.Order.GroupBy(tensor => tensor.Type).MaxBy(type => type.Sum(tensor => tensor.Shape.Aggregate(1L, (a, b) => a * b)))!.Key;
        _files = new Dictionary<string, byte[]>(files) { ["config.json"] = Encoding.UTF8.GetBytes(Config.ToJson(endOfTurn, most)) };
    }

    public override ModelConfig Config { get; }

    /// <summary>A file of this kind by its name.</summary>
    public static bool Is(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && File.Exists(path);

    /// <exception cref="InvalidDataException">Not a GGUF file, damaged, or of a model that is not read; the message names file and fault.</exception>
    public static new GgufModel Open(string path)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        try
        {
            return new GgufModel(file);
        }
        catch (Exception e)
        {
            file.Dispose();
            if (e is InvalidDataException or EndOfStreamException)
                throw new InvalidDataException($"{path}: {e.Message}", e);
            throw;
        }
    }

    /// <summary>SHA-256 in lower-case hex of the GGUF file itself.</summary>
    public static string HashOfFile(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    public override Tokenization.Tokenizer LoadTokenizer() => Fitting(Tokenization.Tokenizer.Load(_file.Name, _files), Config, _file.Name);

    public override PolicyFolder ReadLayout() => PolicyFolder.Of(_files, _weights.Order);

    public override (IReadOnlyDictionary<string, Tensor> Parameters, string Sha256) ReadParameters(Device device, ScalarType? type)
    {
        var (parameters, sha) = _weights.Read(device, type);
        return (parameters, sha);
    }

    public override string HashOfWeights() => _weights.Hash();

    public override void CopyTo(string folder)
    {
        PolicyFiles.WriteSmall(_files, folder);
        using var weights = new FileStream(Path.Combine(folder, PolicyFiles.Weights), FileMode.CreateNew, FileAccess.Write, FileShare.None, 0);
        _weights.Write(weights);
    }

    public override void Dispose() => _file.Dispose();

    private static float[]? RotaryFactors(FileStream file, GgufHeader header)
    {
        if (!header.Tensors.TryGetValue(GgufShape.RotaryFactors, out var tensor))
            return null;
        if (tensor.Type != GgufType.F32 || tensor.Shape is not [<= 1 << 12])
            throw new InvalidDataException($"tensor {tensor.Name} must be a row of F32");
        var factors = new float[tensor.Shape[0]];
        file.Position = tensor.Offset;
        file.ReadExactly(MemoryMarshal.AsBytes(factors.AsSpan()));
        return factors;
    }
}
