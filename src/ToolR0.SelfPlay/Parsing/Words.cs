using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>
/// Text brought down to what is compared: Unicode NFKC, case folded, everything that is no letter or digit a space. The NFKC tables are our own
/// resource because the runtime's depend on whether ICU is installed, and rewards must not.
/// </summary>
public static class Words
{
    private static readonly Lazy<(FrozenDictionary<int, string> Forms, FrozenDictionary<(int, int), int> Pairs)> Tables = new(Load);

    /// <summary>The words of a text, one space between and one at each end, so that " word " can be searched for.</summary>
    public static string Fold(string text)
    {
        var folded = new StringBuilder(text.Length + 2).Append(' ');
        foreach (var rune in Nfkc(text).EnumerateRunes())
        {
            if (!Rune.IsLetterOrDigit(rune))
            {
                if (folded[^1] != ' ')
                    folded.Append(' ');
                continue;
            }

            // The two foldings beyond lower case that change a word's letters.
            switch (rune.Value)
            {
                case 0xDF or 0x1E9E:
                    folded.Append("ss");
                    break;
                case 0x3C2:
                    folded.Append('σ');
                    break;
                default:
                    folded.Append(Rune.ToLowerInvariant(rune).ToString());
                    break;
            }
        }

        if (folded[^1] != ' ')
            folded.Append(' ');
        return folded.ToString();
    }

    /// <summary>Unicode NFKC (marks are composed in the order they stand in).</summary>
    public static string Nfkc(string text)
    {
        if (Ascii.IsValid(text))
            return text;
        var (forms, pairs) = Tables.Value;
        var mapped = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            mapped.Append(forms.TryGetValue(rune.Value, out var form) ? form : rune.ToString());

        var composed = new List<int>(mapped.Length);
        foreach (var rune in mapped.ToString().EnumerateRunes())
        {
            if (composed.Count > 0 && Compose(pairs, composed[^1], rune.Value) is { } single)
                composed[^1] = single;
            else
                composed.Add(rune.Value);
        }

        var result = new StringBuilder(composed.Count);
        foreach (var code in composed)
            result.Append(new Rune(code).ToString());
        return result.ToString();
    }

    private static int? Compose(FrozenDictionary<(int, int), int> pairs, int first, int second)
    {
        if (pairs.TryGetValue((first, second), out var single))
            return single;

        // Hangul: leading consonant + vowel, syllable without + trailing consonant.
        if (first is >= 0x1100 and < 0x1113 && second is >= 0x1161 and < 0x1176)
            return 0xAC00 + ((first - 0x1100) * 21 + (second - 0x1161)) * 28;
        if (first is >= 0xAC00 and <= 0xD7A3 && (first - 0xAC00) % 28 == 0 && second is > 0x11A7 and < 0x11C3)
            return first + second - 0x11A7;
        return null;
    }

    private static (FrozenDictionary<int, string>, FrozenDictionary<(int, int), int>) Load()
    {
        var forms = new Dictionary<int, string>();
        var pairs = new Dictionary<(int, int), int>();
        foreach (var line in Resources.Text("nfkc.txt").Split('\n'))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields is ["m", var code, .. var form])
                forms[Hex(code)] = string.Concat(form.Select(f => char.ConvertFromUtf32(Hex(f))));
            else if (fields is ["c", var whole, var first, var second])
                pairs[(Hex(first), Hex(second))] = Hex(whole);
        }

        return (forms.ToFrozenDictionary(), pairs.ToFrozenDictionary());
    }

    private static int Hex(string code) => int.Parse(code, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
