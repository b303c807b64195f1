using System.Text;
using ToolR0.Reporting;

namespace ToolR0.Studies;

/// <summary>
/// A study as one self-contained SVG: per held-out set, left the exact match of every run with each arm's mean and 95 % interval, right the paired
/// differences to the reference.
/// </summary>
public static class StudyPlot
{
    private const double Width = 940, Left = 150, Gap = 46, Right = 20, RowHeight = 26, Head = 40, Foot = 44;
    private static readonly string[] Colours = ["#1f6fb4", "#d9730d", "#2a8f5b", "#8a4fb5"];

    public static string Render(StudyResult result)
    {
        var arms = result.Study.Arms.Select(arm => arm.Name).ToList();
        var bases = result.BaseModels.Keys.ToList();
        var panel = Head + (arms.Count * RowHeight) + Foot;
        var top = bases.Count > 1 ? 56.0 : 34.0;
        var svg = new StringBuilder();
        svg.Append(Charts.Inv(
            $"<svg xmlns='http://www.w3.org/2000/svg' width='{Width}' height='{top + (panel * result.Sets.Count)}' viewBox='0 0 {Width} {top + (panel * result.Sets.Count)}' font-family='system-ui, sans-serif' font-size='12' fill='#222'>"));
        svg.Append(Charts.Inv($"<title>{Charts.Text(result.Study.Name)}</title><rect width='100%' height='100%' fill='#fff'/>"));
        svg.Append(Charts.Inv(
            $"<text x='16' y='22' font-size='14' font-weight='600'>{Charts.Text(result.Study.Name)}: points are runs, bars are means with 95 % intervals</text>"));
        for (var b = 0; b < bases.Count && bases.Count > 1; b++)
            svg.Append(Charts.Inv(
                $"<circle cx='{Left + (b * 170)}' cy='42' r='4' fill='{Colour(b)}'/><text x='{Left + 10 + (b * 170)}' y='46'>{Charts.Text(bases[b])}</text>"));

        for (var s = 0; s < result.Sets.Count; s++)
        {
            var set = result.Sets[s];
            var y = top + (s * panel);
            var half = (Width - Left - Gap - Right) / 2;
            var rows = arms.Select(arm => result.Results.Single(r => r.Set == set && r.Base is null && r.Arm == arm)).ToList();
            var accuracy = rows.Select(row =>
                new Row(row.Arm, [.. Runs(result, row.Arm).Select(run => (run.Accuracy[set][^1], bases.IndexOf(run.Base)))], row.Accuracy)).ToList();
            var difference = rows.Select(row => new Row(row.Arm, Pairs(result, row, set, bases), row.Difference)).ToList();
            Draw(svg, $"{set}: exact match, %", accuracy, Left, y, half);
            Draw(svg, $"{set}: difference to {result.Study.Reference}, points", difference, Left + half + Gap, y, half, result.Study.Reference);
        }

        return svg.Append("</svg>\n").ToString();
    }

    /// <param name="Points">Value and index of the base.</param>
    private sealed record Row(string Arm, IReadOnlyList<(double Value, int Base)> Points, Estimate? Estimate);

    private static IEnumerable<StudyRun> Runs(StudyResult result, string arm) => result.Runs.Where(run => run.Arm == arm && run.Failure is null);

    private static IReadOnlyList<(double, int)> Pairs(StudyResult result, ArmResult row, string set, List<string> bases)
    {
        var reference = Runs(result, result.Study.Reference).ToDictionary(run => (run.Base, run.Seed));
        return row.Difference is null ? [] :
        [
            .. Runs(result, row.Arm).Where(run => reference.ContainsKey((run.Base, run.Seed)))
                .Select(run => (run.Accuracy[set][^1] - reference[(run.Base, run.Seed)].Accuracy[set][^1], bases.IndexOf(run.Base))),
        ];
    }

    /// <param name="reference">Set for differences: the arm that they are to.</param>
    private static void Draw(StringBuilder svg, string title, IReadOnlyList<Row> rows, double left, double top, double width,
        string? reference = null)
    {
        var zero = reference is not null;
        var values = rows.SelectMany(row =>
            row.Points.Select(point => point.Value)
            .Concat([row.Estimate?.Low ?? row.Estimate?.Mean ?? 0, row.Estimate?.High ?? row.Estimate?.Mean ?? 0]))
            .Select(value => 100 * value).DefaultIfEmpty(0).ToList();
        var ticks = Charts.Ticks(zero ? Math.Min(-1, values.Min()) : Math.Max(0, values.Min()), zero ? Math.Max(1, values.Max())
            : Math.Min(100, values.Max()));
        double X(double share) => left + (width * (Math.Clamp(100 * share, ticks[0], ticks[^1]) - ticks[0]) / (ticks[^1] - ticks[0]));
        var (first, last) = (top + Head, top + Head + (rows.Count * RowHeight));

        svg.Append(Charts.Inv($"<text x='{left}' y='{top + 22}' font-weight='600'>{Charts.Text(title)}</text>"));
        foreach (var tick in ticks)
        {
            var x = X(tick / 100);
            svg.Append(Charts.Inv($"<path d='M{x:0.#} {first}V{last}' stroke='{(zero && tick == 0 ? "#444" : "#ddd")}'/>"));
            svg.Append(Charts.Inv($"<text x='{x:0.#}' y='{last + 16}' text-anchor='middle' fill='#555'>{Charts.Number(tick)}</text>"));
        }

        for (var i = 0; i < rows.Count; i++)
        {
            var y = first + ((i + 0.5) * RowHeight);
            if (!zero)
                svg.Append(Charts.Inv($"<text x='{left - 10}' y='{y + 4:0.#}' text-anchor='end'>{Charts.Text(rows[i].Arm)}</text>"));
            if (reference is not null && rows[i].Estimate is null)
                svg.Append(Charts.Inv(
                    $"<text x='{X(0) + 6:0.#}' y='{y + 4:0.#}' fill='#777'>{(rows[i].Arm == reference ? "reference" : "no pairs")}</text>"));
            foreach (var (value, of) in rows[i].Points)
                svg.Append(Charts.Inv(
                    $"<circle cx='{X(value):0.#}' cy='{y + 5:0.#}' r='3.5' fill='{Colour(of)}' fill-opacity='0.55'><title>{Charts.Text(rows[i].Arm)}: {StudyText.Percent(value)}</title></circle>"));
            if (rows[i].Estimate is { } estimate)
            {
                if (estimate is { Low: { } low, High: { } high })
                    svg.Append(Charts.Inv($"<path d='M{X(low):0.#} {y - 5:0.#}H{X(high):0.#}' stroke='#222' stroke-width='2'/>"));
                svg.Append(Charts.Inv(
                    $"<path d='M{X(estimate.Mean):0.#} {y - 10:0.#}v10' stroke='#222' stroke-width='3'><title>mean {StudyText.Percent(estimate.Mean)}</title></path>"));
            }
        }
    }

    private static string Colour(int index) => Colours[index % Colours.Length];
}
