using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Audit;

/// <summary>Collects differences between a stored fact and its recomputation. Numbers are compared to the last bit.</summary>
internal sealed class Findings
{
    private const int Longest = 200;
    private static readonly ConcurrentDictionary<Type, PropertyInfo[]> Properties = [];
    private readonly List<AuditFinding> _found = [];

    /// <summary>What was found since the last call.</summary>
    public IReadOnlyList<AuditFinding> Take()
    {
        AuditFinding[] found = [.. _found];
        _found.Clear();
        return found;
    }

    public void Add(string stream, long version, string field, string stored, string recomputed) =>
        _found.Add(new AuditFinding(stream, version, field, Short(stored), Short(recomputed)));

    /// <summary>Compares a fact with its recomputation as a whole: every property of every record in it, so that a new one cannot be
    /// forgotten.</summary>
    /// <param name="except">Keys of dictionaries that are taken as stored.</param>
    public void CompareFacts<T>(StoredFact stored, T recomputed, params string[] except)
        where T : class =>
        CompareFacts(stored.Stream, stored.Version, stored.Fact, recomputed, except);

    /// <inheritdoc cref="CompareFacts{T}(StoredFact, T, string[])"/>
    public void CompareFacts(string stream, long version, object stored, object recomputed, params string[] except) =>
        Walk(new Walker(stream, version, except), "", stored, recomputed);

    /// <summary>Compares a part of a fact: a value, a list, a dictionary or a record.</summary>
    public void Compare<T>(string stream, long version, string field, T stored, T recomputed) =>
        Walk(new Walker(stream, version, []), field, stored, recomputed);

    private bool Walk(Walker at, string path, object? stored, object? recomputed)
    {
        switch (stored, recomputed)
        {
            case (null, null):
                return true;
            case (null, _) or (_, null) or (string, _) or (JsonElement, _) or ({ }, string):
                return Same(at, path, stored, recomputed);
            case (IDictionary a, IDictionary b):
                return WalkDictionaries(at, path, Entries(a), Entries(b));
            case (IEnumerable a, IEnumerable b):
                return WalkLists(at, path, [.. a.Cast<object?>()], [.. b.Cast<object?>()]);
        }

        if (stored.GetType() != recomputed.GetType() || !IsRecord(stored.GetType()))
            return Same(at, path, stored, recomputed);
        var same = true;
        foreach (var property in PropertiesOf(stored.GetType()))
            same &= Walk(at, Join(path, JsonNamingPolicy.CamelCase.ConvertName(property.Name)), property.GetValue(stored),
                property.GetValue(recomputed));
        return same;
    }

    /// <summary>All differing records of a list; of values the first, since the others follow from it.</summary>
    private bool WalkLists(Walker at, string path, IReadOnlyList<object?> stored, IReadOnlyList<object?> recomputed)
    {
        if (stored.Count != recomputed.Count)
            return Same(at, Join(path, "count"), stored.Count, recomputed.Count);
        var same = true;
        for (var i = 0; i < stored.Count && (same || stored[i] is { } item && IsRecord(item.GetType())); i++)
            same &= Walk(at, $"{path}[{i}]", stored[i], recomputed[i]);
        return same;
    }

    private bool WalkDictionaries(Walker at, string path, IReadOnlyDictionary<string, object?> stored,
        IReadOnlyDictionary<string, object?> recomputed)
    {
        var same = true;
        foreach (var name in stored.Keys.Union(recomputed.Keys).Order(StringComparer.Ordinal))
        {
            if (at.Except.Contains(name))
                continue;
            var (here, there) = (stored.TryGetValue(name, out var a), recomputed.TryGetValue(name, out var b));
            same &= here && there ? Walk(at, Join(path, name), a, b)
                : Differ(at, Join(path, name), here ? Text(a) : "nothing", there ? Text(b) : "nothing");
        }

        return same;
    }

    private bool Same(Walker at, string path, object? stored, object? recomputed) =>
        Equals(stored, recomputed) || (stored is JsonElement && Text(stored) == Text(recomputed)) || Differ(at, path, Text(stored), Text(recomputed));

    private bool Differ(Walker at, string path, string stored, string recomputed)
    {
        Add(at.Stream, at.Version, path, stored, recomputed);
        return false;
    }

    /// <summary>Of this product, with parts of its own: not a number, a text or an enumeration.</summary>
    private static bool IsRecord(Type type) => !type.IsEnum && type.Assembly == typeof(StoredFact).Assembly;

    private static PropertyInfo[] PropertiesOf(Type type) =>
        Properties.GetOrAdd(type, known =>
            [.. known.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.SetMethod is not null)]);

    private static Dictionary<string, object?> Entries(IDictionary dictionary)
    {
        var entries = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in dictionary)
            entries[Text(entry.Key)] = entry.Value;
        return entries;
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static string Text(object? value) => value switch
    {
        null => "null",
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        JsonElement element => element.GetRawText(),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Short(string text) => text.Length <= Longest ? text : text[..Longest] + "…";

    private readonly record struct Walker(string Stream, long Version, string[] Except);
}
