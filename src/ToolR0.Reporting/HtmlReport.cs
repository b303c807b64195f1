using System.Text;
using ToolR0.Contracts;
using ToolR0.EventStore;
using static ToolR0.Reporting.Charts;

namespace ToolR0.Reporting;

/// <summary>Renders a <see cref="RunReport"/> as one HTML file that needs nothing else: styles and charts are inside, and there is no
/// script.</summary>
public static partial class HtmlReport
{
    public static string Render(RunReport report)
    {
        var html = new StringBuilder()
            .Append("<!doctype html><html lang='en'><head><meta charset='utf-8'>")
            .Append("<meta name='viewport' content='width=device-width,initial-scale=1'><meta name='color-scheme' content='light dark'>")
            .Append(Inv($"<title>Self-play run {Text(report.State.Run)}</title><style>{Style}</style></head><body><main>"));
        Header(html, report);
        Tiles(html, report);
        Accuracy(html, report);
        Failing(html, report);
        WarmStart(html, report);
        Rewards(html, report);
        Learned(html, report);
        Curricula(html, report);
        Refused(html, report);
        Learning(html, report);
        Examples(html, report);
        Time(html, report);
        Identity(html, report);
        return html.Append("</main></body></html>\n").ToString();
    }

    private static void Header(StringBuilder html, RunReport report)
    {
        var state = report.State.Status switch
        {
            RunStatus.Completed => "completed",
            RunStatus.Failed => "failed",
            RunStatus.Cancelled => "cancelled",
            RunStatus.Paused => "paused",
            _ => "not finished",
        };
        html.Append(Inv($"<header><h1>Self-play run <code>{Text(report.State.Run)}</code></h1><p class='sub'>"))
            .Append(Inv($"preset {Text(report.State.Options.Preset)} · seed {report.State.Options.Seed} · {report.State.Options.Iterations} iterations · "))
            .Append(Inv($"{report.StartedAt:yyyy-MM-dd HH:mm} UTC · <b class='state {state.Replace(' ', '-')}'>{state}</b></p>"));
        if (report.State is { IsOver: true, Reason: { } reason })
            html.Append(Inv($"<p class='reason'>{Text(reason)}</p>"));
        Warnings(html, report);
        html.Append("</header>");
    }

    private static void Tiles(StringBuilder html, RunReport report)
    {
        html.Append("<section class='tiles'>");
        foreach (var set in report.State.HeldOut)
        {
            if (report.State.MeasuredOn(set.Name) is [{ Accuracy: var before }, ..] measured)
            {
                var after = measured[^1].Accuracy;
                var relative = measured.Count == 1 ? "base model only" : before > 0 ? Inv($"{(after / before) - 1:+0 %;−0 %;0 %} relative")
                    : Inv($"{100 * (after - before):+0.0;−0.0;0.0} points");
                Tile(html, Inv($"{Text(set.Name)}: exact match"), Inv($"{100 * before:0.0} → {100 * after:0.0} %"), relative);
            }
        }

        Tile(html, "wall time", Duration(report.WallSeconds), Inv($"{report.OutsideModelShare:0.0 %} outside model computation"));
        Tile(html, "sampled tokens", Inv($"{report.Tokens:#,0}"),
            Inv($"{(report.WallSeconds > 0 ? report.Tokens / report.WallSeconds : 0):#,0} per second of wall time"));
        Tile(html, "events", Inv($"{report.Events:#,0}"), "everything on this page is computed from them");
        html.Append("</section>");
    }

    private static void Tile(StringBuilder html, string label, string value, string note) =>
        html.Append(Inv($"<div class='tile'><div class='label'>{label}</div><div class='value'>{value}</div><div class='note'>{note}</div></div>"));

    private static void Accuracy(StringBuilder html, RunReport report)
    {
        if (report.State.Evaluations.Count == 0)
            return;
        html.Append("<section><h2>How good the Solver is</h2><p>Exact match on held-out items that are never trained on: the predicted calls equal the right calls, ")
            .Append("as a multiset, names and every argument. Bars are one standard error of the share.</p><div class='grid'>");
        var series = report.State.HeldOut.Select((set, i) =>
        {
            var measured = report.State.MeasuredOn(set.Name);
            return new Series(
                Inv($"{set.Name} ({measured.FirstOrDefault()?.Items ?? 0} items)"),
                (i % 6) + 1,
                [.. measured.Select(e => ((double)e.Iteration, 100 * e.Accuracy))],
                [.. measured.Select(e => 100 * Math.Sqrt(e.Accuracy * (1 - e.Accuracy) / Math.Max(1, e.Items)))],
                Marked: true);
        }).ToList();
        var last = report.State.Evaluations.Max(e => e.Iteration);
        html.Append(Lines(
            "Held-out accuracy per iteration",
            "iteration (0 is the base model)",
            "exact match (%)",
            series,
            [.. Enumerable.Range(0, last + 1).Select(i => ((double)i, i == 0 ? "base" : Inv($"{i}")))],
            (-0.2, last + 0.3),
            (0, 100)));
        html.Append("<div class='card'>");
        AccuracyTable(html, report);
        html.Append("</div></div>");
        foreach (var set in report.State.HeldOut)
            ByClass(html, report, set.Name);
        html.Append("</section>");
    }

    private static void AccuracyTable(StringBuilder html, RunReport report)
    {
        html.Append("<table><thead><tr><th>set</th><th>iteration</th><th>exact match</th><th>against base</th><th>relative</th></tr></thead><tbody>");
        foreach (var set in report.State.HeldOut)
        {
            var measured = report.State.MeasuredOn(set.Name);
            foreach (var (i, now) in measured.Index())
            {
                var before = measured[0].Accuracy;
                html.Append(Inv($"<tr><td>{(i == 0 ? Text(set.Name) : "")}</td>"))
                    .Append(Inv($"<td>{(i == 0 ? "base" : Inv($"{now.Iteration}"))}</td><td>{now.Accuracy:0.0 %}</td>"))
                    .Append(i == 0 ? "<td></td>" : Inv($"<td>{100 * (now.Accuracy - before):+0.0;−0.0;0.0} points</td>"))
                    .Append(i == 0 || before <= 0 ? "<td></td></tr>" : Inv($"<td>{(now.Accuracy / before) - 1:+0 %;−0 %;0 %}</td></tr>"));
            }
        }

        html.Append("</tbody></table>");
    }

    private static void ByClass(StringBuilder html, RunReport report, string set)
    {
        var measured = report.State.MeasuredOn(set);
        if (measured is not [var before, .., var after] || before.ByClass.Count is < 2 or > 40)
            return;
        html.Append(Inv($"<details><summary>{Text(set)}: accuracy by class of item</summary><table><thead><tr><th>class</th><th>base</th>"))
            .Append(Inv($"<th>iteration {after.Iteration}</th><th class='wide'></th></tr></thead><tbody>"));
        foreach (var (name, was) in before.ByClass.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            var now = after.ByClass.GetValueOrDefault(name);
            html.Append(Inv($"<tr><td>{Text(name)}</td><td>{was:0 %}</td><td>{now:0 %}</td><td class='wide'><span class='meter'>"))
                .Append(Inv($"<i class='c2' style='width:{100 * now:0.#}%'></i><i class='c6' style='width:{100 * was:0.#}%'></i></span></td></tr>"));
        }

        html.Append("</tbody></table></details>");
    }

    private static void Rewards(StringBuilder html, RunReport report)
    {
        var generator = report.Steps.Where(s => s.Phase == Phase.Generator).ToList();
        var solver = report.Steps.Where(s => s.Phase == Phase.Solver).ToList();
        if (generator.Count + solver.Count == 0)
            return;
        html.Append("<section><h2>What was rewarded</h2><p>Means over each step's samples; shaded stretches are iterations.</p><div class='grid'>");
        if (generator.Count > 0)
        {
            html.Append(StepChart("Generator: reward and its components", "mean per step", generator, [
                ("total", MetricNames.RewardMean), ("format", MetricNames.FormatMean), ("validity", MetricNames.ValidityMean),
                ("difficulty", MetricNames.DifficultyMean),
                ("coherence", MetricNames.CoherenceMean), ("repetition", MetricNames.RepetitionMean),
            ]));
            html.Append(StepChart("Generator: pass rate and groups to learn from", "share", generator, [
                ("pass rate p̂ of proposals", MetricNames.PassRate), ("proposals that could be probed", MetricNames.ProbedShare),
                ("groups without advantages", MetricNames.ZeroVarianceShare),
            ]));
        }

        if (solver.Count > 0)
        {
            html.Append(StepChart("Solver: reward and its components", "mean per step", solver, [
                ("total", MetricNames.RewardMean), ("format", MetricNames.FormatMean), ("accuracy", MetricNames.AccuracyMean),
            ]));
            html.Append(StepChart("Solver: what is right in the answers", "share", solver, [
                ("name", MetricNames.NameMean), ("keys", MetricNames.KeysMean), ("values", MetricNames.ValuesMean),
                ("all exact", MetricNames.ExactShare), ("groups without advantages", MetricNames.ZeroVarianceShare),
            ]));
        }

        html.Append("</div></section>");
    }

    private static string StepChart(string title, string yLabel, IReadOnlyList<StepCompleted> steps,
        IReadOnlyList<(string Name, string Metric)> shown)
    {
        var lines = shown
            .Select((line, i) => new Series(
                line.Name,
                (i % 6) + 1,
                [.. steps.Select((step, at) => (Step: step, At: at)).Where(p => p.Step.Metrics.ContainsKey(line.Metric))
                    .Select(p => ((double)p.At, p.Step.Metrics[line.Metric]))]))
            .Where(series => series.Points.Any(p => p.Y != 0))
            .ToList();
        if (lines.Count == 0)
            return "";
        var bands = steps.Select((step, at) => (step.Iteration, At: at)).GroupBy(p => p.Iteration)
            .Select(group => new Band(group.First().At - 0.5, group.Last().At + 0.5, Inv($"iteration {group.Key}"))).ToList();
        var every = Math.Max(1, (steps.Count + 11) / 12);
        return Lines(
            title,
            "step",
            yLabel,
            lines,
            [.. steps.Select((step, at) => (X: (double)at, Label: Inv($"{step.Step + 1}"))).Where(tick => tick.X % every == 0)],
            (-0.5, steps.Count - 0.5),
            null,
            bands);
    }
}
