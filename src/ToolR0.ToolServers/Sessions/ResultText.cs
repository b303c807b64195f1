using System.Text.Json;
using System.Text.Json.Nodes;

namespace ToolR0.ToolServers.Sessions;

/// <summary>A result of a call as text.</summary>
/// <param name="Parts">Contents of it.</param>
internal sealed record ResultText(string Text, bool IsError, int Parts)
{
    /// <summary>
    /// Texts as they are, one after the other; everything else as a line in brackets that says what it is. Of a text and structured content that
    /// say the
    /// same, the text.
    /// </summary>
    public static ResultText Of(JsonNode? result, int mostCharacters)
    {
        var contents = result?["content"] as JsonArray ?? [];
        var texts = contents.Select(Content).ToList();
        if (result?["structuredContent"] is JsonObject structured && !texts.Any(text => IsSame(text, structured)))
        {
            var onlyText = contents.Count == 1 && structured.Count == 1
                && structured.First().Value is JsonValue value && value.GetValueKind() == JsonValueKind.String
                && value.GetValue<string>() == texts[0];
            if (!onlyText && texts.All(text => text.Length == 0 || text[0] == '['))
                texts.Add(structured.ToJsonString(Plain));
        }

        var whole = string.Join('\n', texts.Where(text => text.Length > 0));
        var isError = result?["isError"] is JsonValue flag && flag.GetValueKind() == JsonValueKind.True;
        return new ResultText(Cut(whole, mostCharacters), isError, texts.Count);
    }

    /// <summary>The beginning of a text that is too long, with a note of what is left out.</summary>
    public static string Cut(string text, int mostCharacters)
    {
        if (text.Length <= mostCharacters)
            return text;
        var end = char.IsHighSurrogate(text[mostCharacters - 1]) ? mostCharacters - 1 : mostCharacters;
        return FormattableString.Invariant($"{text[..end]}\n[{text.Length - end} more characters were cut]");
    }

    /// <summary>The beginning of a text that is too long, with a sign at its end.</summary>
    public static string Cut(string text, int mostCharacters, string sign) => text.Length <= mostCharacters ? text : text[..mostCharacters] + sign;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string Content(JsonNode? content) => Field(content, "type") switch
    {
        "text" => Field(content, "text"),
        "image" or "audio" => $"[{Field(content, "type")} {Field(content, "mimeType")}, {Size(Field(content, "data"))}]",
        "resource_link" => $"[resource {Field(content, "uri")}]",
        "resource" when content!["resource"] is { } resource => Field(resource, "text") is { Length: > 0 } text
            ? text
            : $"[resource {Field(resource, "uri")} {Field(resource, "mimeType")}, {Size(Field(resource, "blob"))}]",
        var other => $"[content of type {other}]",
    };

    private static string Size(string base64) => FormattableString.Invariant($"{base64.Length * 3L / 4} bytes");

    private static string Field(JsonNode? node, string field) =>
        node is JsonObject && node[field] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : "";

    /// <summary>A text that is the JSON of the structured content, or of its only member.</summary>
    private static bool IsSame(string text, JsonObject structured)
    {
        if (text.Length == 0 || text[0] is not ('{' or '['))
            return false;
        try
        {
            var read = JsonNode.Parse(text);
            return JsonNode.DeepEquals(read, structured) || structured.Any(member => JsonNode.DeepEquals(read, member.Value));
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
