using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;

namespace ToolR0.Tokenization;

/// <summary>
/// A regular expression of a pre-tokenizer. It sees code points, as the original does: .NET's engine sees UTF-16 units, so a code point above U+FFFF
/// is shown to it as one character of the same general category.
/// </summary>
internal sealed class SplitPattern
{
    private const int MostCompiled = 64;

    /// <summary>Compiling takes tens of milliseconds, and most tokenizers share a few expressions.</summary>
    private static readonly ConcurrentDictionary<string, Regex> Compiled = new(StringComparer.Ordinal);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private static readonly Lazy<char[]> StandIns = new(ChooseStandIns);

    private readonly Regex _regex;

    private SplitPattern(Regex regex) => _regex = regex;

    /// <summary>Reads an expression in the syntax Hugging Face files use (Oniguruma, Ruby).</summary>
    /// <exception cref="FormatException">The expression is broken or uses a construct that is not supported; the message names it.</exception>
    public static SplitPattern Parse(string pattern)
    {
        var translated = RegexTranslator.Translate(pattern);
        try
        {
            return new SplitPattern(CompiledOnce(translated));
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"'{pattern}' is not a regular expression: {e.Message}", e);
        }
    }

    public static SplitPattern Literal(string text) => new(new Regex(Regex.Escape(text), RegexOptions.CultureInvariant, Limit));

    private static Regex CompiledOnce(string pattern)
    {
        if (Compiled.TryGetValue(pattern, out var known))
            return known;
        var regex = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Multiline | RegexOptions.Compiled, Limit);
        if (Compiled.Count < MostCompiled)
            Compiled.TryAdd(pattern, regex);
        return regex;
    }

    /// <summary>Cuts <paramref name="text"/> into matches and the stretches between them, in order; empty ones are left out.</summary>
    /// <exception cref="RegexMatchTimeoutException">The expression takes longer than 5 s on this text.</exception>
    public void Cut(ReadOnlySpan<char> text, List<Cut> cuts)
    {
        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            Cut(text, null, cuts);
            return;
        }
        var shown = new char[text.Length];
        var starts = new int[text.Length + 1];
        var count = 0;
        for (var i = 0; i < text.Length; i++, count++)
        {
            starts[count] = i;
            if (!char.IsSurrogate(text[i]))
            {
                shown[count] = text[i];
            }
            else if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                var category = CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(text[i], text[i + 1]));
                shown[count] = StandIns.Value[(int)category];
                i++;
            }
            else
            {
                shown[count] = '\uFFFD';
            }
        }
        starts[count] = text.Length;
        Cut(shown.AsSpan(0, count), starts, cuts);
    }

    private void Cut(ReadOnlySpan<char> shown, int[]? starts, List<Cut> cuts)
    {
        var done = 0;
        foreach (var match in _regex.EnumerateMatches(shown))
        {
            Add(done, match.Index, false);
            Add(match.Index, match.Index + match.Length, true);
            done = match.Index + match.Length;
        }
        Add(done, shown.Length, false);

        void Add(int from, int to, bool isMatch)
        {
            if (from < to)
                cuts.Add(new Cut(At(from), At(to), isMatch));
        }

        int At(int index) => starts is null ? index : starts[index];
    }

    /// <summary>For every general category a character of it that no expression is likely to name: the last one below U+10000.</summary>
    private static char[] ChooseStandIns()
    {
        var standIns = new char[(int)UnicodeCategory.OtherNotAssigned + 1];
        for (var c = 0; c <= char.MaxValue; c++)
            standIns[(int)CharUnicodeInfo.GetUnicodeCategory((char)c)] = (char)c;
        return standIns;
    }
}

/// <summary>Part of a text, from <paramref name="Start"/> up to <paramref name="Stop"/>, and whether the expression matched it.</summary>
internal readonly record struct Cut(int Start, int Stop, bool IsMatch);
