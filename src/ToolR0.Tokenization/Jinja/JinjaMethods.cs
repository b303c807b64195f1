namespace ToolR0.Tokenization.Jinja;

/// <summary>The methods of Python's strings and dictionaries that templates call.</summary>
internal static class JinjaMethods
{
    private static readonly Dictionary<string, Func<string, JinjaArguments, object?>> OfStrings = new()
    {
        ["strip"] = (text, a) => Strip(text, a.Allow("chars").Text(0, "chars"), true, true),
        ["lstrip"] = (text, a) => Strip(text, a.Allow("chars").Text(0, "chars"), true, false),
        ["rstrip"] = (text, a) => Strip(text, a.Allow("chars").Text(0, "chars"), false, true),
        ["startswith"] = (text, a) => Affixes(a).Any(prefix => text.StartsWith(prefix, StringComparison.Ordinal)),
        ["endswith"] = (text, a) => Affixes(a).Any(suffix => text.EndsWith(suffix, StringComparison.Ordinal)),
        ["removeprefix"] = (text, a) => text.StartsWith(Part(a), StringComparison.Ordinal) ? text[Part(a).Length..] : text,
        ["removesuffix"] = (text, a) => Part(a) is { Length: > 0 } part && text.EndsWith(part, StringComparison.Ordinal) ? text[..^part.Length] : text,
        ["split"] = (text, a) => Split(text, a.Allow("sep", "maxsplit")),
        ["splitlines"] = (text, a) => SplitLines(text, a.Allow()),
        ["replace"] = (text, a) => Replace(text, a.Allow("old", "new", "count")),
        ["upper"] = (text, a) => a.Allow() is var _ ? text.ToUpperInvariant() : null,
        ["lower"] = (text, a) => a.Allow() is var _ ? text.ToLowerInvariant() : null,
        ["capitalize"] = (text, a) => a.Allow() is var _ ? Capitalize(text) : null,
        ["title"] = (text, a) => a.Allow() is var _ ? Title(text) : null,
        ["find"] = (text, a) => text.IndexOf(Part(a), StringComparison.Ordinal) switch { < 0 => -1L, var i => JinjaValues.Length(text[..i]) },
        ["count"] = (text, a) => Part(a) is { Length: > 0 } part ? text.Split(part).Length - 1L : JinjaValues.Length(text) + 1,
        ["isdigit"] = (text, a) => a.Allow() is var _ && text.Length > 0 && text.All(char.IsDigit),
        ["join"] = (text, a) => Join(JinjaValues.Items(a.Allow("iterable").Need(0, "iterable")), text, a),
    };

    /// <summary>The method of that name bound to <paramref name="value"/>, or null if its type has none.</summary>
    public static JinjaFunction? Find(object? value, string name)
    {
        switch (value)
        {
            case string text when OfStrings.TryGetValue(name, out var method):
                return arguments =>
                {
                    arguments.Scope.Spend(text.Length);
                    return method(text, arguments);
                };
            case JinjaMap map:
                return name switch
                {
                    "items" => arguments => arguments.Allow() is var _ ? Pairs(map) : null,
                    "keys" => arguments => arguments.Allow() is var _ ? map.Keys.Select(key => (object?)key).ToList() : null,
                    "values" => arguments => arguments.Allow() is var _ ? map.Values.ToList() : null,
                    "get" => arguments => arguments.Allow("key", "default").Need(0, "key") is string key && map.TryGetValue(key, out var item)
                        ? item
                        : arguments.Get(1, "default"),
                    "copy" => arguments => arguments.Allow() is var _ ? map : null,
                    _ => null,
                };
            case List<object?> list:
                return name switch
                {
                    "index" => arguments => list.FindIndex(item => JinjaValues.Equals(item, arguments.Allow("value").Need(0, "value"))) is >= 0 and var i
                        ? (long)i
                        : throw new JinjaException("index: the value is not in the list"),
                    "count" => arguments => list.LongCount(item => JinjaValues.Equals(item, arguments.Allow("value").Need(0, "value"))),
                    "append" or "extend" or "insert" or "pop" or "remove" => _ =>
                        throw new JinjaException($"{name} changes a list, which templates may not"),
                    _ => null,
                };
            default:
                return null;
        }
    }

    public static List<object?> Pairs(JinjaMap map) => [.. map.Select(entry => (object?)new JinjaTuple([entry.Key, entry.Value]))];

    public static string Strip(string text, string? characters, bool left, bool right)
    {
        var (start, stop) = (0, text.Length);
        while (left && start < stop && Strips(text[start]))
            start++;
        while (right && stop > start && Strips(text[stop - 1]))
            stop--;
        return text[start..stop];

        bool Strips(char c) => characters is null ? IsSpace(c) : characters.Contains(c);
    }

    public static string Capitalize(string text) => text.Length == 0 ? text : text[..1].ToUpperInvariant() + text[1..].ToLowerInvariant();

    public static string Title(string text)
    {
        var inWord = false;
        return string.Concat(text.Select(c =>
        {
            var cased = inWord ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c);
            inWord = char.IsLetter(c);
            return cased;
        }));
    }

    public static string Join(List<object?> items, string separator, JinjaArguments arguments)
    {
        var joined = string.Join(separator, items.Select(JinjaValues.ToText));
        arguments.Scope.Spend(joined.Length);
        return joined;
    }

    public static string Replace(string text, JinjaArguments arguments, int first = 0)
    {
        var old = arguments.Text(first, "old") ?? throw new JinjaException("replace needs the argument old");
        var replacement = arguments.Text(first + 1, "new") ?? throw new JinjaException("replace needs the argument new");
        if (arguments.Has(first + 2, "count") && arguments.Get(first + 2, "count") is not null)
            throw new JinjaException("replace with a count is not supported");
        if (old.Length == 0)
            throw new JinjaException("replace of an empty string is not supported");
        arguments.Scope.Spend(text.Length * (1 + ((long)replacement.Length / old.Length)));
        return text.Replace(old, replacement, StringComparison.Ordinal);
    }

    /// <summary>Python's white space.</summary>
    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    private static string Part(JinjaArguments arguments) =>
        arguments.Allow("part").Text(0, "part") ?? throw new JinjaException($"{arguments.Function} needs a string");

    private static IEnumerable<string> Affixes(JinjaArguments arguments) => arguments.Allow("part").Need(0, "part") is List<object?> several
        ? several.Select(JinjaValues.ToText)
        : [Part(arguments)];

    private static List<object?> Split(string text, JinjaArguments arguments)
    {
        var most = arguments.Has(1, "maxsplit") ? JinjaValues.ToInt(arguments.Get(1, "maxsplit")) : -1;
        var separator = arguments.Text(0, "sep");
        if (separator == "")
            throw new JinjaException("split needs a separator that is not empty");
        if (separator is not null)
            return [.. text.Split(separator, most < 0 ? int.MaxValue : most == int.MaxValue ? most : most + 1)];
        var parts = new List<object?>();
        for (var at = 0; ;)
        {
            while (at < text.Length && IsSpace(text[at]))
                at++;
            if (at == text.Length)
                return parts;
            var end = at;
            while (end < text.Length && !IsSpace(text[end]))
                end++;
            if (parts.Count == most)
                end = text.Length;
            parts.Add(parts.Count == most ? Strip(text[at..], null, false, true) : text[at..end]);
            at = end;
        }
    }

    private static List<object?> SplitLines(string text, JinjaArguments arguments)
    {
        arguments.Allow();
        var lines = text.Replace("\r\n", "\n").Split('\n', '\r', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029').Cast<object?>().ToList();
        if ((string)lines[^1]! == "")
            lines.RemoveAt(lines.Count - 1);
        return lines;
    }
}
