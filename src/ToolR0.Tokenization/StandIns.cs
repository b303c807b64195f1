using System.Globalization;
using System.Text;

namespace ToolR0.Tokenization;

/// <summary>
/// What .NET's engine, which sees UTF-16 units, is shown for code points above U+FFFF: one character of the same general category that the expression
/// does not name. Those that the expression does name have characters of their own, one for each class of it and category.
/// </summary>
internal sealed class StandIns
{
    private const int Categories = (int)UnicodeCategory.OtherNotAssigned + 1;

    /// <summary>Below U+10000, by general category, the last first: the characters that an expression is least likely to name.</summary>
    private static readonly Lazy<char[][]> ByCategory = new(() =>
    {
        var all = Enumerable.Range(0, Categories).Select(_ => new List<char>()).ToArray();
        for (var c = char.MaxValue; c > 0; c--)
            all[(int)CharUnicodeInfo.GetUnicodeCategory(c)].Add(c);
        return [.. all.Select(category => category.ToArray())];
    });

    private readonly IReadOnlyList<IReadOnlyList<(int From, int To)>> _classes;

    /// <summary>By class, the first for code points in none, by category.</summary>
    private readonly char[][] _characters;

    /// <param name="classes">Ranges of code points above U+FFFF, one list for each class of the expression that names any.</param>
    /// <param name="named">Ranges of characters below that the expression names.</param>
    /// <exception cref="FormatException">Two classes name the same code point.</exception>
    public StandIns(IReadOnlyList<IReadOnlyList<(int From, int To)>> classes, IReadOnlyList<(int From, int To)> named)
    {
        _classes = classes;
        for (var i = 0; i < classes.Count; i++)
        {
            if (classes.Skip(i + 1).Any(other => other.Any(b => classes[i].Any(a => a.From <= b.To && b.From <= a.To))))
                throw new FormatException("the expression names a character above U+FFFF in two different classes, which is not supported");
        }

        _characters = [.. Enumerable.Range(0, classes.Count + 1).Select(_ => new char[Categories])];
        for (var category = 0; category < Categories; category++)
        {
            var all = ByCategory.Value[category];
            var free = all.Where(c => !named.Any(range => range.From <= c && c <= range.To)).Take(_characters.Length).ToArray();
            for (var i = 0; i < _characters.Length; i++)
                _characters[i][category] = i < free.Length ? free[i] : all.FirstOrDefault('\uFFFD');
        }
    }

    public char Of(int codePoint)
    {
        var of = 0;
        for (var i = 0; i < _classes.Count && of == 0; i++)
        {
            if (_classes[i].Any(range => range.From <= codePoint && codePoint <= range.To))
                of = i + 1;
        }

        return _characters[of][(int)CharUnicodeInfo.GetUnicodeCategory(codePoint)];
    }

    /// <summary>The characters of a class, as they are written between brackets.</summary>
    public string TextOf(int index)
    {
        var text = new StringBuilder();
        foreach (var c in _characters[index + 1].Where(c => c != '\uFFFD').Distinct())
            text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
        return text.ToString();
    }
}
