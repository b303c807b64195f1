using System.Globalization;
using System.Numerics;
using System.Text;

namespace ToolR0.Tokenization.Jinja;

/// <summary>Python's two ways to write values into a text: <c>'%s' % value</c> and <c>'{}'.format(value)</c>.</summary>
internal static class JinjaFormat
{
    private const int Widest = 100_000;

    /// <summary>What <c>%</c> between a text and a value gives.</summary>
    public static string Percent(string format, object? value, JinjaScope scope)
    {
        var output = new StringBuilder();
        List<object?> values = value is JinjaTuple tuple ? tuple : [value];
        var next = 0;
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                output.Append(format[i]);
                continue;
            }
            i++;
            object? named = null;
            var hasName = i < format.Length && format[i] == '(';
            if (hasName)
            {
                var end = format.IndexOf(')', i);
                var map = value as JinjaMap ?? throw new JinjaException("a format with names needs a dict");
                if (end < 0 || !map.TryGetValue(format[(i + 1)..end], out named))
                    throw new JinjaException($"the format '{format}' names a key that the dict lacks");
                i = end + 1;
            }
            var flags = "";
            while (i < format.Length && "-+ #0".Contains(format[i]))
                flags += format[i++];
            var width = Count(format, ref i) ?? 0;
            int? precision = null;
            if (i < format.Length && format[i] == '.')
            {
                i++;
                precision = Count(format, ref i) ?? 0;
            }
            while (i < format.Length && format[i] is 'l' or 'h' or 'L')
                i++;
            if (i >= format.Length)
                throw new JinjaException($"the format '{format}' is incomplete");
            if (format[i] == '%')
            {
                output.Append('%');
                continue;
            }
            var item = hasName ? named : next < values.Count ? values[next++] : throw new JinjaException($"the format '{format}' needs more values");
            var kind = format[i];
            var align = flags.Contains('-') ? '<' : '>';
            var text = kind switch
            {
                's' => Cut(JinjaValues.ToText(item), precision),
                'r' or 'a' => Cut(JinjaValues.Represent(item), precision),
                'c' when item is string { Length: > 0 } c => c,
                'c' => char.ConvertFromUtf32(JinjaValues.ToInt(item)),
                'd' or 'i' or 'u' =>
                    Number(JinjaNumbers.Whole(item)
                    ?? JinjaNumbers.Whole(JinjaNumbers.Truncate(JinjaValues.ToDouble(item)))!.Value, 'd', flags, '\0'),
                'x' or 'X' or 'o' => Number(JinjaNumbers.Whole(item) ?? throw new JinjaException($"%{kind} needs a whole number"), kind, flags, '\0'),
                'f' or 'F' or 'e' or 'E' or 'g' or 'G' =>
                    Sign(JinjaValues.ToDouble(item), flags) + Real(Math.Abs(JinjaValues.ToDouble(item)), kind, precision ?? 6, flags.Contains('#')),
                _ => throw new JinjaException($"the format '%{kind}' is not supported"),
            };
            var zeros = flags.Contains('0') && align == '>' && kind is not ('s' or 'r' or 'a' or 'c');
            output.Append(Pad(text, width, zeros ? '=' : align, zeros ? "0" : " "));
            scope.Spend(text.Length + width);
        }
        if (next < values.Count && value is not JinjaMap && (value is JinjaTuple || next == 0))
            throw new JinjaException($"the format '{format}' has no place for all values");
        return output.ToString();
    }

    /// <summary>The method <c>format</c> of a text.</summary>
    public static string Braces(string format, JinjaArguments arguments)
    {
        var output = new StringBuilder();
        var next = 0;
        for (var i = 0; i < format.Length; i++)
        {
            var c = format[i];
            if (c is '{' or '}' && i + 1 < format.Length && format[i + 1] == c)
            {
                output.Append(c);
                i++;
            }
            else if (c == '{')
            {
                var end = format.IndexOf('}', i);
                if (end < 0 || format.AsSpan(i + 1, end - i - 1).Contains('{'))
                    throw new JinjaException(end < 0 ? $"the format '{format}' lacks a '}}'" : "formats inside formats are not supported");
                var text = Field(format[(i + 1)..end], arguments, ref next);
                output.Append(text);
                arguments.Scope.Spend(text.Length);
                i = end;
            }
            else if (c == '}')
            {
                throw new JinjaException($"the format '{format}' has a '}}' of its own");
            }
            else
            {
                output.Append(c);
            }
        }
        return output.ToString();
    }

    private static string Field(string field, JinjaArguments arguments, ref int next)
    {
        var colon = field.IndexOf(':');
        var (path, spec) = colon < 0 ? (field, "") : (field[..colon], field[(colon + 1)..]);
        var conversion = path.IndexOf('!') is >= 0 and var mark ? path[(mark + 1)..] : "";
        if (conversion.Length > 0)
            path = path[..path.IndexOf('!')];
        var nameEnd = path.IndexOfAny(['.', '[']) is >= 0 and var end ? end : path.Length;
        var name = path[..nameEnd];
        object? value;
        if (name.Length == 0)
            value = Positional(next++);
        else if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            value = Positional(index);
        else if (!arguments.Named.TryGetValue(name, out value))
            throw new JinjaException($"format lacks the argument {name}");
        for (var rest = path[nameEnd..]; rest.Length > 0;)
        {
            var close = rest[0] == '[' ? rest.IndexOf(']') : rest.IndexOfAny(['.', '['], 1) is > 0 and var stop ? stop : rest.Length;
            if (close < 1)
                throw new JinjaException($"the format field '{field}' is not supported");
            var key = rest[1..close];
            value = rest[0] == '[' && long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var at)
                ? IndexExpression.Of(value, at, arguments.Scope)
                : rest[0] == '[' ? IndexExpression.Of(value, key, arguments.Scope) : AttributeExpression.Of(value, key);
            rest = rest[0] == '[' ? rest[(close + 1)..] : rest[close..];
        }
        value = conversion switch
        {
            "" => value,
            "s" => JinjaValues.ToText(value),
            "r" or "a" => JinjaValues.Represent(value),
            _ => throw new JinjaException($"the conversion '!{conversion}' is not supported"),
        };
        return Written(value, spec);

        object? Positional(int at) =>
            at < arguments.Positional.Count ? arguments.Positional[at] : throw new JinjaException($"format needs argument {at}");
    }

    /// <summary>A value by a format specification: [[fill]align][sign][#][0][width][,][.precision][type].</summary>
    private static string Written(object? value, string spec)
    {
        if (spec.Length == 0)
            return JinjaValues.ToText(value);
        var i = 0;
        var (fill, align) = (" ", '\0');
        if (spec.Length > 1 && spec[1] is '<' or '>' or '^' or '=')
            (fill, align, i) = (spec[..1], spec[1], 2);
        else if (spec[0] is '<' or '>' or '^' or '=')
            (align, i) = (spec[0], 1);
        var flags = "";
        while (i < spec.Length && spec[i] is '+' or '-' or ' ' or '#')
            flags += spec[i++];
        if (i < spec.Length && spec[i] == '0')
        {
            if (align == '\0')
                (fill, align) = ("0", '=');
            i++;
        }
        var width = Count(spec, ref i) ?? 0;
        var group = i < spec.Length && spec[i] is ',' or '_' ? spec[i++] : '\0';
        int? precision = null;
        if (i < spec.Length && spec[i] == '.')
        {
            i++;
            precision = Count(spec, ref i);
        }
        var kind = i < spec.Length ? spec[i++] : '\0';
        if (i < spec.Length)
            throw new JinjaException($"the format ':{spec}' is not supported");
        if (value is string text)
            return kind is '\0' or 's' && align != '=' ? Pad(Cut(text, precision), width, align == '\0' ? '<' : align, fill)
                : throw new JinjaException($"the format ':{spec}' is not for a str");
        if (!JinjaValues.IsNumber(value))
            throw new JinjaException($"the format ':{spec}' is not for a {JinjaValues.TypeOf(value)}");
        string written;
        if (JinjaNumbers.Whole(value) is { } whole && kind is '\0' or 'd' or 'x' or 'X' or 'o' or 'b')
        {
            written = Number(whole, kind == '\0' ? 'd' : kind, flags, group);
        }
        else
        {
            var number = JinjaValues.ToDouble(value) * (kind == '%' ? 100 : 1);
            var plain = kind switch
            {
                '\0' when precision is null => JinjaValues.RepresentFloat(Math.Abs(number)),
                'f' or 'F' or 'e' or 'E' or 'g' or 'G' => Real(Math.Abs(number), kind, precision ?? 6, flags.Contains('#')),
                '%' => Real(Math.Abs(number), 'f', precision ?? 6, false) + "%",
                _ => throw new JinjaException($"the format ':{spec}' is not supported for a {JinjaValues.TypeOf(value)}"),
            };
            written = Sign(number, flags) + Grouped(plain, group);
        }
        return Pad(written, width, align == '\0' ? '>' : align, fill);
    }

    private static int? Count(string format, ref int at)
    {
        var start = at;
        while (at < format.Length && char.IsAsciiDigit(format[at]))
            at++;
        if (at < format.Length && format[at] == '*')
            throw new JinjaException("the format '*' is not supported");
        if (at == start)
            return null;
        return int.TryParse(format.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= Widest
            ? count
            : throw new JinjaException("a format is too wide");
    }

    private static string Cut(string text, int? length) =>
        length is { } most ? string.Concat(text.EnumerateRunes().Take(most).Select(rune => rune.ToString())) : text;

    private static string Sign(double value, string flags) =>
        value < 0 || double.IsNegative(value) && value == 0 ? "-" : flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "";

    private static string Number(BigInteger value, char kind, string flags, char group)
    {
        var size = BigInteger.Abs(value);
        var digits = kind switch
        {
            'd' => size.ToString(CultureInfo.InvariantCulture),
            _ => InRadix(size, kind switch { 'b' => 2, 'o' => 8, _ => 16 }),
        };
        if (kind == 'X')
            digits = digits.ToUpperInvariant();
        var prefix = flags.Contains('#') && kind != 'd' ? $"0{kind}" : "";
        return (value.Sign < 0 ? "-" : flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "") + prefix
            + Grouped(digits, kind == 'd' ? group : '\0');
    }

    private static string InRadix(BigInteger value, int radix)
    {
        var digits = new StringBuilder();
        do
        {
            digits.Insert(0, "0123456789abcdef"[(int)(value % radix)]);
            value /= radix;
        }
        while (!value.IsZero);
        return digits.ToString();
    }

    /// <summary>A number of at least 0.</summary>
    private static string Real(double value, char kind, int precision, bool keepsZeros)
    {
        if (!double.IsFinite(value))
            return char.IsUpper(kind) ? JinjaValues.RepresentFloat(value).ToUpperInvariant() : JinjaValues.RepresentFloat(value);
        switch (kind)
        {
            case 'f' or 'F':
                return value.ToString($"F{precision}", CultureInfo.InvariantCulture);
            case 'e' or 'E':
                return value.ToString((precision == 0 ? "0" : "0." + new string('0', precision)) + kind + "+00", CultureInfo.InvariantCulture);
            default:
                var significant = Math.Max(1, precision);
                var scientific = value.ToString("0." + new string('0', significant - 1) + "e+00", CultureInfo.InvariantCulture);
                var exponent = int.Parse(scientific[(scientific.IndexOf('e') + 1)..], CultureInfo.InvariantCulture);
                var text = exponent < -4 || exponent >= significant ? scientific
                    : value.ToString($"F{significant - 1 - exponent}", CultureInfo.InvariantCulture);
                var mantissa = text.Split('e')[0];
                if (!keepsZeros && mantissa.Contains('.'))
                    text = mantissa.TrimEnd('0').TrimEnd('.') + text[mantissa.Length..];
                return kind == 'G' ? text.ToUpperInvariant() : text;
        }
    }

    private static string Grouped(string number, char separator)
    {
        if (separator == '\0')
            return number;
        var end = number.TakeWhile(char.IsAsciiDigit).Count();
        var grouped = new StringBuilder(number);
        for (var at = end - 3; at > 0; at -= 3)
            grouped.Insert(at, separator);
        return grouped.ToString();
    }

    private static string Pad(string text, int width, char align, string fill)
    {
        var missing = width - (int)JinjaValues.Length(text);
        if (missing <= 0)
            return text;
        string Filled(int count) => string.Concat(Enumerable.Repeat(fill, count));
        if (align == '=')
        {
            var sign = text.Length > 0 && text[0] is '-' or '+' or ' ' ? 1 : 0;
            return text[..sign] + Filled(missing) + text[sign..];
        }
        return align switch
        {
            '<' => text + Filled(missing),
            '^' => Filled(missing / 2) + text + Filled(missing - (missing / 2)),
            _ => Filled(missing) + text,
        };
    }
}
