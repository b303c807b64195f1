using System.Globalization;
using System.Text;

namespace ToolR0.Tokenization;

/// <summary>A token that is recognised in the text itself, before any splitting. The flags are those of Hugging Face's <c>added_tokens</c>.</summary>
/// <param name="Special">Left out of decoded text on request.</param>
/// <param name="LeftStrip">Swallows the white space on its left.</param>
/// <param name="RightStrip">Swallows the white space on its right.</param>
/// <param name="SingleWord">Only matches where no word character touches it.</param>
/// <param name="Normalized">Matched in normalised text, after the tokens that are not.</param>
internal sealed record AddedToken(int Id, string Content, bool Special, bool LeftStrip, bool RightStrip, bool SingleWord, bool Normalized);

/// <summary>Finds added tokens in text: the leftmost match, and of those that start there the longest.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Node _root = new();

    public AddedTokenMatcher(IEnumerable<(string Content, AddedToken Token)> tokens)
    {
        foreach (var (content, token) in tokens)
        {
            var node = _root;
            foreach (var c in content)
            {
                if (!node.Children.TryGetValue(c, out var child))
                    node.Children.Add(c, child = new Node());
                node = child;
            }
            node.Token ??= token;
        }
    }

    public bool IsEmpty => _root.Children.Count == 0;

    /// <summary>Cuts <paramref name="text"/> into stretches that are one added token and stretches that hold none, in order; empty ones are left
    /// out.</summary>
    public IEnumerable<(AddedToken? Token, string Text)> Split(string text)
    {
        var done = 0;
        for (var at = 0; at < text.Length;)
        {
            var (token, length) = LongestAt(text, at);
            if (token is null || (token.SingleWord && (EndsInWord(text.AsSpan(0, at)) || StartsWithWord(text.AsSpan(at + length)))))
            {
                at += token is null ? 1 : length;
                continue;
            }
            var start = at;
            var stop = at + length;
            at = stop;
            while (token.LeftStrip && start > done && char.IsWhiteSpace(text[start - 1]))
                start--;
            while (token.RightStrip && stop < text.Length && char.IsWhiteSpace(text[stop]))
                stop++;
            if (start > done)
                yield return (null, text[done..start]);
            yield return (token, text[start..stop]); // even where the token before it has swallowed this text
            done = stop;
        }
        if (done < text.Length)
            yield return (null, done == 0 ? text : text[done..]);
    }

    private (AddedToken? Token, int Length) LongestAt(string text, int at)
    {
        var node = _root;
        var found = (Token: (AddedToken?)null, Length: 0);
        for (var i = at; i < text.Length && node.Children.TryGetValue(text[i], out var child); i++)
        {
            node = child;
            if (node.Token is not null)
                found = (node.Token, i + 1 - at);
        }
        return found;
    }

    private static bool EndsInWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    /// <summary>The regular expression class <c>\w</c>.</summary>
    private static bool IsWord(Rune rune) => Rune.IsLetter(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber
        or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
            or UnicodeCategory.ConnectorPunctuation
        or UnicodeCategory.LetterNumber;

    private sealed class Node
    {
        public Dictionary<char, Node> Children { get; } = [];
        public AddedToken? Token { get; set; }
    }
}
