using System.Globalization;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Rewards;

/// <summary>
/// Whether argument values can be read in the question: some variant of the value occurs there on word boundaries, after
/// <see cref="Words.Fold"/>. Variants: the text itself; integers with and without thousands separators; number words 0-19 and tens, both ways;
/// numbers without needless zeros (2.50 as 2.5).
/// </summary>
public static class Grounding
{
    private static readonly string[] Small =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ];

    private static readonly string[] Tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

    private static readonly Dictionary<string, string> WordOf = Small.Select((word, n) => (word, n))
        .Concat(Tens.Select((word, n) => (word, n: (n + 2) * 10)))
        .ToDictionary(p => p.n.ToString(CultureInfo.InvariantCulture), p => p.word);

    private static readonly Dictionary<string, string> NumberOf = WordOf.ToDictionary(p => p.Value, p => p.Key);

    /// <summary>True when every value of every call is grounded; booleans and nulls are skipped, no arguments counts as grounded.</summary>
    /// <param name="chained">A value may refer to the result of an earlier call instead.</param>
    public static bool AllGrounded(string question, IReadOnlyList<ToolCall> calls, bool chained = false)
    {
        var folded = Words.Fold(question);
        return (!chained || GoldReferences.AreToEarlier(calls)) && calls.All(call => call.Arguments.Values.All(value =>
            chained && GoldReferences.Of(value) is not null || IsGrounded(question, folded, value)));
    }

    public static bool IsGrounded(string question, JsonElement value) => IsGrounded(question, Words.Fold(question), value);

    private static bool IsGrounded(string question, string folded, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Occurs(question, folded, Variants(CanonicalJson.Text(value).Trim())),
        JsonValueKind.Number => Occurs(question, folded, Variants(value.GetRawText()).Append(NumberText.Normalise(value.GetRawText()) ?? "")),
        JsonValueKind.Array => value.EnumerateArray().All(item => IsGrounded(question, folded, item)),
        JsonValueKind.Object => value.EnumerateObject().All(member => IsGrounded(question, folded, member.Value)),
        _ => true,
    };

    private static bool Occurs(string question, string folded, IEnumerable<string> variants)
    {
        foreach (var variant in variants)
        {
            var words = Words.Fold(variant);

            // A value of signs only ("+") has no words: it must occur as it is.
            if (words.Length > 1 ? folded.Contains(words, StringComparison.Ordinal) : variant.Length > 0
                && question.Contains(variant, StringComparison.Ordinal))
                return true;
        }

        return false;
    }

    private static IEnumerable<string> Variants(string text)
    {
        yield return text;
        if (NumberOf.TryGetValue(text.ToLowerInvariant(), out var digits))
            yield return digits;

        var plain = NumberText.Normalise(IsSeparated(text) ? text.Replace(",", "", StringComparison.Ordinal) : text);
        if (plain is null || plain.Contains('.') || plain.Contains('e'))
            yield break;
        yield return plain;
        var magnitude = plain.TrimStart('-');
        if (magnitude.Length > 3)
            yield return Separated(magnitude);
        if (WordOf.TryGetValue(magnitude, out var word))
            yield return word;
    }

    /// <summary>Commas stand between thousands: 1,234 and -1,234,567.00, not 3,4.</summary>
    private static bool IsSeparated(string text)
    {
        var groups = text.TrimStart('-', '+').Split('.')[0].Split(',');
        return groups.Length > 1 && groups[0].Length is >= 1 and <= 3 && groups.Skip(1).All(group => group.Length == 3);
    }

    /// <summary>1234567 -> 1,234,567.</summary>
    private static string Separated(string digits)
    {
        var head = digits.Length % 3;
        var groups = digits.Skip(head).Chunk(3).Select(chunk => new string(chunk));
        return string.Join(',', head == 0 ? groups : groups.Prepend(digits[..head]));
    }
}
