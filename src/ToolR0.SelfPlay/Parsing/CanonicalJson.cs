using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>JSON text with one spelling per value: no white space, keys sorted by code unit, numbers in their normal form (1.0 is 1, 1e2 is
/// 100).</summary>
public static class CanonicalJson
{
    public static string Of(JsonElement value)
    {
        var text = new StringBuilder();
        Write(text, value);
        return text.ToString();
    }

    public static void Write(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(text, value);
                break;
            case JsonValueKind.Array:
                text.Append('[');
                var first = true;
                foreach (var item in value.EnumerateArray())
                {
                    if (!first)
                        text.Append(',');
                    first = false;
                    Write(text, item);
                }

                text.Append(']');
                break;
            case JsonValueKind.String:
                WriteString(text, Text(value));
                break;
            case JsonValueKind.Number:
                var raw = value.GetRawText();
                text.Append(NumberText.Normalise(raw) ?? raw);
                break;
            case JsonValueKind.True:
                text.Append("true");
                break;
            case JsonValueKind.False:
                text.Append("false");
                break;
            default:
                text.Append("null");
                break;
        }
    }

    /// <summary>A JSON string: only quote, backslash and control characters are escaped.</summary>
    public static void WriteString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            if (c is '"' or '\\')
                text.Append('\\').Append(c);
            else if (c == '\n')
                text.Append("\\n");
            else if (c < ' ')
                text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            else
                text.Append(c);
        }

        text.Append('"');
    }

    /// <summary>The text of a string value; text that is no valid UTF-16 (lone surrogates) is given back as it is written.</summary>
    public static string Text(JsonElement value)
    {
        try
        {
            return value.GetString() ?? "";
        }
        catch (InvalidOperationException)
        {
            return value.GetRawText();
        }
    }

    private static void WriteObject(StringBuilder text, JsonElement value)
    {
        var members = new SortedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in value.EnumerateObject())
            members[member.Name] = member.Value;
        text.Append('{');
        foreach (var (name, member) in members)
        {
            if (text[^1] != '{')
                text.Append(',');
            WriteString(text, name);
            text.Append(':');
            Write(text, member);
        }

        text.Append('}');
    }
}
