using System.Text.Json;
using System.Text.Json.Nodes;

namespace ToolR0.Tokenization;

/// <summary>Text of strangers in a conversation: what it says never becomes a special token.</summary>
public sealed partial class Tokenizer
{
    /// <summary>A noncharacter: Unicode keeps it for uses inside a program, such as this.</summary>
    private const char Break = '\uFDD0';

    private string[]? _guarded;

    /// <summary>What only the chat template may write: special tokens and those that end a turn, the longest first.</summary>
    private string[] Reserved => _guarded ??= [.. Enumerable.Range(0, _tokens.Length).Where(id => _special[id] || StopTokens.Contains(id))
        .Select(id => _tokens[id]).OfType<string>().Where(token => token.Length > 1).OrderByDescending(token => token.Length)];

    /// <summary>
    /// The text with each special token that occurs in it broken, so that <see cref="EncodeGuarded"/> reads it as plain text. A text without any is
    /// unchanged.
    /// </summary>
    public string Guard(string text)
    {
        text = text.Replace(Break, '\uFFFD');
        foreach (var token in Reserved)
        {
            if (text.Contains(token, StringComparison.Ordinal))
                text = text.Replace(token, $"{token[..1]}{Break}{token[1..]}", StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>The same of every name and text of a JSON value.</summary>
    public JsonElement Guard(JsonElement value)
    {
        var raw = value.GetRawText();
        return !raw.Contains('\\') && Guard(raw) == raw ? value : JsonSerializer.SerializeToElement(Guarded(value));
    }

    /// <summary>
    /// The ids of a rendered conversation into which guarded texts were put: special tokens that the template wrote count as such, those of the texts
    /// are text. Without broken tokens these are the ids of <see cref="Encode(string)"/>.
    /// </summary>
    /// <exception cref="InvalidDataException">The pre-tokenizer's expression takes too long on this text.</exception>
    public int[] EncodeGuarded(string text)
    {
        if (!text.Contains(Break))
            return Encode(text);
        var tokens = new List<int>();
        foreach (var (token, part) in _verbatim.Split(text))
        {
            if (token is not null)
            {
                tokens.Add(token.Id);
                continue;
            }

            foreach (var (normalized, plain) in _normalized.Split(Normalize(part)))
            {
                if (normalized is not null)
                    tokens.Add(normalized.Id);
                else
                    EncodeWords(plain.Replace($"{Break}", "", StringComparison.Ordinal), tokens);
            }
        }

        return [.. tokens];
    }

    private JsonNode? Guarded(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                var map = new JsonObject();
                foreach (var member in value.EnumerateObject())
                    map[Guard(member.Name)] = Guarded(member.Value);
                return map;
            case JsonValueKind.Array:
                return new JsonArray([.. value.EnumerateArray().Select(Guarded)]);
            case JsonValueKind.String:
                return JsonValue.Create(Guard(value.GetString()!));
            default:
                return JsonNode.Parse(value.GetRawText());
        }
    }
}
