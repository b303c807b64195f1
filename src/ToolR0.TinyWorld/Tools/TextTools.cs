using System.Globalization;
using System.Text;
using ToolR0.Contracts;

namespace ToolR0.TinyWorld.Tools;

/// <summary>Strings and text codes.</summary>
internal static class TextTools
{
    private const int LongestResult = 4096;
    private const string MorseAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

    private static readonly string[] Morse =
        (".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. " +
         "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.").Split(' ');

    private static readonly (int Value, string Letters)[] Roman =
    [
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"),
        (1, "I"),
    ];

    internal static readonly Dictionary<string, Func<ToolArguments, ToolState, object?>> Table = new()
    {
        ["reverse_letters"] = (a, _) => string.Concat(a.Text("text").Reverse()),
        ["repeat_phrase"] = (a, _) => string.Concat(Enumerable.Repeat(Short(a.Text("text")), a.Integer("times", 0, 1000))),
        ["join_names"] = (a, _) => a.Text("left") + a.Text("right"),
        ["pad_title"] = (a, _) => a.Text("text").PadRight(a.Integer("size", 0, LongestResult), '.'),
        ["rotate_string"] = (a, _) => Rotate(a.Text("text"), a.Integer("steps", 0, 1_000_000)),
        ["mask_label"] = (a, _) => Mask(a.Text("text"), a.Integer("keep", 0, LongestResult)),

        ["signal_morse"] = (a, _) => string.Join(' ', a.Text("message").ToLowerInvariant().Select(MorseOf)),
        ["shift_cipher"] = (a, _) => string.Concat(a.Text("message").Select(c => Shift(c, a.Integer("offset", -1000, 1000)))),
        ["binary_digits"] = (a, _) => Convert.ToString(a.Integer("number", 0, int.MaxValue), 2),
        ["spell_roman"] = (a, _) => RomanOf(a.Integer("number", 1, 3999)),
        ["check_parity"] = (a, _) => a.Text("message").Sum(c => c) % 2 == 0 == a.Flag("even"),
        ["encode_hex"] = (a, _) => a.Integer("number", 0, int.MaxValue).ToString("x", CultureInfo.InvariantCulture),
    };

    private static string Short(string text) =>
        text.Length <= LongestResult / 4 ? text
            : throw new ToolArgumentException($"text has {text.Length} characters: must have at most {LongestResult / 4}");

    private static string Rotate(string text, int steps) => text.Length == 0 ? text : text[(steps % text.Length)..] + text[..(steps % text.Length)];

    private static string Mask(string text, int keep) => keep >= text.Length ? text : text[..keep] + new string('*', text.Length - keep);

    private static string MorseOf(char c) => MorseAlphabet.IndexOf(c) is >= 0 and var at ? Morse[at] : c == ' ' ? "/" : "?";

    private static char Shift(char c, int offset) => c switch
    {
        >= 'a' and <= 'z' => Turn(c, 'a', offset),
        >= 'A' and <= 'Z' => Turn(c, 'A', offset),
        _ => c,
    };

    private static char Turn(char c, char first, int offset) => (char)(first + ((((c - first + offset) % 26) + 26) % 26));

    private static string RomanOf(int number)
    {
        var text = new StringBuilder();
        foreach (var (value, letters) in Roman)
        {
            for (; number >= value; number -= value)
                text.Append(letters);
        }

        return text.ToString();
    }
}
