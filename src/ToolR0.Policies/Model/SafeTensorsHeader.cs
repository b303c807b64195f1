using System.Buffers.Binary;
using System.Text.Json;

namespace ToolR0.Policies.Model;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Type">The format's name of the element type: F32, BF16, F16, F64, I64, I32, …</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="Length">Bytes.</param>
public sealed record SafeTensorEntry(string Name, string Type, long[] Shape, long Offset, long Length);

/// <summary>
/// The header of a safetensors file, fully checked against the file's length before anything is allocated for tensors:
/// a hostile file gives <see cref="InvalidDataException"/> and nothing else.
/// </summary>
internal sealed class SafeTensorsHeader
{
    /// <summary>The format's own limit.</summary>
    private const long MaxHeaderBytes = 100_000_000;

    private SafeTensorsHeader(IReadOnlyDictionary<string, SafeTensorEntry> entries, IReadOnlyDictionary<string, string> metadata)
    {
        Entries = entries;
        Metadata = metadata;
    }

    public IReadOnlyDictionary<string, SafeTensorEntry> Entries { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Bytes of one element, or null for a type that is unknown.</summary>
    public static int? SizeOf(string type) => type switch
    {
        "F64" or "I64" or "U64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "I8" or "U8" or "BOOL" or "F8_E4M3" or "F8_E5M2" => 1,
        _ => null,
    };

    public static SafeTensorsHeader Read(Stream stream)
    {
        var fileLength = stream.Length;
        Span<byte> prefix = stackalloc byte[8];
        if (fileLength < 8)
            throw new InvalidDataException($"the file has {fileLength} bytes; a header needs 8");
        stream.Position = 0;
        stream.ReadExactly(prefix);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > (ulong)Math.Min(MaxHeaderBytes, fileLength - 8))
            throw new InvalidDataException($"header length {headerLength} exceeds the file ({fileLength} bytes) or the limit of {MaxHeaderBytes}");
        var header = new byte[(int)headerLength];
        stream.ReadExactly(header);
        try
        {
            using var document = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8 });
            return Parse(document.RootElement, 8 + (long)headerLength, fileLength);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a name that is not UTF-8.
            throw new InvalidDataException($"the header is not JSON: {e.Message}", e);
        }
    }

    private static SafeTensorsHeader Parse(JsonElement root, long dataStart, long fileLength)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException("the header is not a JSON object");
        var entries = new Dictionary<string, SafeTensorEntry>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == "__metadata__")
                ReadMetadata(property.Value, metadata);
            else if (!entries.TryAdd(property.Name, ReadEntry(property.Name, property.Value, dataStart, fileLength)))
                throw new InvalidDataException($"tensor {Shown(property.Name)} is listed twice");
        }

        CheckLayout(entries.Values, dataStart, fileLength);
        return new SafeTensorsHeader(entries, metadata);
    }

    private static void ReadMetadata(JsonElement value, Dictionary<string, string> metadata)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException("__metadata__ is not an object");
        foreach (var item in value.EnumerateObject())
        {
            if (item.Value.ValueKind != JsonValueKind.String)
                throw new InvalidDataException($"__metadata__ {Shown(item.Name)} is not a string");
            metadata[item.Name] = item.Value.GetString()!;
        }
    }

    private static SafeTensorEntry ReadEntry(string name, JsonElement value, long dataStart, long fileLength)
    {
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out var type) || type.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out var shape) || shape.ValueKind != JsonValueKind.Array
            || !value.TryGetProperty("data_offsets", out var offsets) || offsets.ValueKind != JsonValueKind.Array)
            throw new InvalidDataException($"tensor {Shown(name)} needs dtype, shape and data_offsets");
        var typeName = type.GetString()!;
        var size = SizeOf(typeName) ?? throw new InvalidDataException($"tensor {Shown(name)} has unknown dtype {Shown(typeName)}");
        if (shape.GetArrayLength() > 16)
            throw new InvalidDataException($"tensor {Shown(name)} has {shape.GetArrayLength()} dimensions");
        var dimensions = shape.EnumerateArray().Select(d => Natural(name, d)).ToArray();
        if (offsets.GetArrayLength() != 2)
            throw new InvalidDataException($"tensor {Shown(name)} needs two data_offsets");
        var (begin, end) = (Natural(name, offsets[0]), Natural(name, offsets[1]));
        if (begin > end || end > fileLength - dataStart)
            throw new InvalidDataException($"tensor {Shown(name)} has data_offsets [{begin}, {end}] outside the file");
        var expected = (System.Numerics.BigInteger)size;
        foreach (var dimension in dimensions)
            expected *= dimension;
        if (expected != end - begin)
            throw new InvalidDataException($"tensor {Shown(name)}: shape and dtype need {expected} bytes, data_offsets give {end - begin}");
        return new SafeTensorEntry(name, typeName, dimensions, dataStart + begin, end - begin);
    }

    /// <summary>The format allows neither overlaps nor holes.</summary>
    private static void CheckLayout(IEnumerable<SafeTensorEntry> entries, long dataStart, long fileLength)
    {
        var position = dataStart;
        foreach (var entry in entries.OrderBy(e => e.Offset).ThenBy(e => e.Length))
        {
            if (entry.Offset != position)
            {
                var fault = entry.Offset < position ? "overlaps another" : "leaves a hole before it";
                throw new InvalidDataException($"tensor {Shown(entry.Name)} {fault}");
            }

            position += entry.Length;
        }

        if (position != fileLength)
            throw new InvalidDataException($"{fileLength - position} bytes after the last tensor");
    }

    private static long Natural(string tensor, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0
            ? number
            : throw new InvalidDataException($"tensor {Shown(tensor)} has {Shown(value.GetRawText())} where a natural number belongs");

    internal static string Shown(string text) => text.Length > 80 ? text[..80] + "…" : text;
}
