using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ToolR0.Contracts;

/// <summary>A part of a message that may be large and says the same over and over: its JSON, compressed by Brotli, in base 64.</summary>
public sealed class PackedJson<T> : JsonConverter<T>
{
    /// <exception cref="JsonException">What was packed is not JSON of a <typeparamref name="T"/>.</exception>
    public override T? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var packed = new BrotliStream(new MemoryStream(reader.GetBytesFromBase64()), CompressionMode.Decompress);
        try
        {
            return JsonSerializer.Deserialize<T>(packed, options);
        }
        catch (InvalidDataException e)
        {
            throw new JsonException("not what was packed", e);
        }
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options)
    {
        var bytes = new MemoryStream();
        using (var packed = new BrotliStream(bytes, CompressionLevel.Optimal, leaveOpen: true))
            JsonSerializer.Serialize(packed, value, options);
        writer.WriteBase64StringValue(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
    }
}
