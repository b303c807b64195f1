namespace ToolR0.SelfPlay.Options;

/// <summary>What a misspelled name was perhaps meant to be.</summary>
public static class Spelling
{
    /// <summary>The known names that are nearest by single letters that differ, letter case aside.</summary>
    public static IEnumerable<string> Nearest(IEnumerable<string> known, string name, int count) => known
        .OrderBy(candidate => Distance(candidate.ToLowerInvariant(), name.ToLowerInvariant())).ThenBy(candidate => candidate, StringComparer.Ordinal)
            .Take(count);

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = cost;
            }
        }

        return row[^1];
    }
}
