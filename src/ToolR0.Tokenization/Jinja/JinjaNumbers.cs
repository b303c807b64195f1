using System.Globalization;
using System.Numerics;
using System.Text;

namespace ToolR0.Tokenization.Jinja;

/// <summary>Python's numbers: integers without limit (long, or <see cref="BigInteger"/> where that is too small) and floats; and how Python reads
/// them from text.</summary>
internal static class JinjaNumbers
{
    /// <summary>No integer has more bits than this.</summary>
    private const int MostBits = 20_000;

    /// <summary>The value as an integer, null if it is none; true is 1.</summary>
    public static BigInteger? Whole(object? value) => value switch
    {
        long n => n,
        bool b => b ? BigInteger.One : BigInteger.Zero,
        BigInteger n => n,
        _ => null,
    };

    /// <summary>long where it fits.</summary>
    public static object Of(BigInteger value)
    {
        if (value.GetBitLength() > MostBits)
            throw new JinjaException("a number becomes too large");
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    /// <summary>Exact, also between an integer and a float; null where one of them is no number of the line (NaN).</summary>
    public static int? Compare(object? left, object? right)
    {
        if (Whole(left) is { } m && Whole(right) is { } n)
            return m.CompareTo(n);
        var (x, y) = (Whole(left) is null ? JinjaValues.ToDouble(left) : 0, Whole(right) is null ? JinjaValues.ToDouble(right) : 0);
        if (double.IsNaN(x) || double.IsNaN(y))
            return null;
        if (Whole(left) is { } whole)
            return -CompareToWhole(y, whole);
        return Whole(right) is { } other ? CompareToWhole(x, other) : x.CompareTo(y);
    }

    /// <summary>Python's <c>int(text, base)</c>; null where it raises.</summary>
    public static object? ParseInt(string text, int radix)
    {
        var digits = Digits(text);
        var at = 0;
        var negative = at < digits.Length && digits[at] == '-';
        if (at < digits.Length && digits[at] is '-' or '+')
            at++;
        var prefix = radix switch { 2 => "0b", 8 => "0o", 16 => "0x", _ => "" };
        if (prefix.Length > 0 && digits.AsSpan(at).StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
        {
            at += 2;
            if (at < digits.Length && digits[at] == '_')
                at++;
        }
        if (radix is < 2 or > 36 || at == digits.Length || digits.Length > MostBits / 4)
            return null;
        var value = BigInteger.Zero;
        var separated = true; // at the beginning and after '_' a digit must come
        for (; at < digits.Length; at++)
        {
            if (digits[at] == '_' && !separated)
            {
                separated = true;
                continue;
            }
            var digit = char.IsAsciiDigit(digits[at]) ? digits[at] - '0' : char.IsAsciiLetter(digits[at])
                ? char.ToLowerInvariant(digits[at]) - 'a' + 10 : 99;
            if (digit >= radix)
                return null;
            value = value * radix + digit;
            separated = false;
        }
        return separated ? null : Of(negative ? -value : value);
    }

    /// <summary>Python's <c>float(text)</c>; null where it raises.</summary>
    public static double? ParseFloat(string text)
    {
        var digits = Digits(text);
        var name = digits.TrimStart('+', '-').ToLowerInvariant();
        if (name is "inf" or "infinity" or "nan" && digits.Length <= name.Length + 1)
            return name == "nan" ? double.NaN : digits[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
        var plain = new StringBuilder();
        for (var i = 0; i < digits.Length; i++)
        {
            if (digits[i] != '_')
                plain.Append(digits[i]);
            else if (i == 0 || i + 1 == digits.Length || !char.IsAsciiDigit(digits[i - 1]) || !char.IsAsciiDigit(digits[i + 1]))
                return null;
        }
        return plain.Length > 0 && (char.IsAsciiDigit(plain[^1]) || plain[^1] == '.')
            && double.TryParse(plain.ToString(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                CultureInfo.InvariantCulture, out var value)
            ? value
            : null;
    }

    /// <summary>What <c>|int</c> makes of a float: cut towards zero.</summary>
    public static object Truncate(double value) => double.IsFinite(value)
        ? Of(new BigInteger(Math.Truncate(value)))
        : throw new JinjaException($"the float {JinjaValues.RepresentFloat(value)} has no integer");

    /// <summary>Without white space around, and digits of any script as ASCII.</summary>
    private static string Digits(string text)
    {
        var plain = new StringBuilder();
        foreach (var c in JinjaMethods.Strip(text, null, true, true))
            plain.Append(CharUnicodeInfo.GetDecimalDigitValue(c) is >= 0 and var digit ? (char)('0' + digit) : c);
        return plain.ToString();
    }

    private static int CompareToWhole(double value, BigInteger whole)
    {
        if (double.IsInfinity(value))
            return value > 0 ? 1 : -1;
        var floor = Math.Floor(value);
        var order = new BigInteger(floor).CompareTo(whole);
        return order == 0 && value > floor ? 1 : order;
    }
}
