using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace ToolR0.Tokenization.Jinja;

/// <summary>What a name, key or attribute that does not exist evaluates to: empty and false, and an error in most other uses.</summary>
internal sealed record JinjaUndefined(string What);

/// <summary>A list that is written with parentheses, as Python's tuples are.</summary>
internal sealed class JinjaTuple(IEnumerable<object?> items) : List<object?>(items);

/// <summary>What a dictionary's keys, values and items, or a range, are: items to loop over that are written out under their own name.</summary>
internal sealed class JinjaView(string name, IEnumerable<object?> items, string? shown = null) : List<object?>(items)
{
    public string Name => name;

    /// <summary>Where it is not written out with its items.</summary>
    public string? Shown => shown;
}

/// <summary>What <c>namespace(…)</c> makes: attributes that a template may set from within a loop.</summary>
internal sealed class JinjaNamespace : Dictionary<string, object?>;

/// <summary>A function or method as a template calls it.</summary>
internal delegate object? JinjaFunction(JinjaArguments arguments);

/// <summary>
/// The values of templates, with Python's meaning: null is None, and further bool, long, <see cref="BigInteger"/> (as read from JSON), double,
/// string,
/// <see cref="List{T}"/> of values, <see cref="JinjaMap"/>, <see cref="JinjaNamespace"/>, <see cref="JinjaFunction"/> and
/// <see cref="JinjaUndefined"/>.
/// </summary>
internal static class JinjaValues
{
    /// <summary>No value is written out as more characters than about this.</summary>
    public const int LongestText = 16 << 20;

    private const int MostComparisons = 1_000_000;

    public static object? FromJson(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                var map = new JinjaMap();
                foreach (var property in json.EnumerateObject())
                    map[property.Name] = FromJson(property.Value);
                return map;
            case JsonValueKind.Array:
                return json.EnumerateArray().Select(FromJson).ToList();
            case JsonValueKind.String:
                return json.GetString();
            case JsonValueKind.Number when json.TryGetInt64(out var whole) && !json.GetRawText().AsSpan().ContainsAny(".eE"):
                return whole;
            case JsonValueKind.Number when json.GetRawText().AsSpan().ContainsAny(".eE"):
                return json.GetDouble();
            case JsonValueKind.Number:
                return BigInteger.Parse(json.GetRawText(), CultureInfo.InvariantCulture);
            default:
                return json.ValueKind switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => null };
        }
    }

    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool b => b,
        long n => n != 0,
        double d => d != 0,
        BigInteger n => !n.IsZero,
        string s => s.Length > 0,
        List<object?> list => list.Count > 0,
        JinjaMap map => map.Count > 0,
        _ => true,
    };

    /// <summary>Python's type name, for messages.</summary>
    public static string TypeOf(object? value) => value switch
    {
        null => "None",
        JinjaUndefined => "undefined",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        string => "str",
        JinjaTuple => "tuple",
        JinjaView view => view.Name,
        List<object?> => "list",
        JinjaMap => "dict",
        JinjaNamespace => "namespace",
        _ => "function",
    };

    public static new bool Equals(object? left, object? right)
    {
        var comparisons = 0;
        return Equal(left, right);

        bool Equal(object? x, object? y)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            if (++comparisons > MostComparisons)
                throw new JinjaException("the values are too large to compare");
            if (IsNumber(x) && IsNumber(y))
                return JinjaNumbers.Compare(x, y) == 0;
            return (x, y) switch
            {
                (null, null) or (JinjaUndefined, JinjaUndefined) => true,
                (string a, string b) => string.Equals(a, b, StringComparison.Ordinal),
                (List<object?> a, List<object?> b) =>
                    a.GetType() == b.GetType() && a.Count == b.Count && a.Zip(b).All(pair => Equal(pair.First, pair.Second)),
                (JinjaMap a, JinjaMap b) =>
                    a.Count == b.Count && a.All(entry => b.TryGetValue(entry.Key, out var other) && Equal(entry.Value, other)),
                _ => ReferenceEquals(x, y),
            };
        }
    }

    public static int Compare(object? left, object? right)
    {
        if (IsNumber(left) && IsNumber(right))
            return JinjaNumbers.Compare(left, right) ?? throw new JinjaException("nan has no order");
        if (left is List<object?> a && right is List<object?> b && a.GetType() == b.GetType())
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            foreach (var (x, y) in a.Zip(b))
            {
                if (!Equals(x, y))
                    return Compare(x, y);
            }
            return a.Count.CompareTo(b.Count);
        }
        return left is string s && right is string t
            ? CompareText(s, t)
            : throw new JinjaException($"{TypeOf(left)} and {TypeOf(right)} have no order");
    }

    public static bool IsNumber(object? value) => value is long or double or bool or BigInteger;

    /// <summary>The value as long or double, with true as 1.</summary>
    public static object Number(object? value) => value switch
    {
        bool b => b ? 1L : 0L,
        long or double => value,
        BigInteger n => (double)n,
        _ => throw new JinjaException($"a number is needed, not {TypeOf(value)}"),
    };

    public static double ToDouble(object? value) => Convert.ToDouble(Number(value), CultureInfo.InvariantCulture);

    public static int ToInt(object? value) => value switch
    {
        long n => (int)Math.Clamp(n, int.MinValue, int.MaxValue),
        bool b => b ? 1 : 0,
        _ => throw new JinjaException($"a whole number is needed, not {TypeOf(value)}"),
    };

    /// <summary>The items that a loop goes over: of a list, the keys of a dictionary, the code points of a string.</summary>
    public static List<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        JinjaMap map => [.. map.Keys.Select(key => key.Value)],
        string text => [.. text.EnumerateRunes().Select(rune => (object?)rune.ToString())],
        JinjaUndefined => [],
        _ => throw new JinjaException($"{TypeOf(value)} cannot be looped over"),
    };

    public static bool Contains(object? container, object? item) => container switch
    {
        string text => item is string part
            ? text.Contains(part, StringComparison.Ordinal)
            : throw new JinjaException($"'in' needs a string before a string, not {TypeOf(item)}"),
        JinjaMap map => map.ContainsKey(JinjaKey.Of(item)),
        _ => Items(container).Any(other => Equals(other, item)),
    };

    public static long Length(object? value) => value switch
    {
        string text => text.EnumerateRunes().Count(),
        List<object?> list => list.Count,
        JinjaMap map => map.Count,
        JinjaUndefined => 0,
        _ => throw new JinjaException($"{TypeOf(value)} has no length"),
    };

    /// <summary>What <c>{{ value }}</c> writes: Python's <c>str</c>.</summary>
    public static string ToText(object? value) => value switch
    {
        string text => text,
        JinjaUndefined => "",
        _ => Represent(value),
    };

    /// <summary>Python's <c>repr</c>.</summary>
    public static string Represent(object? value)
    {
        var output = new StringBuilder();
        Represent(value, output);
        return output.ToString();
    }

    private static void Represent(object? value, StringBuilder output)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (output.Length > LongestText)
            throw new JinjaException("a value is too large to be written out");
        switch (value)
        {
            case JinjaGroup group:
                Sequence("(", group, item => Represent(item, output), ")");
                break;
            case JinjaView { Shown: { } shown }:
                output.Append(shown);
                break;
            case JinjaView view:
                Sequence(view.Name + "([", view, item => Represent(item, output), "])");
                break;
            case List<object?> list:
                var (open, close) = list is not JinjaTuple ? ("[", "]") : ("(", list.Count == 1 ? ",)" : ")");
                Sequence(open, list, item => Represent(item, output), close);
                break;
            case JinjaMap map:
                Sequence("{", map, entry =>
                {
                    Represent(entry.Key.Value, output);
                    output.Append(": ");
                    Represent(entry.Value, output);
                }, "}");
                break;
            default:
                output.Append(value switch
                {
                    null => "None",
                    bool b => b ? "True" : "False",
                    long n => n.ToString(CultureInfo.InvariantCulture),
                    BigInteger n => n.ToString(CultureInfo.InvariantCulture),
                    double d => RepresentFloat(d),
                    string text => Quote(text),
                    JinjaUndefined => "Undefined",
                    _ => throw new JinjaException($"a {TypeOf(value)} cannot be written out"),
                });
                break;
        }

        void Sequence<T>(string open, IEnumerable<T> items, Action<T> write, string close)
        {
            output.Append(open);
            var separator = "";
            foreach (var item in items)
            {
                output.Append(separator);
                write(item);
                separator = ", ";
            }
            output.Append(close);
        }
    }

    /// <summary>Python's shortest form that reads back the same: 1.0, 0.001, 1e-05, 1e+16.</summary>
    public static string RepresentFloat(double value)
    {
        if (double.IsNaN(value) || double.IsInfinity(value))
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        var shortest = value.ToString(CultureInfo.InvariantCulture);
        var parts = shortest.Split('E');
        if (parts.Length == 2)
        {
            var exponent = int.Parse(parts[1], CultureInfo.InvariantCulture);
            return $"{parts[0]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }
        if (Math.Abs(value) < 1e16)
            return shortest.Contains('.') ? shortest : shortest + ".0";
        var digits = shortest.TrimStart('-'); // .NET writes up to 17 digits without an exponent, Python 16
        var fraction = digits[1..].TrimEnd('0');
        return $"{(value < 0 ? "-" : "")}{digits[0]}{(fraction.Length > 0 ? "." : "")}{fraction}e+{digits.Length - 1}";
    }

    private static string Quote(string text)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var quoted = new StringBuilder().Append(quote);
        foreach (var rune in text.EnumerateRunes())
        {
            quoted.Append(rune.Value switch
            {
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                var c when c == quote => $"\\{quote}",
                _ when Prints(rune) => rune.ToString(),
                <= 0xFF => $"\\x{rune.Value:x2}",
                <= 0xFFFF => $"\\u{rune.Value:x4}",
                _ => $"\\U{rune.Value:x8}",
            });
        }
        return quoted.Append(quote).ToString();
    }

    /// <summary>Python's <c>isprintable</c>.</summary>
    private static bool Prints(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    /// <summary>Order by code point.</summary>
    private static int CompareText(string left, string right)
    {
        var (a, b) = (left.EnumerateRunes(), right.EnumerateRunes());
        while (true)
        {
            var (more, others) = (a.MoveNext(), b.MoveNext());
            if (!more || !others)
                return more.CompareTo(others);
            if (a.Current != b.Current)
                return a.Current.CompareTo(b.Current);
        }
    }
}
