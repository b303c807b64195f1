using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace ToolR0.Tokenization.Jinja;

/// <summary>The filters that templates use. The value that is filtered is the first argument.</summary>
internal static partial class JinjaFilters
{
    private static readonly Dictionary<string, JinjaFunction> Filters = new()
    {
        ["trim"] = a => JinjaMethods.Strip(Text(a), a.Allow("value", "chars").Text(1, "chars"), true, true),
        ["tojson"] = JinjaJson.Write,
        ["length"] = a => JinjaValues.Length(Value(a, "value")),
        ["count"] = a => JinjaValues.Length(Value(a, "value")),
        ["string"] = a => JinjaValues.ToText(Value(a, "value")),
        ["safe"] = a => JinjaValues.ToText(Value(a, "value")),
        ["upper"] = a => JinjaCasing.Upper(Text(a)),
        ["lower"] = a => JinjaCasing.Lower(Text(a)),
        ["capitalize"] = a => JinjaCasing.Capitalize(Text(a)),
        ["title"] = a => Title(Text(a)),
        ["int"] = ToWhole,
        ["float"] = ToFloat,
        ["abs"] = a => Value(a, "value") is var value && JinjaNumbers.Whole(value) is { } whole
            ? JinjaNumbers.Of(BigInteger.Abs(whole))
            : Math.Abs(JinjaValues.ToDouble(value)),
        ["list"] = a => new List<object?>(Items(a.Allow("value"))),
        ["first"] = a => Items(a.Allow("value")) is { Count: > 0 } items ? items[0] : new JinjaUndefined("the first of no items"),
        ["last"] = a => Items(a.Allow("value")) is { Count: > 0 } items ? items[^1] : new JinjaUndefined("the last of no items"),
        ["reverse"] = a => a.Get(0, "value") is string ? string.Concat(Items(a).AsEnumerable().Reverse())
            : Items(a.Allow("value")).AsEnumerable().Reverse().ToList(),
        ["join"] = Join,
        ["replace"] = a => JinjaMethods.Replace(Text(a), a.Allow("value", "old", "new", "count"), 1),
        ["default"] = Default,
        ["d"] = Default,
        ["items"] = a => Value(a, "value") switch
        {
            JinjaMap map => JinjaMethods.Pairs(map),
            JinjaUndefined => new List<object?>(),
            var other => throw new JinjaException($"items needs a dict, not {JinjaValues.TypeOf(other)}"),
        },
        ["dictsort"] = JinjaSequences.SortPairs,
        ["sort"] = JinjaSequences.Sort,
        ["min"] = a => JinjaSequences.Extreme(a, -1),
        ["max"] = a => JinjaSequences.Extreme(a, 1),
        ["sum"] = JinjaSequences.Sum,
        ["batch"] = JinjaSequences.Batch,
        ["slice"] = JinjaSequences.Slice,
        ["groupby"] = JinjaSequences.GroupBy,
        ["round"] = Round,
        ["attr"] = a => AttributeExpression.OfMember(a.Allow("obj", "name").Get(0, "obj"), JinjaValues.ToText(a.Need(1, "name"))),
        ["format"] = a => JinjaFormat.Percent(
            Text(a), a.Named.Count > 0 ? Named(a) : new JinjaTuple(a.Positional.Skip(1)), a.Scope),
        ["center"] = a => JinjaMethods.Centre(Text(a), a.Allow("value", "width").Get(1, "width", 80L), " "),
        ["truncate"] = Truncate,
        ["wordcount"] = a => (long)Word().Count(Text(a)),
        ["urlencode"] = UrlEncode,
        ["map"] = Map,
        ["select"] = a => Select(a, true, false),
        ["reject"] = a => Select(a, false, false),
        ["selectattr"] = a => Select(a, true, true),
        ["rejectattr"] = a => Select(a, false, true),
        ["indent"] = Indent,
        ["unique"] = JinjaSequences.Unique,
    };

    public static JinjaFunction? Find(string name) => Filters.GetValueOrDefault(name);

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"([-\s({\[<]+)")]
    private static partial Regex WordBeginning();

    private static object? Value(JinjaArguments arguments, params string[] names)
    {
        var value = arguments.Allow(names).Get(0, names[0]);
        if (value is string text)
            arguments.Scope.Spend(text.Length);
        return value;
    }

    internal static List<object?> Items(JinjaArguments arguments)
    {
        var items = JinjaValues.Items(arguments.Get(0, "value"));
        arguments.Scope.Spend(items.Count);
        return items;
    }

    private static string Text(JinjaArguments arguments)
    {
        var text = JinjaValues.ToText(arguments.Get(0, "value"));
        arguments.Scope.Spend(text.Length);
        return text;
    }

    private static object? ToWhole(JinjaArguments arguments)
    {
        var radix = JinjaValues.ToInt(arguments.Get(2, "base", 10L));
        switch (Value(arguments, "value", "default", "base"))
        {
            case string text:
                return JinjaNumbers.ParseInt(text, radix)
                    ?? (JinjaNumbers.ParseFloat(text) is { } number && double.IsFinite(number) ? JinjaNumbers.Truncate(number)
                        : arguments.Get(1, "default", 0L));
            case double d:
                return double.IsNaN(d) ? arguments.Get(1, "default", 0L) : JinjaNumbers.Truncate(d);
            case JinjaUndefined undefined:
                throw new JinjaException($"'{undefined.What}' is undefined");
            case var other:
                return JinjaNumbers.Whole(other) is { } whole ? JinjaNumbers.Of(whole) : arguments.Get(1, "default", 0L);
        }
    }

    private static object? ToFloat(JinjaArguments arguments) => Value(arguments, "value", "default") switch
    {
        string text => JinjaNumbers.ParseFloat(text) ?? arguments.Get(1, "default", 0.0),
        JinjaUndefined undefined => throw new JinjaException($"'{undefined.What}' is undefined"),
        var value when JinjaValues.IsNumber(value) => JinjaValues.ToDouble(value),
        _ => arguments.Get(1, "default", 0.0),
    };

    private static object? Round(JinjaArguments arguments)
    {
        var value = arguments.Allow("value", "precision", "method").Get(0, "value");
        var precision = JinjaValues.ToInt(arguments.Get(1, "precision", 0L));
        var method = arguments.Text(2, "method") ?? "common";
        if (method is not ("common" or "ceil" or "floor"))
            throw new JinjaException("round: method must be common, ceil or floor");
        if (Math.Abs(precision) > 300)
            throw new JinjaException("round: the precision is too large");
        if (method == "common" && JinjaNumbers.Whole(value) is { } whole)
        {
            if (precision >= 0)
                return JinjaNumbers.Of(whole);
            var unit = BigInteger.Pow(10, -precision);
            var floor = BigInteger.DivRem(whole - (((whole % unit) + unit) % unit), unit, out _);
            var twice = (whole - floor * unit) * 2;
            return JinjaNumbers.Of((twice > unit || twice == unit && !floor.IsEven ? floor + 1 : floor) * unit);
        }
        var number = JinjaValues.ToDouble(value);
        var scale = Math.Pow(10, precision);
        return method switch
        {
            "ceil" => Math.Ceiling(number * scale) / scale,
            "floor" => Math.Floor(number * scale) / scale,
            _ when !double.IsFinite(number) || precision > 22 => number,
            _ when precision < 0 => Math.Round(number / Math.Pow(10, -precision), MidpointRounding.ToEven) * Math.Pow(10, -precision),
            _ => double.Parse(number.ToString($"F{precision}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture), // exact, halves to even
        };
    }

    private static JinjaMap Named(JinjaArguments arguments)
    {
        if (arguments.Positional.Count > 1)
            throw new JinjaException("format takes values by position or by name, not both");
        var map = new JinjaMap();
        foreach (var (name, value) in arguments.Named)
            map[name] = value;
        return map;
    }

    private static string Title(string text) => string.Concat(
        WordBeginning().Split(text).Where(item => item.Length > 0).Select(item =>
        {
            var first = char.IsSurrogatePair(item, 0) ? 2 : 1;
            return JinjaCasing.Upper(item[..first]) + JinjaCasing.Lower(item[first..]);
        }));

    private static string Truncate(JinjaArguments arguments)
    {
        arguments.Allow("s", "length", "killwords", "end", "leeway");
        var text = Text(arguments);
        var length = JinjaValues.ToInt(arguments.Get(1, "length", 255L));
        var end = JinjaValues.ToText(arguments.Get(3, "end", "..."));
        var leeway = JinjaValues.ToInt(arguments.Get(4, "leeway") ?? 5L);
        var kept = length - JinjaValues.Length(end);
        if (kept < 0 || leeway < 0)
            throw new JinjaException($"truncate: the length must be at least that of '{end}', and leeway at least 0");
        var runes = text.EnumerateRunes().ToList();
        if (runes.Count <= (long)length + leeway)
            return text;
        var cut = string.Concat(runes.Take((int)kept).Select(rune => rune.ToString()));
        if (!JinjaValues.IsTrue(arguments.Get(2, "killwords")) && cut.LastIndexOf(' ') is >= 0 and var space)
            cut = cut[..space];
        return cut + end;
    }

    private static string UrlEncode(JinjaArguments arguments)
    {
        return arguments.Allow("value").Get(0, "value") switch
        {
            JinjaMap map => string.Join('&', map.Select(entry => $"{Quoted(entry.Key.Value, true)}={Quoted(entry.Value, true)}")),
            List<object?> pairs => string.Join('&', pairs.Select(pair => pair is List<object?> { Count: 2 } two
                ? $"{Quoted(two[0], true)}={Quoted(two[1], true)}"
                : throw new JinjaException("urlencode needs pairs"))),
            var value => Quoted(value, false),
        };

        string Quoted(object? value, bool inQuery)
        {
            var text = JinjaValues.ToText(value);
            arguments.Scope.Spend(text.Length * 3L);
            var quoted = new StringBuilder();
            foreach (var b in Encoding.UTF8.GetBytes(text))
            {
                if (b < 128 && (char.IsAsciiLetterOrDigit((char)b) || "_.-~".Contains((char)b) || b == '/' && !inQuery))
                    quoted.Append((char)b);
                else if (b == ' ' && inQuery)
                    quoted.Append('+');
                else
                    quoted.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
            }
            return quoted.ToString();
        }
    }

    private static string Join(JinjaArguments arguments)
    {
        arguments.Allow("value", "d", "attribute");
        var items = Items(arguments);
        if (arguments.Get(2, "attribute") is { } attribute)
            items = [.. items.Select(item => JinjaSequences.Attribute(item, attribute, arguments.Scope))];
        return JinjaMethods.Join(items, JinjaValues.ToText(arguments.Get(1, "d", "")), arguments);
    }

    private static object? Default(JinjaArguments arguments)
    {
        var value = Value(arguments, "value", "default_value", "boolean");
        var replaces = value is JinjaUndefined || (JinjaValues.IsTrue(arguments.Get(2, "boolean")) && !JinjaValues.IsTrue(value));
        return replaces ? arguments.Get(1, "default_value", "") : value;
    }

    private static List<object?> Map(JinjaArguments arguments)
    {
        var items = Items(arguments);
        if (arguments.Named.TryGetValue("attribute", out var attribute))
        {
            var fallback = arguments.Named.TryGetValue("default", out var value) ? value : null;
            return [.. items.Select(item => JinjaSequences.Attribute(item, attribute, arguments.Scope, fallback))];
        }
        var filter = arguments.Text(1, "filter") ?? throw new JinjaException("map needs the name of a filter or attribute=");
        var function = Find(filter) ?? throw new JinjaException($"the filter '{filter}' is not supported");
        return [.. items.Select(item => function(arguments with { Function = filter, Positional = [item, .. arguments.Positional.Skip(2)] }))];
    }

    private static List<object?> Select(JinjaArguments arguments, bool keeps, bool byAttribute)
    {
        var items = Items(arguments);
        var at = byAttribute ? 2 : 1;
        var attribute = byAttribute ? arguments.Get(1, "attribute") ?? throw new JinjaException($"{arguments.Function} needs an attribute") : null;
        var test = arguments.Text(at, "test");
        var function = test is null ? null : JinjaTests.Find(test) ?? throw new JinjaException($"the test '{test}' is not supported");
        return [.. items.Where(item => Holds(attribute is null ? item : JinjaSequences.Attribute(item, attribute, arguments.Scope)) == keeps)];

        bool Holds(object? value) => JinjaValues.IsTrue(
            function is null ? value : function(arguments with { Function = test!, Positional = [value, .. arguments.Positional.Skip(at + 1)] }));
    }

    private static string Indent(JinjaArguments arguments)
    {
        arguments.Allow("value", "width", "first", "blank");
        var width = arguments.Get(1, "width", 4L) is string text ? text
            : new string(' ', Math.Clamp(JinjaValues.ToInt(arguments.Get(1, "width", 4L)), 0, 1000));
        var (first, blank) = (JinjaValues.IsTrue(arguments.Get(2, "first")), JinjaValues.IsTrue(arguments.Get(3, "blank")));
        var lines = JinjaMethods.Lines(Text(arguments) + "\n", keepsEnds: false);
        arguments.Scope.Spend((long)lines.Count * width.Length);
        return string.Join('\n', lines.Select((line, i) => (i == 0 ? first : blank || line.Length > 0) ? width + line : line));
    }
}
