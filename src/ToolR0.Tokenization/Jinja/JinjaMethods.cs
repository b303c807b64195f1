using System.Buffers;
using System.Globalization;
using System.Text;

namespace ToolR0.Tokenization.Jinja;

/// <summary>The methods of Python's strings and dictionaries that templates call.</summary>
internal static class JinjaMethods
{
    private const int Widest = 100_000;

    private static readonly SearchValues<char> LineEnds = SearchValues.Create("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029");

    private static readonly Dictionary<string, Func<string, JinjaArguments, object?>> OfStrings = new()
    {
        ["strip"] = (text, a) => Strip(text, a.Allow("chars").Text(0, "chars"), true, true),
        ["lstrip"] = (text, a) => Strip(text, a.Allow("chars").Text(0, "chars"), true, false),
        ["rstrip"] = (text, a) => Strip(text, a.Allow("chars").Text(0, "chars"), false, true),
        ["startswith"] = (text, a) => Part(text, a, 1) is { } part && Affixes(a).Any(prefix => part.StartsWith(prefix, StringComparison.Ordinal)),
        ["endswith"] = (text, a) => Part(text, a, 1) is { } part && Affixes(a).Any(suffix => part.EndsWith(suffix, StringComparison.Ordinal)),
        ["removeprefix"] = (text, a) => text.StartsWith(Part(a), StringComparison.Ordinal) ? text[Part(a).Length..] : text,
        ["removesuffix"] = (text, a) =>
            Part(a) is { Length: > 0 } part && text.EndsWith(part, StringComparison.Ordinal) ? text[..^part.Length] : text,
        ["split"] = (text, a) => Split(text, a.Allow("sep", "maxsplit")),
        ["rsplit"] = (text, a) => SplitFromRight(text, a.Allow("sep", "maxsplit")),
        ["splitlines"] = (text, a) => Lines(text, JinjaValues.IsTrue(a.Allow("keepends").Get(0, "keepends"))).Cast<object?>().ToList(),
        ["partition"] = (text, a) => Partition(text, Separator(a), text.IndexOf(Separator(a), StringComparison.Ordinal), true),
        ["rpartition"] = (text, a) => Partition(text, Separator(a), text.LastIndexOf(Separator(a), StringComparison.Ordinal), false),
        ["replace"] = (text, a) => Replace(text, a.Allow("old", "new", "count")),
        ["upper"] = (text, a) => a.Allow() is var _ ? JinjaCasing.Upper(text) : null,
        ["lower"] = (text, a) => a.Allow() is var _ ? JinjaCasing.Lower(text) : null,
        ["capitalize"] = (text, a) => a.Allow() is var _ ? JinjaCasing.Capitalize(text) : null,
        ["title"] = (text, a) => a.Allow() is var _ ? JinjaCasing.Title(text) : null,
        ["find"] = (text, a) => Place(text, a, last: false),
        ["rfind"] = (text, a) => Place(text, a, last: true),
        ["index"] = (text, a) => Place(text, a, last: false) is >= 0 and var i ? i : throw new JinjaException("index: the substring is not found"),
        ["rindex"] = (text, a) => Place(text, a, last: true) is >= 0 and var i ? i : throw new JinjaException("rindex: the substring is not found"),
        ["count"] = (text, a) =>
            Part(text, a, 1) is not { } within ? 0L : Sought(a) is { Length: > 0 } part ? within.Split(part).Length - 1L
            : JinjaValues.Length(within) + 1,
        ["isdigit"] = (text, a) => a.Allow() is var _ && IsAll(text, rune => CharUnicodeInfo.GetDigitValue(rune.ToString(), 0) >= 0),
        ["isdecimal"] = (text, a) => a.Allow() is var _ && IsAll(text, rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber),
        ["isnumeric"] = (text, a) => a.Allow() is var _ && IsAll(text, rune => Rune.GetNumericValue(rune) != -1),
        ["isalpha"] = (text, a) => a.Allow() is var _ && IsAll(text, Rune.IsLetter),
        ["isalnum"] = (text, a) => a.Allow() is var _ && IsAll(text, rune => Rune.IsLetter(rune) || Rune.GetNumericValue(rune) != -1),
        ["isspace"] = (text, a) => a.Allow() is var _ && text.Length > 0 && text.All(IsSpace),
        ["isascii"] = (text, a) => a.Allow() is var _ && text.All(char.IsAscii),
        ["isupper"] = (text, a) => a.Allow() is var _ && IsUpper(text),
        ["islower"] = (text, a) => a.Allow() is var _ && IsLower(text),
        ["swapcase"] = (text, a) => a.Allow() is var _ ? JinjaCasing.Swap(text) : null,
        ["casefold"] = (text, a) => a.Allow() is var _ ? text.ToLowerInvariant().Replace("ß", "ss", StringComparison.Ordinal) : null,
        ["center"] = (text, a) => Centre(text, a.Allow("width", "fillchar").Need(0, "width"), Fill(a)),
        ["ljust"] = (text, a) => text + Filling(text, a),
        ["rjust"] = (text, a) => Filling(text, a) + text,
        ["zfill"] = (text, a) => ZeroFilled(text, a),
        ["expandtabs"] = (text, a) => ExpandTabs(text, a),
        ["format"] = (text, a) => JinjaFormat.Braces(text, a),
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
                    "items" => arguments => arguments.Allow() is var _ ? new JinjaView("dict_items", Pairs(map)) : null,
                    "keys" => arguments => arguments.Allow() is var _ ? new JinjaView("dict_keys", map.Keys.Select(key => key.Value)) : null,
                    "values" => arguments => arguments.Allow() is var _ ? new JinjaView("dict_values", map.Values) : null,
                    "get" => arguments => map.TryGetValue(JinjaKey.Of(arguments.Allow("key", "default").Need(0, "key")), out var item)
                        ? item
                        : arguments.Get(1, "default"),
                    "copy" => arguments => arguments.Allow() is var _ ? map : null,
                    "update" or "pop" or "popitem" or "clear" or "setdefault" => _ =>
                        throw new JinjaException($"{name} changes a dict, which templates may not"),
                    _ => null,
                };
            case List<object?> list:
                return name switch
                {
                    "index" => arguments =>
                        list.FindIndex(item => JinjaValues.Equals(item, arguments.Allow("value").Need(0, "value"))) is >= 0 and var i
                        ? (long)i
                        : throw new JinjaException("index: the value is not in the list"),
                    "count" => arguments => list.LongCount(item => JinjaValues.Equals(item, arguments.Allow("value").Need(0, "value"))),
                    "copy" when list is not JinjaTuple => arguments => arguments.Allow() is var _ ? list.ToList() : null,
                    "append" or "extend" or "insert" or "pop" or "remove" or "sort" or "reverse" or "clear" => _ =>
                        throw new JinjaException($"{name} changes a list, which templates may not"),
                    _ => null,
                };
            default:
                return null;
        }
    }

    public static List<object?> Pairs(JinjaMap map) => [.. map.Select(entry => (object?)new JinjaTuple([entry.Key.Value, entry.Value]))];

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

    /// <summary>Python's <c>isupper</c>: at least one letter has case, and none is lower.</summary>
    public static bool IsUpper(string text) =>
        text.EnumerateRunes().Any(JinjaCasing.IsCased) && !text.EnumerateRunes().Any(rune => JinjaCasing.IsCased(rune) && !Rune.IsUpper(rune));

    public static bool IsLower(string text) =>
        text.EnumerateRunes().Any(JinjaCasing.IsCased) && !text.EnumerateRunes().Any(rune => JinjaCasing.IsCased(rune) && !Rune.IsLower(rune));

    public static string Centre(string text, object? width, string fill)
    {
        var total = Width(width);
        var missing = (int)Math.Max(0, total - JinjaValues.Length(text));
        var left = (missing / 2) + (missing & total & 1);
        return string.Concat(Enumerable.Repeat(fill, left)) + text + string.Concat(Enumerable.Repeat(fill, missing - left));
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
        var most = arguments.Get(first + 2, "count") is { } count ? JinjaValues.ToInt(count) : -1;
        if (old.Length == 0)
            return Between(text, replacement, most, arguments);
        arguments.Scope.Spend(text.Length * (1 + ((long)replacement.Length / old.Length)));
        if (most < 0)
            return text.Replace(old, replacement, StringComparison.Ordinal);
        var output = new StringBuilder();
        var at = 0;
        for (; most > 0 && text.IndexOf(old, at, StringComparison.Ordinal) is >= 0 and var next; most--)
        {
            output.Append(text, at, next - at).Append(replacement);
            at = next + old.Length;
        }
        return output.Append(text, at, text.Length - at).ToString();
    }

    /// <summary>The replacement before each code point and at the end: what Python makes of an empty text replaced.</summary>
    private static string Between(string text, string replacement, int most, JinjaArguments arguments)
    {
        arguments.Scope.Spend((long)(text.Length + 1) * (replacement.Length + 1));
        var output = new StringBuilder();
        var left = most < 0 ? int.MaxValue : most;
        foreach (var rune in text.EnumerateRunes())
            output.Append(left-- > 0 ? replacement : "").Append(rune.ToString());
        return output.Append(left > 0 ? replacement : "").ToString();
    }

    /// <summary>Python's white space.</summary>
    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    private static string Part(JinjaArguments arguments) => Text(arguments.Allow("part"));

    private static string Text(JinjaArguments arguments) =>
        arguments.Text(0, "part") ?? throw new JinjaException($"{arguments.Function} needs a string");

    private static IEnumerable<string> Affixes(JinjaArguments arguments) => arguments.Need(0, "part") is List<object?> several
        ? several.Select(JinjaValues.ToText)
        : [Text(arguments)];

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
            parts.Add(text[at..end]);
            at = end;
        }
    }

    /// <summary>Python's <c>splitlines</c>.</summary>
    public static List<string> Lines(string text, bool keepsEnds)
    {
        var lines = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var end = text.AsSpan(at).IndexOfAny(LineEnds) is >= 0 and var i ? at + i : text.Length;
            var next = Math.Min(text.Length, end + (end + 1 < text.Length && text[end] == '\r' && text[end + 1] == '\n' ? 2 : 1));
            lines.Add(text[at..(keepsEnds ? next : end)]);
            at = next;
        }
        return lines;
    }

    private static List<object?> SplitFromRight(string text, JinjaArguments arguments)
    {
        var most = arguments.Has(1, "maxsplit") ? JinjaValues.ToInt(arguments.Get(1, "maxsplit")) : -1;
        var separator = arguments.Text(0, "sep");
        if (most < 0)
            return Split(text, arguments);
        if (separator == "")
            throw new JinjaException("rsplit needs a separator that is not empty");
        var parts = new List<object?>();
        if (separator is null)
        {
            var end = text.Length;
            while (true)
            {
                while (end > 0 && IsSpace(text[end - 1]))
                    end--;
                if (end == 0)
                    break;
                var start = end;
                while (start > 0 && !IsSpace(text[start - 1]))
                    start--;
                if (parts.Count == most)
                    start = 0;
                parts.Add(text[start..end]);
                end = start;
            }
        }
        else
        {
            while (parts.Count < most && text.LastIndexOf(separator, StringComparison.Ordinal) is >= 0 and var at)
            {
                parts.Add(text[(at + separator.Length)..]);
                text = text[..at];
            }
            parts.Add(text);
        }
        parts.Reverse();
        return parts;
    }

    private static string Separator(JinjaArguments arguments) =>
        arguments.Allow("sep").Text(0, "sep") is { Length: > 0 } separator ? separator
            : throw new JinjaException($"{arguments.Function} needs a separator that is not empty");

    private static JinjaTuple Partition(string text, string separator, int at, bool first) => at >= 0
        ? new JinjaTuple([text[..at], separator, text[(at + separator.Length)..]])
        : new JinjaTuple(first ? [text, "", ""] : ["", "", text]);

    /// <summary>The first argument, a text.</summary>
    private static string Sought(JinjaArguments arguments) =>
        arguments.Text(0, "sub") ?? throw new JinjaException($"{arguments.Function} needs a string");

    /// <summary>The part of a text that the arguments from <paramref name="at"/> on, start and end in code points, say; null where start is beyond
    /// the end.</summary>
    private static string? Part(string text, JinjaArguments arguments, int at) =>
        Within(text, arguments.Allow("part", "start", "end"), at) is var (start, stop) && start <= stop ? text[start..stop] : null;

    /// <summary>The bounds as places in the text.</summary>
    private static (int Start, int Stop) Within(string text, JinjaArguments arguments, int at)
    {
        if (arguments.Get(at, "start") is null && arguments.Get(at + 1, "end") is null)
            return (0, text.Length);
        var places = new List<int>();
        for (var i = 0; i < text.Length; i += char.IsSurrogatePair(text, i) ? 2 : 1)
        {
            places.Add(i);
            if (i + 1 == text.Length)
                break;
        }
        places.Add(text.Length);
        var length = places.Count - 1;
        var (from, to) = (Bound(arguments.Get(at, "start"), 0), Bound(arguments.Get(at + 1, "end"), length));
        return from > length || from > to ? (1, 0) : (places[(int)from], places[(int)Math.Min(to, length)]);

        long Bound(object? given, int fallback) =>
            given is null ? fallback : JinjaValues.ToInt(given) is var bound && bound < 0 ? Math.Max(0, bound + length) : bound;
    }

    private static long Place(string text, JinjaArguments arguments, bool last)
    {
        var part = Sought(arguments.Allow("sub", "start", "end"));
        var (start, stop) = Within(text, arguments, 1);
        if (start > stop)
            return -1;
        var within = text.AsSpan(start, stop - start);
        var at = last ? within.LastIndexOf(part, StringComparison.Ordinal) : within.IndexOf(part, StringComparison.Ordinal);
        if (last && part.Length == 0)
            at = within.Length;
        return at < 0 ? -1 : JinjaValues.Length(text[..(start + at)]);
    }

    private static bool IsAll(string text, Func<Rune, bool> holds) => text.Length > 0 && text.EnumerateRunes().All(holds);

    private static int Width(object? width) =>
        JinjaValues.ToInt(width) is var given and <= Widest ? given : throw new JinjaException($"a width is at most {Widest}");

    private static string Fill(JinjaArguments arguments) =>
        arguments.Text(1, "fillchar") is not { } fill ? " " : JinjaValues.Length(fill) == 1 ? fill
            : throw new JinjaException("the fill character must be one character");

    private static string Filling(string text, JinjaArguments arguments) => string.Concat(Enumerable.Repeat(
        Fill(arguments.Allow("width", "fillchar")), (int)Math.Max(0, Width(arguments.Need(0, "width")) - JinjaValues.Length(text))));

    private static string ZeroFilled(string text, JinjaArguments arguments)
    {
        var missing = Width(arguments.Allow("width").Need(0, "width")) - JinjaValues.Length(text);
        var sign = text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;
        return missing <= 0 ? text : text[..sign] + new string('0', (int)missing) + text[sign..];
    }

    private static string ExpandTabs(string text, JinjaArguments arguments)
    {
        var size = Width(arguments.Allow("tabsize").Get(0, "tabsize", 8L));
        var (output, column) = (new StringBuilder(), 0);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == '\t')
            {
                var spaces = size <= 0 ? 0 : size - (column % size);
                arguments.Scope.Spend(spaces);
                output.Append(' ', spaces);
                column += spaces;
                continue;
            }
            output.Append(rune.ToString());
            column = rune.Value is '\n' or '\r' ? 0 : column + 1;
        }
        return output.ToString();
    }
}
