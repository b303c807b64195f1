using System.Text.Json;
using System.Text.Json.Serialization;

namespace ToolR0.EventStore;

/// <summary>
/// How facts are written as JSON: camelCase members, enums by name (as dictionary keys too), numbers in the shortest form that reads back to
/// the same double or float, NaN and infinities as strings. PostgreSQL stores it as jsonb, which reorders the members of objects and keeps no
/// negative zero: nothing may depend on either. Arrays keep their order.
/// </summary>
public static class EventJson
{
    /// <summary>The options that facts are stored and read with.</summary>
    public static JsonSerializerOptions Options { get; } = Create();

    /// <summary>What is added to Marten's own settings (camelCase, enums as strings).</summary>
    internal static void Configure(JsonSerializerOptions options)
    {
        options.NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals;
        options.Converters.Add(new StorableStringConverter());
        options.Converters.Add(new StorableElementConverter());
    }

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
        options.Converters.Add(new JsonStringEnumConverter());
        Configure(options);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}

/// <summary>
/// jsonb has no U+0000, but a byte-level model can write one. It is stored as U+E000 followed by "0" (and a U+E000 of the text as U+E000
/// followed by "1"), and read back as it was.
/// </summary>
internal static class StorableText
{
    private const char Nul = '\0';

    public const char Marker = '\uE000';

    public static string Encode(string text) =>
        text.AsSpan().IndexOfAny(Nul, Marker) < 0 ? text : text.Replace($"{Marker}", $"{Marker}1").Replace($"{Nul}", $"{Marker}0");

    public static string Decode(string text) =>
        text.Contains(Marker) ? text.Replace($"{Marker}0", $"{Nul}").Replace($"{Marker}1", $"{Marker}") : text;

    /// <summary>Decodes inside JSON text, where the marker occurs in strings only.</summary>
    public static string DecodeJson(string json) =>
        json.Contains(Marker) ? json.Replace($"{Marker}0", "\\u0000").Replace($"{Marker}1", $"{Marker}") : json;
}

internal sealed class StorableStringConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetString() is { } text ? StorableText.Decode(text) : null;

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WriteStringValue(StorableText.Encode(value));

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        StorableText.Decode(reader.GetString()!);

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WritePropertyName(StorableText.Encode(value));
}

/// <summary>
/// A model's own JSON (arguments of a call) can hold what jsonb refuses: U+0000, half a surrogate pair (stored as U+FFFD), and numbers far
/// outside the range of double (stored as their text).
/// </summary>
internal sealed class StorableElementConverter : JsonConverter<JsonElement>
{
    public override JsonElement Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var element = JsonElement.ParseValue(ref reader);
        if (!element.GetRawText().Contains(StorableText.Marker))
            return element;
        using var decoded = JsonDocument.Parse(StorableText.DecodeJson(element.GetRawText()));
        return decoded.RootElement.Clone();
    }

    public override void Write(Utf8JsonWriter writer, JsonElement value, JsonSerializerOptions options)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Undefined:
                writer.WriteNullValue();
                break;
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in value.EnumerateObject())
                {
                    writer.WritePropertyName(StorableText.Encode(NameOf(member)));
                    Write(writer, member.Value, options);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                    Write(writer, item, options);
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(StorableText.Encode(TextOf(value)));
                break;
            case JsonValueKind.Number when !IsStorable(value):
                writer.WriteStringValue(value.GetRawText());
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }

    private static bool IsStorable(JsonElement number)
    {
        var text = number.GetRawText();
        if (text.Length < 16)
        {
            var exponent = text.AsSpan().IndexOfAny('e', 'E');
            return exponent < 0 || text.Length - exponent <= 4 || (number.TryGetDouble(out var small) && double.IsFinite(small) && small != 0);
        }

        return text.Length <= 512 && number.TryGetDouble(out var value) && double.IsFinite(value);
    }

    private static string TextOf(JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return "\uFFFD";
        }
    }

    private static string NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return "\uFFFD";
        }
    }
}
