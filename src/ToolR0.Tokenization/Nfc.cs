using System.Globalization;
using System.Text;

namespace ToolR0.Tokenization;

/// <summary>
/// Unicode normalisation form C. .NET's own needs ICU, which a product with invariant globalisation does not load.
/// </summary>
internal static class Nfc
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, HangulCount = LeadCount * VowelCount * TrailCount;

    private static readonly Lazy<Data> Tables = new(Data.Read);

    /// <summary>The composed form. A lone surrogate becomes U+FFFD.</summary>
    public static string Compose(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange('\0', '\u02FF') < 0)
            return text; // nothing below U+0300 combines
        var data = Tables.Value;
        var points = new List<(int Point, int Class)>(text.Length);
        foreach (var rune in text.EnumerateRunes())
            Decompose(rune.Value, data, points);
        Order(points);
        Recompose(points, data);
        var composed = new StringBuilder(points.Count);
        foreach (var (point, _) in points)
            composed.Append(new Rune(point).ToString());
        return composed.ToString();
    }

    private static void Decompose(int point, Data data, List<(int Point, int Class)> points)
    {
        if (point is >= HangulBase and < HangulBase + HangulCount)
        {
            var index = point - HangulBase;
            points.Add((LeadBase + (index / (VowelCount * TrailCount)), 0));
            points.Add((VowelBase + (index / TrailCount % VowelCount), 0));
            if (index % TrailCount > 0)
                points.Add((TrailBase + (index % TrailCount), 0));
        }
        else if (data.Decompositions.TryGetValue(point, out var parts))
        {
            foreach (var part in parts)
                Decompose(part, data, points);
        }
        else
        {
            points.Add((point, data.Classes.GetValueOrDefault(point)));
        }
    }

    /// <summary>Puts the marks that follow a starter in the order of their classes; marks of one class keep theirs.</summary>
    private static void Order(List<(int Point, int Class)> points)
    {
        for (var start = 0; start < points.Count; start++)
        {
            var stop = start;
            while (stop < points.Count && points[stop].Class != 0)
                stop++;
            if (stop - start > 1)
            {
                var ordered = points.GetRange(start, stop - start).OrderBy(mark => mark.Class).ToList();
                for (var i = 0; i < ordered.Count; i++)
                    points[start + i] = ordered[i];
            }
            start = stop;
        }
    }

    private static void Recompose(List<(int Point, int Class)> points, Data data)
    {
        var starter = -1;
        var lastClass = -1; // of the mark kept last after the starter; -1 if there is none
        var to = 0;
        for (var from = 0; from < points.Count; from++)
        {
            var (point, @class) = points[from];
            if (starter >= 0 && lastClass < @class && Pair(points[starter].Point, point, data) is { } composite)
            {
                points[starter] = (composite, 0);
                continue;
            }
            if (@class == 0)
            {
                starter = to;
                lastClass = -1;
            }
            else
            {
                lastClass = @class;
            }
            points[to++] = (point, @class);
        }
        points.RemoveRange(to, points.Count - to);
    }

    private static int? Pair(int left, int right, Data data)
    {
        if (left is >= LeadBase and < LeadBase + LeadCount && right is >= VowelBase and < VowelBase + VowelCount)
            return HangulBase + ((((left - LeadBase) * VowelCount) + right - VowelBase) * TrailCount);
        if (left is >= HangulBase and < HangulBase + HangulCount && (left - HangulBase) % TrailCount == 0
            && right is > TrailBase and < TrailBase + TrailCount)
            return left + right - TrailBase;
        return data.Composites.TryGetValue((left, right), out var composite) ? composite : null;
    }

    private sealed record Data(
        Dictionary<int, int> Classes, Dictionary<int, int[]> Decompositions, Dictionary<(int Left, int Right), int> Composites)
    {
        /// <summary>Reads nfc.txt, whose first lines say how it is written.</summary>
        public static Data Read()
        {
            var data = new Data([], [], []);
            using var stream = typeof(Nfc).Assembly.GetManifestResourceStream("nfc.txt")
                ?? throw new InvalidOperationException("The resource nfc.txt is missing from the assembly.");
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
            {
                var words = line.Split(' ');
                switch (words[0])
                {
                    case "c":
                        foreach (var range in words.Skip(2).Select(word => word.Split('-')))
                        {
                            for (var point = Hex(range[0]); point <= Hex(range[^1]); point++)
                                data.Classes.Add(point, int.Parse(words[1], CultureInfo.InvariantCulture));
                        }
                        break;
                    case "d" or "x":
                        foreach (var entry in words.Skip(1).Select(word => word.Split('=', '+').Select(Hex).ToArray()))
                        {
                            data.Decompositions.Add(entry[0], entry[1..]);
                            if (words[0] == "d")
                                data.Composites.Add((entry[1], entry[2]), entry[0]);
                        }
                        break;
                }
            }
            return data;
        }

        private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
