using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace ToolR0.Tokenization;

/// <summary>
/// A regular expression of a pre-tokenizer. It sees code points, as the original does: .NET's engine sees UTF-16 units, so a code point above U+FFFF
/// is shown to it as one character (<see cref="StandIns"/>).
/// </summary>
internal sealed class SplitPattern
{
    private const int MostCompiled = 64;

    /// <summary>Compiling takes tens of milliseconds, and most tokenizers share a few expressions.</summary>
    private static readonly ConcurrentDictionary<string, Regex> Compiled = new(StringComparer.Ordinal);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private static readonly StandIns NothingNamed = new([], []);

    private readonly Regex _regex;
    private readonly StandIns _standIns;

    private SplitPattern(Regex regex, StandIns standIns) => (_regex, _standIns) = (regex, standIns);

    /// <summary>Reads an expression in the syntax Hugging Face files use (Oniguruma, Ruby).</summary>
    /// <exception cref="FormatException">The expression is broken or uses a construct that is not supported; the message names it.</exception>
    public static SplitPattern Parse(string pattern)
    {
        var (translated, standIns) = RegexTranslator.Translate(pattern);
        try
        {
            return new SplitPattern(CompiledOnce(translated), standIns);
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"'{pattern}' is not a regular expression: {e.Message}", e);
        }
    }

    public static SplitPattern Literal(string text) =>
        new(new Regex(Regex.Escape(text), RegexOptions.CultureInvariant, Limit), NothingNamed);

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
                shown[count] = _standIns.Of(char.ConvertToUtf32(text[i], text[i + 1]));
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
}

/// <summary>Part of a text, from <paramref name="Start"/> up to <paramref name="Stop"/>, and whether the expression matched it.</summary>
internal readonly record struct Cut(int Start, int Stop, bool IsMatch);
