namespace ToolR0.SelfPlay.Parsing;

/// <summary>
/// A completion whose blocks are looked for. A tag inside a string of a JSON block is text and not a tag: an answer or tools block that is one JSON
/// value from its opening to its closing tag is taken as a whole, whatever its strings say. Elsewhere each tag counts where it stands.
/// </summary>
public sealed class TaggedText
{
    /// <summary>Stands where a '&lt;' is text.</summary>
    private const char Hidden = '\u0001';

    /// <summary>Characters that are read to find JSON blocks, in units of the text's length: no text makes that take long.</summary>
    private const int MostReadings = 16;

    private static readonly string[] JsonTags = [Tags.Answer, Tags.Tools];

    private readonly string _text;

    /// <summary>The text with every '&lt;' inside JSON blocks hidden; as long as the text.</summary>
    private readonly string _seen;

    private readonly StringComparison _comparison;

    public TaggedText(string text, StringComparison comparison)
    {
        (_text, _comparison) = (text, comparison);
        _seen = HideStrings(text, comparison);
    }

    /// <summary>
    /// The trimmed content of the first (<paramref name="last"/> false) or last complete pair, null if there is none. The last pair begins at the
    /// last opening tag before its end: a tag that thoughts only speak of opens nothing.
    /// </summary>
    public string? Find(string tag, bool last)
    {
        var open = $"<{tag}>";
        var close = $"</{tag}>";
        string? found = null;
        for (var at = 0; ;)
        {
            var start = _seen.IndexOf(open, at, _comparison);
            if (start < 0)
                return found;
            start += open.Length;
            var end = _seen.IndexOf(close, start, _comparison);
            if (end < 0)
                return found;
            if (!last)
                return _text[start..end].Trim();
            var inner = _seen.AsSpan(start, end - start).LastIndexOf(open, _comparison);
            found = _text[(inner < 0 ? start : start + inner + open.Length)..end].Trim();
            at = end + close.Length;
        }
    }

    private static string HideStrings(string text, StringComparison comparison)
    {
        char[]? seen = null;
        var budget = (long)MostReadings * text.Length;
        for (var at = text.IndexOf('<'); at >= 0 && at < text.Length && budget > 0; at = text.IndexOf('<', at + 1))
        {
            if (Array.Find(JsonTags, tag => StartsAt(text, at, $"<{tag}>", comparison)) is not { } tag)
                continue;
            var start = at + tag.Length + 2;
            if (Length(text, start, $"</{tag}>", comparison, ref budget) is not (> 0 and var length))
                continue;
            var content = text.AsSpan(start, length);
            if (content.Contains('<'))
            {
                seen ??= text.ToCharArray();
                content.Replace(seen.AsSpan(start, length), '<', Hidden);
            }

            at = start + length - 1;
        }

        return seen is null ? text : new string(seen);
    }

    /// <summary>The length of the JSON value that is all that stands between <paramref name="start"/> and the closing tag behind it, or -1.</summary>
    private static int Length(string text, int start, string close, StringComparison comparison, ref long budget)
    {
        // The usual block: nothing in it looks like a tag, and no other closing tag follows.
        var next = text.IndexOf('<', start);
        if (next < 0)
            return -1;
        if (StartsAt(text, next, close, comparison) && text.IndexOf(close, next + close.Length, comparison) is var other)
        {
            budget -= (other < 0 ? text.Length : other) - start;
            if (other < 0)
                return -1;
        }

        var rest = text.AsSpan(start);
        if (rest.TrimStart() is not [('[' or '{' or '(' or '`'), ..])
            return -1;
        var length = RelaxedJson.LengthOfValue(rest, out var read);
        budget -= read;
        return length > 0 && rest[length..].StartsWith(close, comparison) ? length : -1;
    }

    private static bool StartsAt(string text, int at, string tag, StringComparison comparison) => text.AsSpan(at).StartsWith(tag, comparison);
}
