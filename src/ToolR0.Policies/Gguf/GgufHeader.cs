using System.Globalization;
using ToolR0.Policies.Model;

namespace ToolR0.Policies.Gguf;

/// <summary>One tensor of a GGUF file.</summary>
/// <param name="Shape">The outermost dimension first; the file has them the other way round.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="Length">Bytes.</param>
internal sealed record GgufTensor(string Name, GgufType Type, long[] Shape, long Offset, long Length);

/// <summary>
/// Metadata and places of the tensors of a GGUF file (versions 2 and 3, little-endian), checked against the file's length: every tensor lies inside,
/// none overlaps another.
/// </summary>
internal sealed class GgufHeader
{
    /// <summary>Of metadata and of tensors, each.</summary>
    private const int MostEntries = 1 << 16;

    private readonly IReadOnlyDictionary<string, object> _fields;

    private GgufHeader(IReadOnlyDictionary<string, object> fields, IReadOnlyDictionary<string, GgufTensor> tensors)
    {
        _fields = fields;
        Tensors = tensors;
    }

    public IReadOnlyDictionary<string, GgufTensor> Tensors { get; }

    /// <exception cref="InvalidDataException">Not such a file, or one that contradicts itself; the message names the fault.</exception>
    public static GgufHeader Read(Stream stream)
    {
        stream.Position = 0;
        var reader = new GgufReader(stream);
        if (stream.Length < 24 || !reader.Take(4).SequenceEqual("GGUF"u8))
            throw new InvalidDataException("not a GGUF file: it does not begin with GGUF");
        var version = reader.UInt32();
        if (version is not (2 or 3))
        {
            throw new InvalidDataException(version is 0x02000000 or 0x03000000
                ? "a big-endian GGUF file is not read"
                : $"GGUF version {version} is not read (2 and 3 are)");
        }

        var (tensors, fields) = (reader.UInt64(), reader.UInt64());
        if (tensors > MostEntries || fields > MostEntries)
            throw new InvalidDataException($"it claims {tensors} tensors and {fields} metadata; at most {MostEntries} of each are read");
        var metadata = new Dictionary<string, object>(StringComparer.Ordinal);
        for (var i = 0UL; i < fields; i++)
        {
            var key = reader.Text($"the name of metadata {i}");
            if (!metadata.TryAdd(key, reader.Value(reader.UInt32(), Shown(key))))
                throw new InvalidDataException($"{Shown(key)} is there twice");
        }

        var header = new GgufHeader(metadata, new Dictionary<string, GgufTensor>());
        return new GgufHeader(metadata, ReadTensors(reader, (int)tensors, header.Integer("general.alignment", 1, 1 << 20, 32), stream.Length));
    }

    public bool Has(string key) => _fields.ContainsKey(key);

    /// <exception cref="InvalidDataException">It is absent without a fallback, not a whole number or outside the range.</exception>
    public int Integer(string key, int min, int max, int? fallback = null) => !_fields.TryGetValue(key, out var value)
        ? fallback ?? throw new InvalidDataException($"{key} is missing")
        : value is long number && number >= min && number <= max ? (int)number
            : throw Wrong(key, $"must be a whole number from {min} to {max}");

    /// <exception cref="InvalidDataException">It is absent without a fallback, not a number or outside the range.</exception>
    public double Number(string key, double min, double max, double? fallback = null) => !_fields.TryGetValue(key, out var value)
        ? fallback ?? throw new InvalidDataException($"{key} is missing")
        : value is double or long && Convert.ToDouble(value, CultureInfo.InvariantCulture) is var number && number >= min && number <= max ? number
            : throw Wrong(key, FormattableString.Invariant($"must be a number from {min} to {max}"));

    public string? Text(string key) => !_fields.TryGetValue(key, out var value) ? null : value as string ?? throw Wrong(key, "must be a text");

    /// <exception cref="InvalidDataException">It is absent or not a list of these.</exception>
    public T[] List<T>(string key) => !_fields.TryGetValue(key, out var value) ? throw new InvalidDataException($"{key} is missing")
        : value as T[] ?? throw Wrong(key, $"must be a list of {(typeof(T) == typeof(string) ? "texts" : "whole numbers")}");

    public IEnumerable<string> Keys => _fields.Keys;

    public InvalidDataException Wrong(string key, string rule) =>
        new($"{key} = {Shown(_fields.TryGetValue(key, out var value) ? value : "(absent)")}: {rule}");

    private static Dictionary<string, GgufTensor> ReadTensors(GgufReader reader, int count, int alignment, long fileLength)
    {
        if ((alignment & (alignment - 1)) != 0)
            throw new InvalidDataException($"general.alignment = {alignment}: must be a power of two");
        var described = new List<(string Name, GgufType Type, long[] Shape, ulong Offset)>();
        for (var i = 0; i < count; i++)
        {
            var name = reader.Text($"the name of tensor {i}");
            var rank = reader.UInt32();
            if (rank is 0 or > 4)
                throw new InvalidDataException($"tensor {Shown(name)} has {rank} dimensions");
            var shape = new long[rank];
            for (var d = (int)rank - 1; d >= 0; d--)
            {
                var size = reader.UInt64();
                shape[d] = size is > 0 and <= int.MaxValue
                    ? (long)size
                    : throw new InvalidDataException($"tensor {Shown(name)} has a dimension of {size}");
            }

            var id = reader.UInt32();
            var type = GgufType.Of(id) ?? throw new InvalidDataException($"tensor {Shown(name)} has {GgufType.Refusal(id)}");
            described.Add((name, type, shape, reader.UInt64()));
        }

        var start = (reader.Position + alignment - 1) / alignment * alignment;
        var tensors = new Dictionary<string, GgufTensor>(StringComparer.Ordinal);
        foreach (var (name, type, shape, offset) in described)
        {
            if (shape[^1] % type.BlockSize != 0)
            {
                throw new InvalidDataException(
                    $"tensor {Shown(name)} has rows of {shape[^1]}, which are not whole {type.Name} blocks of {type.BlockSize}");
            }

            var elements = shape.Aggregate((Int128)1, (a, b) => a * b);
            var length = elements / type.BlockSize * type.BlockBytes;
            if (offset % (ulong)alignment != 0)
                throw new InvalidDataException($"tensor {Shown(name)} begins at {offset}, which is not a multiple of general.alignment {alignment}");
            if ((Int128)offset + length > Math.Max(0, fileLength - start))
            {
                throw new InvalidDataException(
                    $"tensor {Shown(name)} needs {length} bytes from {start + (Int128)offset}; the file ends at {fileLength}: it is not complete");
            }

            if (!tensors.TryAdd(name, new GgufTensor(name, type, shape, start + (long)offset, (long)length)))
                throw new InvalidDataException($"tensor {Shown(name)} is there twice");
        }

        CheckOverlaps(tensors.Values);
        return tensors;
    }

    private static void CheckOverlaps(IEnumerable<GgufTensor> tensors)
    {
        GgufTensor? before = null;
        foreach (var tensor in tensors.OrderBy(t => t.Offset).ThenBy(t => t.Length))
        {
            if (before is not null && tensor.Offset < before.Offset + before.Length)
                throw new InvalidDataException($"tensor {Shown(tensor.Name)} overlaps {Shown(before.Name)}");
            before = tensor;
        }
    }

    private static string Shown(object value) => SafeTensorsHeader.Shown(
        (value is Array list ? $"(a list of {list.Length})" : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "").ReplaceLineEndings(" "));
}
