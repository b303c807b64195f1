using System.Buffers.Binary;
using System.Text.Json;
using static TorchSharp.torch;

namespace ToolR0.Policies.Model;

/// <summary>A tensor as a file has it.</summary>
internal sealed record StoredTensor(string Name, ScalarType Type, long[] Shape);

/// <summary>
/// Reads and writes safetensors files (little-endian, header of JSON, no code). What is written is deterministic: equal tensors give
/// equal bytes, which is what makes a file's SHA-256 a name for its weights.
/// </summary>
public sealed class SafeTensors : IDisposable
{
    private readonly FileStream _file;
    private readonly SafeTensorsHeader _header;

    private SafeTensors(FileStream file, SafeTensorsHeader header)
    {
        _file = file;
        _header = header;
    }

    /// <summary>Tensors by name.</summary>
    public IReadOnlyDictionary<string, SafeTensorEntry> Entries => _header.Entries;

    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file and checks its header; no tensor is read yet.</summary>
    /// <exception cref="InvalidDataException">Not a valid safetensors file; the message names file and fault.</exception>
    public static SafeTensors Open(string path)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"{path}: not found", e);
        }

        try
        {
            return new SafeTensors(file, SafeTensorsHeader.Read(file));
        }
        catch (InvalidDataException e)
        {
            file.Dispose();
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Copies one tensor into a new CPU tensor of the stored type (F64, F32, F16, BF16, I64, I32).</summary>
    /// <exception cref="InvalidDataException">No such tensor, or a type this product does not read.</exception>
    public Tensor Read(string name)
    {
        if (!Entries.TryGetValue(name, out var entry))
            throw new InvalidDataException($"{_file.Name}: tensor {name} is missing");
        ScalarType type;
        try
        {
            type = TypeOf(entry);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{_file.Name}: {e.Message}", e);
        }

        if (entry.Length > int.MaxValue)
            throw new InvalidDataException($"{_file.Name}: tensor {name} has {entry.Length} bytes; at most {int.MaxValue} are supported");
        var tensor = empty(entry.Shape, type);
        if (entry.Length > 0)
        {
            lock (_file)
            {
                _file.Position = entry.Offset;
                _file.ReadExactly(tensor.bytes);
            }
        }

        return tensor;
    }

    /// <summary>Writes tensors (F64, F32, F16, BF16, I64, I32; any device) with metadata <c>{"format":"pt"}</c>.</summary>
    /// <param name="types">What tensors are stored as, by name; as they are where it is silent or null.</param>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, ScalarType>? types = null)
    {
        var order = InOrder(tensors.Select(t =>
            new StoredTensor(t.Key, types?.GetValueOrDefault(t.Key, t.Value.dtype) ?? t.Value.dtype, t.Value.shape)));
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        file.Write(Header(order));
        foreach (var (name, type, _) in order)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var tensor = tensors[name];
            if (tensor.numel() > 0)
                file.Write(tensor.detach().to(type).cpu().contiguous().bytes);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <exception cref="InvalidDataException">A type this product does not read.</exception>
    internal static ScalarType TypeOf(SafeTensorEntry entry) => entry.Type switch
    {
        "F64" => ScalarType.Float64,
        "F32" => ScalarType.Float32,
        "F16" => ScalarType.Float16,
        "BF16" => ScalarType.BFloat16,
        "I64" => ScalarType.Int64,
        "I32" => ScalarType.Int32,
        _ => throw new InvalidDataException($"tensor {SafeTensorsHeader.Shown(entry.Name)} has dtype {entry.Type}, which is not supported"),
    };

    /// <summary>Bytes of one element.</summary>
    internal static int SizeOf(ScalarType type) => SafeTensorsHeader.SizeOf(TypeName(type))!.Value;

    /// <summary>The order in which tensors are written: the widest type first, then by name.</summary>
    internal static IReadOnlyList<StoredTensor> InOrder(IEnumerable<StoredTensor> tensors) =>
        [.. tensors.OrderByDescending(t => SizeOf(t.Type)).ThenBy(t => t.Name, StringComparer.Ordinal)];

    /// <summary>What stands in a file before the first tensor: the header's length, and the header.</summary>
    /// <param name="order"><see cref="InOrder"/>.</param>
    internal static byte[] Header(IReadOnlyList<StoredTensor> order)
    {
        using var stream = new MemoryStream();
        stream.Write(new byte[8]);
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("__metadata__");
            writer.WriteString("format", "pt");
            writer.WriteEndObject();
            long position = 0;
            foreach (var (name, type, shape) in order)
            {
                var bytes = shape.Aggregate(1L, (a, b) => a * b) * SizeOf(type);
                writer.WriteStartObject(name);
                writer.WriteString("dtype", TypeName(type));
                writer.WriteStartArray("shape");
                foreach (var dimension in shape)
                    writer.WriteNumberValue(dimension);
                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(position);
                writer.WriteNumberValue(position += bytes);
                writer.WriteEndArray();
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        while (stream.Length % 8 != 0)
            stream.WriteByte((byte)' ');
        var header = stream.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(header.Length - 8));
        return header;
    }

    private static string TypeName(ScalarType type) => type switch
    {
        ScalarType.Float64 => "F64",
        ScalarType.Float32 => "F32",
        ScalarType.Float16 => "F16",
        ScalarType.BFloat16 => "BF16",
        ScalarType.Int64 => "I64",
        ScalarType.Int32 => "I32",
        var other => throw new ArgumentException($"tensors of type {other} are not written"),
    };
}
