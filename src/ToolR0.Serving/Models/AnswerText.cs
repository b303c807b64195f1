using System.Text;
using ToolR0.Serving.Conversations;
using ToolR0.Tokenization;

namespace ToolR0.Serving.Models;

/// <summary>
/// The text of an answer as its tokens come, up to the first stop text. What it gives, put together, is the text that <see cref="ReadAnswer"/> finds
/// in the whole. Not thread-safe.
/// </summary>
/// <param name="opening">With which the answer begins before its first token.</param>
/// <param name="mayCall">What may become calls is kept back until <see cref="Finish"/>.</param>
public sealed class AnswerText(Tokenizer tokenizer, string opening, IReadOnlyList<string> stop, bool mayCall)
{
    private readonly DecodeStream _decoder = tokenizer.DecodeStream();
    private readonly StringBuilder _text = new(opening);
    private int _given;

    /// <summary>The answer so far.</summary>
    public string Whole => Cut(_text.ToString(), opening.Length, stop);

    /// <summary>What is text for certain after this token and was not before.</summary>
    public string Append(int token)
    {
        // A model may have more rows than its tokenizer has entries; those decode to nothing.
        if (token >= tokenizer.VocabularySize || tokenizer.StopTokens.Contains(token))
            return "";
        var more = _decoder.Append(token);
        if (more.Length == 0)
            return "";
        _text.Append(more);
        var text = Whole;
        var certain = text.Length == _text.Length ? text.Length - Kept(text) : text.Length;
        return Give(text, mayCall ? Math.Min(certain, ReadAnswer.CertainText(text[..certain])) : certain);
    }

    /// <summary>The rest of an answer's text.</summary>
    /// <param name="text">How much of <see cref="Whole"/> is text.</param>
    public string Finish(int text) => Give(Whole, text);

    /// <summary>Reads no further than the end: bytes of a character that was cut off become U+FFFD.</summary>
    public void End() => _text.Append(_decoder.Finish());

    /// <summary>A text up to the first of the stop texts that begins behind <paramref name="from"/>.</summary>
    public static string Cut(string text, int from, IReadOnlyList<string> stop)
    {
        var ends = stop.Select(end => text.IndexOf(end, from, StringComparison.Ordinal)).Where(at => at >= 0).ToList();
        return ends.Count == 0 ? text : text[..ends.Min()];
    }

    private string Give(string text, int until)
    {
        if (until <= _given)
            return "";
        var more = text[_given..until];
        _given = until;
        return more;
    }

    /// <summary>Characters at the end with which a stop text may begin.</summary>
    private int Kept(string text)
    {
        var kept = 0;
        foreach (var end in stop)
        {
            for (var length = Math.Min(end.Length - 1, text.Length - opening.Length); length > kept; length--)
            {
                if (text.AsSpan().EndsWith(end.AsSpan(0, length), StringComparison.Ordinal))
                    kept = length;
            }
        }

        return kept;
    }
}
