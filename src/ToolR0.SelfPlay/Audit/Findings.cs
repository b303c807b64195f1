using System.Globalization;

namespace ToolR0.SelfPlay.Audit;

/// <summary>Collects differences between a stored fact and its recomputation.</summary>
internal sealed class Findings
{
    private const int Longest = 200;
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

    /// <summary>Numbers are compared to the last bit.</summary>
    public void Compare<T>(string stream, long version, string field, T stored, T recomputed)
    {
        if (!EqualityComparer<T>.Default.Equals(stored, recomputed))
            Add(stream, version, field, Text(stored), Text(recomputed));
    }

    public void CompareLists<T>(string stream, long version, string field, IReadOnlyList<T> stored, IReadOnlyList<T> recomputed)
    {
        if (stored.Count != recomputed.Count)
        {
            Add(stream, version, $"{field}.count", Text(stored.Count), Text(recomputed.Count));
            return;
        }

        for (var i = 0; i < stored.Count; i++)
        {
            if (EqualityComparer<T>.Default.Equals(stored[i], recomputed[i]))
                continue;
            Add(stream, version, $"{field}[{i}]", Text(stored[i]), Text(recomputed[i]));
            return;
        }
    }

    public void CompareNumbers<T>(
        string stream, long version, string field, IReadOnlyDictionary<string, T> stored, IReadOnlyDictionary<string, T> recomputed, params ReadOnlySpan<string> except)
    {
        foreach (var name in stored.Keys.Union(recomputed.Keys).Order(StringComparer.Ordinal))
        {
            if (except.Contains(name))
                continue;
            var text = stored.TryGetValue(name, out var a) ? Text(a) : "nothing";
            var again = recomputed.TryGetValue(name, out var b) ? Text(b) : "nothing";
            if (text != again)
                Add(stream, version, $"{field}.{name}", text, again);
        }
    }

    private static string Text<T>(T value) => value switch
    {
        null => "null",
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Short(string text) => text.Length <= Longest ? text : text[..Longest] + "…";
}
