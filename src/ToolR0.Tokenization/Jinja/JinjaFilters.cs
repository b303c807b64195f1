using System.Globalization;

namespace ToolR0.Tokenization.Jinja;

/// <summary>The filters that templates use. The value that is filtered is the first argument.</summary>
internal static class JinjaFilters
{
    private static readonly Dictionary<string, JinjaFunction> Filters = new()
    {
        ["trim"] = a => JinjaMethods.Strip(Text(a), a.Allow("value", "chars").Text(1, "chars"), true, true),
        ["tojson"] = JinjaJson.Write,
        ["length"] = a => JinjaValues.Length(Value(a, "value")),
        ["count"] = a => JinjaValues.Length(Value(a, "value")),
        ["string"] = a => JinjaValues.ToText(Value(a, "value")),
        ["safe"] = a => JinjaValues.ToText(Value(a, "value")),
        ["upper"] = a => Text(a).ToUpperInvariant(),
        ["lower"] = a => Text(a).ToLowerInvariant(),
        ["capitalize"] = a => JinjaMethods.Capitalize(Text(a)),
        ["title"] = a => JinjaMethods.Title(Text(a)),
        ["int"] = ToWhole,
        ["float"] = ToFloat,
        ["abs"] = a => JinjaValues.Number(Value(a, "value")) switch { long n => Math.Abs(n), double d => Math.Abs(d), var other => other },
        ["list"] = a => new List<object?>(Items(a.Allow("value"))),
        ["first"] = a => Items(a.Allow("value")) is { Count: > 0 } items ? items[0] : new JinjaUndefined("the first of no items"),
        ["last"] = a => Items(a.Allow("value")) is { Count: > 0 } items ? items[^1] : new JinjaUndefined("the last of no items"),
        ["reverse"] = a => a.Get(0, "value") is string ? string.Concat(Items(a).AsEnumerable().Reverse()) : Items(a.Allow("value")).AsEnumerable().Reverse().ToList(),
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
        ["dictsort"] = a => Value(a, "value") is JinjaMap map
            ? JinjaMethods.Pairs(map).OrderBy(pair => ((string)((List<object?>)pair!)[0]!).ToLowerInvariant(), StringComparer.Ordinal).ToList()
            : throw new JinjaException("dictsort needs a dict"),
        ["map"] = Map,
        ["select"] = a => Select(a, true, false),
        ["reject"] = a => Select(a, false, false),
        ["selectattr"] = a => Select(a, true, true),
        ["rejectattr"] = a => Select(a, false, true),
        ["indent"] = Indent,
        ["unique"] = a => Unique(Items(a.Allow("value"))),
    };

    public static JinjaFunction? Find(string name) => Filters.GetValueOrDefault(name);

    private static object? Value(JinjaArguments arguments, params string[] names)
    {
        var value = arguments.Allow(names).Get(0, names[0]);
        if (value is string text)
            arguments.Scope.Spend(text.Length);
        return value;
    }

    private static List<object?> Items(JinjaArguments arguments)
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

    private static object? ToWhole(JinjaArguments arguments) => Value(arguments, "value", "default") switch
    {
        string text when long.TryParse(JinjaMethods.Strip(text, null, true, true), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) => n,
        double d when Math.Abs(d) < long.MaxValue => (long)d,
        string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && Math.Abs(d) < long.MaxValue => (long)d,
        bool b => b ? 1L : 0L,
        long n => n,
        _ => arguments.Get(1, "default", 0L),
    };

    private static object? ToFloat(JinjaArguments arguments) => Value(arguments, "value", "default") switch
    {
        string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) => d,
        string or null or JinjaUndefined or List<object?> or JinjaMap => arguments.Get(1, "default", 0.0),
        var number => JinjaValues.ToDouble(number),
    };

    private static string Join(JinjaArguments arguments)
    {
        arguments.Allow("value", "d", "attribute");
        var items = Items(arguments);
        if (arguments.Text(2, "attribute") is { } attribute)
            items = [.. items.Select(item => Attribute(item, attribute))];
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
            var (name, fallback) = (JinjaValues.ToText(attribute), arguments.Named.TryGetValue("default", out var value) ? value : null);
            return [.. items.Select(item => Attribute(item, name) is var found && found is JinjaUndefined && fallback is not null ? fallback : found)];
        }
        var filter = arguments.Text(1, "filter") ?? throw new JinjaException("map needs the name of a filter or attribute=");
        var function = Find(filter) ?? throw new JinjaException($"the filter '{filter}' is not supported");
        return [.. items.Select(item => function(arguments with { Function = filter, Positional = [item, .. arguments.Positional.Skip(2)] }))];
    }

    private static List<object?> Select(JinjaArguments arguments, bool keeps, bool byAttribute)
    {
        var items = Items(arguments);
        var at = byAttribute ? 2 : 1;
        var attribute = byAttribute ? arguments.Text(1, "attribute") ?? throw new JinjaException($"{arguments.Function} needs an attribute") : null;
        var test = arguments.Text(at, "test");
        var function = test is null ? null : JinjaTests.Find(test) ?? throw new JinjaException($"the test '{test}' is not supported");
        return [.. items.Where(item => Holds(attribute is null ? item : Attribute(item, attribute)) == keeps)];

        bool Holds(object? value) => JinjaValues.IsTrue(
            function is null ? value : function(arguments with { Function = test!, Positional = [value, .. arguments.Positional.Skip(at + 1)] }));
    }

    private static object? Attribute(object? item, string path) => path.Split('.').Aggregate(item, (value, name) => value switch
    {
        JinjaMap map => map.TryGetValue(name, out var found) ? found : new JinjaUndefined(name),
        List<object?> list when int.TryParse(name, CultureInfo.InvariantCulture, out var i) && i < list.Count => list[i],
        _ => AttributeExpression.Of(value, name),
    });

    private static string Indent(JinjaArguments arguments)
    {
        arguments.Allow("value", "width", "first", "blank");
        var width = arguments.Get(1, "width", 4L) is string text ? text : new string(' ', Math.Clamp(JinjaValues.ToInt(arguments.Get(1, "width", 4L)), 0, 1000));
        var (first, blank) = (JinjaValues.IsTrue(arguments.Get(2, "first")), JinjaValues.IsTrue(arguments.Get(3, "blank")));
        var lines = Text(arguments).Split('\n');
        arguments.Scope.Spend((long)lines.Length * width.Length);
        return string.Join('\n', lines.Select((line, i) => (i == 0 ? first : blank || line.Length > 0) ? width + line : line));
    }

    private static List<object?> Unique(List<object?> items)
    {
        var unique = new List<object?>();
        foreach (var item in items)
        {
            if (!unique.Any(other => JinjaValues.Equals(other, item)))
                unique.Add(item);
        }
        return unique;
    }
}
