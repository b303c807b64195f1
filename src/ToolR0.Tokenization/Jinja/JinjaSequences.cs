using System.Globalization;

namespace ToolR0.Tokenization.Jinja;

/// <summary>The filters that put the items of a sequence in order, together or apart. Texts are compared in lower case unless the template says
/// otherwise, as in Jinja.</summary>
internal static class JinjaSequences
{
    /// <summary>The filter <c>sort</c>, which keeps the order of equals.</summary>
    public static object? Sort(JinjaArguments arguments)
    {
        arguments.Allow("value", "reverse", "case_sensitive", "attribute");
        var items = JinjaFilters.Items(arguments);
        var (folds, attribute) = (Folds(arguments, 2), arguments.Get(3, "attribute"));
        object?[] attributes = attribute is string several ? several.Split(',') : [attribute];
        return Ordered(
            items, item => attributes.Length == 1 ? Key(item, attributes[0], folds, arguments.Scope)
                : attributes.Select(a => Key(item, a, folds, arguments.Scope)).ToList(),
            JinjaValues.IsTrue(arguments.Get(1, "reverse")));
    }

    /// <summary>The filter <c>dictsort</c>: the pairs of a dict by key or value.</summary>
    public static object? SortPairs(JinjaArguments arguments)
    {
        arguments.Allow("value", "case_sensitive", "by", "reverse");
        var map = arguments.Get(0, "value") as JinjaMap ?? throw new JinjaException("dictsort needs a dict");
        var at = (arguments.Text(2, "by") ?? "key") switch
        {
            "key" => 0L,
            "value" => 1L,
            var other => throw new JinjaException($"dictsort sorts by key or value, not by {other}"),
        };
        arguments.Scope.Spend(map.Count);
        var folds = Folds(arguments, 1);
        return Ordered([.. JinjaMethods.Pairs(map)], pair => Key(pair, at, folds, arguments.Scope), JinjaValues.IsTrue(arguments.Get(3, "reverse")));
    }

    /// <summary>The filters <c>min</c> (<paramref name="sign"/> −1) and <c>max</c> (1): of equals the first.</summary>
    public static object? Extreme(JinjaArguments arguments, int sign)
    {
        arguments.Allow("value", "case_sensitive", "attribute");
        var items = JinjaFilters.Items(arguments);
        if (items.Count == 0)
            return new JinjaUndefined("the aggregate of no items");
        var (folds, attribute) = (Folds(arguments, 1), arguments.Get(2, "attribute"));
        var best = items[0];
        var bestKey = Key(best, attribute, folds, arguments.Scope);
        foreach (var item in items.Skip(1))
        {
            if (Key(item, attribute, folds, arguments.Scope) is var key && JinjaValues.Compare(key, bestKey) * sign > 0)
                (best, bestKey) = (item, key);
        }
        return best;
    }

    public static object? Sum(JinjaArguments arguments)
    {
        arguments.Allow("value", "attribute", "start");
        var attribute = arguments.Get(1, "attribute");
        return JinjaFilters.Items(arguments).Aggregate(
            arguments.Get(2, "start", 0L), (sum, item) => ArithmeticExpression.Of(sum, "+", Attribute(item, attribute, arguments.Scope)));
    }

    /// <summary>The filter <c>batch</c>: lists of so many items, the last filled up if the template says with what.</summary>
    public static object? Batch(JinjaArguments arguments)
    {
        arguments.Allow("value", "linecount", "fill_with");
        var size = JinjaValues.ToInt(arguments.Need(1, "linecount"));
        if (size < 1)
            throw new JinjaException("batch needs a size of at least 1");
        var fill = arguments.Get(2, "fill_with");
        return JinjaFilters.Items(arguments).Chunk(size)
            .Select(chunk => (object?)(fill is null ? chunk.ToList() : Filled(chunk))).ToList();

        List<object?> Filled(object?[] chunk)
        {
            arguments.Scope.Spend(size - chunk.Length);
            return [.. chunk, .. Enumerable.Repeat(fill, size - chunk.Length)];
        }
    }

    /// <summary>The filter <c>slice</c>: so many lists of nearly equal length.</summary>
    public static object? Slice(JinjaArguments arguments)
    {
        arguments.Allow("value", "slices", "fill_with");
        var items = JinjaFilters.Items(arguments);
        var count = JinjaValues.ToInt(arguments.Need(1, "slices"));
        if (count == 0)
            throw new JinjaException("division by zero");
        arguments.Scope.Spend(Math.Max(0, count));
        var fill = arguments.Get(2, "fill_with");
        var slices = new List<object?>();
        var at = 0;
        for (var i = 0; i < count; i++)
        {
            var longer = i < items.Count % count;
            var size = (items.Count / count) + (longer ? 1 : 0);
            var slice = items.GetRange(at, size);
            if (fill is not null && !longer)
                slice.Add(fill);
            slices.Add(slice);
            at += size;
        }
        return slices;
    }

    /// <summary>The filter <c>groupby</c>: pairs of an attribute's value and the items that have it, by value.</summary>
    public static object? GroupBy(JinjaArguments arguments)
    {
        arguments.Allow("value", "attribute", "default", "case_sensitive");
        var (attribute, fallback, folds) = (arguments.Need(1, "attribute"), arguments.Get(2, "default"), Folds(arguments, 3));
        object? Of(object? item) => Attribute(item, attribute, arguments.Scope, fallback);
        var groups = new List<object?>();
        object? last = null;
        foreach (var item in Ordered(JinjaFilters.Items(arguments), item => Folded(Of(item), folds), reversed: false))
        {
            var key = Folded(Of(item), folds);
            if (groups.Count == 0 || !JinjaValues.Equals(key, last))
                groups.Add(new JinjaGroup(Of(item), []));
            ((JinjaGroup)groups[^1]!).Members.Add(item);
            last = key;
        }
        return groups;
    }

    /// <summary>The filter <c>unique</c>: of equals the first.</summary>
    public static object? Unique(JinjaArguments arguments)
    {
        arguments.Allow("value", "case_sensitive", "attribute");
        var (folds, attribute) = (Folds(arguments, 1), arguments.Get(2, "attribute"));
        var seen = new HashSet<JinjaKey>();
        return JinjaFilters.Items(arguments).Where(item => seen.Add(JinjaKey.Of(Key(item, attribute, folds, arguments.Scope)))).ToList();
    }

    /// <summary>What a path such as <c>address.city</c> or <c>parts.0</c>, or a number, leads to.</summary>
    /// <param name="fallback">Where it leads nowhere, unless null.</param>
    public static object? Attribute(object? item, object? path, JinjaScope scope, object? fallback = null)
    {
        object?[] parts = path switch
        {
            null => [],
            string text => [.. text.Split('.')
                .Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) ? long.Parse(part, CultureInfo.InvariantCulture) : (object?)part)],
            _ => [path],
        };
        foreach (var part in parts)
        {
            item = IndexExpression.Of(item, part, scope);
            if (item is JinjaUndefined && fallback is not null)
                item = fallback;
        }
        return item;
    }

    private static bool Folds(JinjaArguments arguments, int at) => !JinjaValues.IsTrue(arguments.Get(at, "case_sensitive"));

    private static object? Key(object? item, object? attribute, bool folds, JinjaScope scope) => Folded(Attribute(item, attribute, scope), folds);

    private static object? Folded(object? key, bool folds) => folds && key is string text ? JinjaCasing.Lower(text) : key;

    private static List<object?> Ordered(List<object?> items, Func<object?, object?> key, bool reversed)
    {
        var order = Comparer<object?>.Create(JinjaValues.Compare);
        try
        {
            return reversed ? [.. items.OrderByDescending(key, order)] : [.. items.OrderBy(key, order)];
        }
        catch (InvalidOperationException e) when (e.InnerException is JinjaException inner)
        {
            throw new JinjaException(inner.Message);
        }
    }
}

/// <summary>A pair that <c>groupby</c> makes, which also has names: <c>grouper</c> and <c>list</c>.</summary>
internal sealed class JinjaGroup(object? grouper, List<object?> members) : List<object?>([grouper, members])
{
    public object? Grouper => grouper;

    public List<object?> Members => members;
}
