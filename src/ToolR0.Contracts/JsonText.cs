using System.Globalization;

namespace ToolR0.Contracts;

/// <summary>JSON texts from elsewhere.</summary>
public static class JsonText
{
    private const int EscapeLength = 6;

    /// <summary>
    /// The text with every half of a surrogate pair as U+FFFD, written as an escape or as it is. Some models' text is cut in the middle of a
    /// character, and some libraries write that down; here such a string cannot be read.
    /// </summary>
    public static string WithoutLoneSurrogates(string json)
    {
        char[]? mended = null;
        for (var at = 0; at < json.Length; at++)
        {
            if (json[at] == '\\')
            {
                var high = Escaped(json, at);
                if (char.IsHighSurrogate(high) && char.IsLowSurrogate(Escaped(json, at + EscapeLength)))
                    at += EscapeLength;
                else if (char.IsSurrogate(high))
                    "fffd".CopyTo((mended ??= json.ToCharArray()).AsSpan(at + 2));
                at += high == '\0' ? 1 : EscapeLength - 1;
            }
            else if (char.IsHighSurrogate(json[at]) && at + 1 < json.Length && char.IsLowSurrogate(json[at + 1]))
            {
                at++;
            }
            else if (char.IsSurrogate(json[at]))
            {
                (mended ??= json.ToCharArray())[at] = '\uFFFD';
            }
        }

        return mended is null ? json : new string(mended);
    }

    /// <summary>The UTF-16 unit that the escape at this place writes; NUL where none stands.</summary>
    private static char Escaped(string json, int at) =>
        at + EscapeLength <= json.Length && json[at] == '\\' && json[at + 1] == 'u'
        && ushort.TryParse(json.AsSpan(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit)
            ? (char)unit
            : '\0';
}
