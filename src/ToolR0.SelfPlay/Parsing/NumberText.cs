using System.Globalization;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>Exact comparison of written decimal numbers, whatever their size: 1.0, 1 and 10e-1 have one normal form.</summary>
public static class NumberText
{
    private const int LongestPlain = 40;

    /// <summary>Exponents beyond count as this: no value that means anything is that large.</summary>
    private const long LargestExponent = 1_000_000_000_000;

    /// <summary>
    /// The normal form of a decimal number: sign, digits without needless zeros, and no exponent unless the plain form would pass 40
    /// characters. Null if <paramref name="text"/> (trimmed) is not a decimal number.
    /// </summary>
    public static string? Normalise(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        var at = 0;
        var negative = false;
        if (at < text.Length && text[at] is '-' or '+')
            negative = text[at++] == '-';

        Span<char> digits = text.Length <= 256 ? stackalloc char[text.Length] : new char[text.Length];
        var count = 0;
        var seen = false;
        long exponent = 0;
        var point = false;
        for (; at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '.' && !point); at++)
        {
            if (text[at] == '.')
            {
                point = true;
                continue;
            }

            seen = true;
            if (point)
                exponent--;
            if (count > 0 || text[at] != '0')
                digits[count++] = text[at];
        }

        if (!seen)
            return null;
        if (at < text.Length)
        {
            if (text[at] is not ('e' or 'E') || !TryExponent(text[(at + 1)..], out var written))
                return null;
            exponent += written;
        }

        while (count > 0 && digits[count - 1] == '0')
        {
            count--;
            exponent++;
        }

        return count == 0 ? "0" : Format(negative, digits[..count], Math.Clamp(exponent, -LargestExponent, LargestExponent));
    }

    private static bool TryExponent(ReadOnlySpan<char> text, out long value)
    {
        value = 0;
        var negative = !text.IsEmpty && text[0] == '-';
        if (!text.IsEmpty && text[0] is '-' or '+')
            text = text[1..];
        if (text.IsEmpty)
            return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
                return false;
            value = Math.Min(value * 10 + (c - '0'), 2 * LargestExponent);
        }

        value = negative ? -value : value;
        return true;
    }

    private static string Format(bool negative, ReadOnlySpan<char> digits, long exponent)
    {
        var sign = negative ? "-" : "";
        if (exponent >= 0 && digits.Length + exponent <= LongestPlain)
            return $"{sign}{digits}{new string('0', (int)exponent)}";
        var whole = digits.Length + exponent;
        if (exponent < 0 && whole > 0 && digits.Length < LongestPlain)
            return $"{sign}{digits[..(int)whole]}.{digits[(int)whole..]}";
        if (exponent < 0 && whole <= 0 && -exponent < LongestPlain)
            return $"{sign}0.{new string('0', (int)-whole)}{digits}";
        return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits}e{exponent}");
    }
}
