using System.Globalization;
using System.Net;
using System.Text;

namespace ToolR0.Reporting;

/// <summary>A line of a chart. <paramref name="Colour"/> is 1 to 6, a colour of the page's palette.</summary>
/// <param name="Points">In order of x.</param>
/// <param name="Errors">Half height of each point's error bar in units of y, or null.</param>
public sealed record Series(
    string Name, int Colour, IReadOnlyList<(double X, double Y)> Points, IReadOnlyList<double>? Errors = null, bool Dashed = false,
        bool Marked = false);

/// <summary>A labelled stretch of the x axis.</summary>
public sealed record Band(double From, double To, string Label);

/// <summary>A bar made of parts, stacked from the bottom. Colours as in <see cref="Series"/>.</summary>
public sealed record Bar(string Label, IReadOnlyList<(int Colour, double Value, string Tip)> Parts);

/// <summary>Charts as inline SVG that takes its colours from the page's CSS variables, so that it follows light and dark.</summary>
public static class Charts
{
    private const double Left = 56, Right = 16, Top = 26, Bottom = 46;

    /// <param name="xTicks">Where x is labelled, with the labels.</param>
    public static string Lines(
        string title,
        string xLabel,
        string yLabel,
        IReadOnlyList<Series> series,
        IReadOnlyList<(double X, string Label)> xTicks,
        (double Min, double Max) x,
        (double Min, double Max)? y = null,
        IReadOnlyList<Band>? bands = null,
        double height = 260,
        double width = 640)
    {
        var values = series.SelectMany(s => s.Points.Select((p, i) => (Low: p.Y - (s.Errors?[i] ?? 0), High: p.Y + (s.Errors?[i] ?? 0)))).ToList();
        var ticks = Ticks(y?.Min ?? Math.Min(0, values.Count == 0 ? 0 : values.Min(v => v.Low)), y?.Max
            ?? (values.Count == 0 ? 1 : values.Max(v => v.High)));
        var (low, high) = (ticks[0], ticks[^1]);
        double X(double v) => Left + ((width - Left - Right) * (x.Max > x.Min ? (v - x.Min) / (x.Max - x.Min) : 0.5));
        double Y(double v) => height - Bottom - ((height - Bottom - Top) * (v - low) / (high - low));

        var svg = Open(title, width, height);
        foreach (var (band, i) in (bands ?? []).Select((band, i) => (band, i)))
        {
            if (i % 2 == 1)
                svg.Append(Inv($"<rect class='band' x='{X(band.From):0.#}' y='{Top}' width='{X(band.To) - X(band.From):0.#}' height='{height - Bottom - Top}'/>"));
            svg.Append(Inv($"<text class='band-label' x='{(X(band.From) + X(band.To)) / 2:0.#}' y='{Top - 8}' text-anchor='middle'>{Text(band.Label)}</text>"));
        }

        Frame(svg, ticks, Y, xLabel, yLabel, width, height);
        foreach (var (at, label) in xTicks)
            svg.Append(Inv($"<text x='{X(at):0.#}' y='{height - Bottom + 16}' text-anchor='middle'>{Text(label)}</text>"));

        foreach (var s in series)
        {
            for (var i = 0; s.Errors is not null && i < s.Points.Count; i++)
            {
                var (px, py, error) = (s.Points[i].X, s.Points[i].Y, s.Errors[i]);
                svg.Append(Inv($"<path class='l c{s.Colour} thin' d='M{X(px):0.#} {Y(py - error):0.#}V{Y(py + error):0.#}'/>"));
            }

            var path = string.Concat(s.Points.Select((p, i) => Inv($"{(i == 0 ? 'M' : 'L')}{X(p.X):0.#} {Y(p.Y):0.#}")));
            svg.Append(Inv($"<path class='l c{s.Colour}{(s.Dashed ? " dash" : "")}' d='{path}'><title>{Text(s.Name)}</title></path>"));
            foreach (var p in s.Points)
            {
                svg.Append(Inv($"<circle class='d c{s.Colour}{(s.Marked ? "" : " ghost")}' cx='{X(p.X):0.#}' cy='{Y(p.Y):0.#}' r='{(s.Marked ? 4 : 5)}'>"));
                svg.Append(Inv($"<title>{Text(s.Name)}: {Number(p.Y)} at {Text(xLabel)} {Number(p.X)}</title></circle>"));
            }
        }

        foreach (var column in series.Where(s => s.Marked).SelectMany(s => s.Points).GroupBy(p => p.X))
        {
            var marked = column.Select(p => p.Y).OrderDescending().ToArray();
            foreach (var (value, place) in marked.Zip(LabelPlaces([.. marked.Select(Y)], height - Bottom - 4)))
                svg.Append(Inv($"<text class='value' x='{X(column.Key) + 6:0.#}' y='{place:0.#}'>{Number(value)}</text>"));
        }

        return Close(svg, series.Select(s => (s.Name, s.Colour)));
    }

    /// <summary>
    /// Where the values at one x are written so that none covers another: the highest above its point, the others below theirs or further down, and
    /// all of them further up where the last would pass <paramref name="lowest"/>.
    /// </summary>
    /// <param name="points">Pixels from the top, rising.</param>
    public static double[] LabelPlaces(IReadOnlyList<double> points, double lowest)
    {
        const double Line = 12;
        var places = new double[points.Count];
        for (var i = 0; i < places.Length; i++)
            places[i] = i == 0 ? points[0] - 10 : Math.Max(points[i] + 18, places[i - 1] + Line);
        for (var (i, limit) = (places.Length - 1, lowest); i >= 0 && places[i] > limit; limit = places[i--] - Line)
            places[i] = limit;
        return places;
    }

    public static string Bars(
        string title, string xLabel, string yLabel, IReadOnlyList<Bar> bars, IReadOnlyList<(string Name, int Colour)> legend, double? max = null,
        double height = 220, double width = 640)
    {
        var ticks = Ticks(0, Math.Max(1e-9, max ?? bars.Select(b => b.Parts.Sum(p => p.Value)).DefaultIfEmpty(1).Max()));
        double Y(double v) => height - Bottom - ((height - Bottom - Top) * v / ticks[^1]);
        var slot = (width - Left - Right) / Math.Max(1, bars.Count);

        var svg = Open(title, width, height);
        Frame(svg, ticks, Y, xLabel, yLabel, width, height);
        for (var i = 0; i < bars.Count; i++)
        {
            var (x, wide, at) = (Left + (slot * (i + 0.12)), slot * 0.76, 0.0);
            foreach (var (colour, value, tip) in bars[i].Parts.Where(part => part.Value > 0))
            {
                svg.Append(Inv($"<rect class='b c{colour}' x='{x:0.#}' y='{Y(at + value):0.##}' width='{wide:0.#}' height='{Y(at) - Y(at + value):0.##}'>"));
                svg.Append(Inv($"<title>{Text(tip)}</title></rect>"));
                at += value;
            }

            svg.Append(Inv($"<text x='{x + (wide / 2):0.#}' y='{height - Bottom + 16}' text-anchor='middle'>{Text(bars[i].Label)}</text>"));
        }

        return Close(svg, legend);
    }

    public static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>A number in as many digits as a reader wants.</summary>
    public static string Number(double v) => Math.Abs(v) >= 100 ? Inv($"{v:#,0}") : Math.Abs(v) >= 10 ? Inv($"{v:0.#}") : Inv($"{v:0.##}");

    public static string Inv(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Round numbers from at or below <paramref name="min"/> to at or above <paramref name="max"/>.</summary>
    public static double[] Ticks(double min, double max)
    {
        if (!(max > min))
            max = min + 1;
        var raw = (max - min) / 5;
        var magnitude = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = magnitude * (raw / magnitude) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        var (first, last) = ((int)Math.Floor((min / step) + 1e-9), (int)Math.Ceiling((max / step) - 1e-9));
        return [.. Enumerable.Range(first, last - first + 1).Select(i => Math.Round(i * step, 10))];
    }

    private static StringBuilder Open(string title, double width, double height) => new StringBuilder()
        .Append(Inv($"<figure><figcaption>{Text(title)}</figcaption><svg viewBox='0 0 {width} {height}' role='img' aria-label='{Text(title)}'>"));

    private static void Frame(StringBuilder svg, double[] ticks, Func<double, double> y, string xLabel, string yLabel, double width, double height)
    {
        foreach (var tick in ticks)
        {
            svg.Append(Inv($"<path class='{(tick == 0 ? "axis" : "grid")}' d='M{Left} {y(tick):0.#}H{width - Right}'/>"));
            svg.Append(Inv($"<text x='{Left - 8}' y='{y(tick) + 4:0.#}' text-anchor='end'>{Number(tick)}</text>"));
        }

        svg.Append(Inv($"<text class='axis-label' x='{(Left + width - Right) / 2}' y='{height - 8}' text-anchor='middle'>{Text(xLabel)}</text>"));
        svg.Append(Inv($"<text class='axis-label' transform='translate(13 {(Top + height - Bottom) / 2:0.#}) rotate(-90)' text-anchor='middle'>{Text(yLabel)}</text>"));
    }

    private static string Close(StringBuilder svg, IEnumerable<(string Name, int Colour)> legend)
    {
        svg.Append("</svg><div class='legend'>");
        foreach (var (name, colour) in legend)
            svg.Append(Inv($"<span><i class='c{colour}'></i>{Text(name)}</span>"));
        return svg.Append("</div></figure>").ToString();
    }
}
