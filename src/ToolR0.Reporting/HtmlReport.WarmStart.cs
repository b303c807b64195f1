using System.Text;
using ToolR0.Contracts;
using static ToolR0.Reporting.Charts;

namespace ToolR0.Reporting;

/// <summary>The warm start: what each round kept and why the rest was dropped, and how the fits went.</summary>
public static partial class HtmlReport
{
    /// <summary>Reasons and features that a row names.</summary>
    private const int Named = 8;

    private static void WarmStart(StringBuilder html, RunReport report)
    {
        if (report.State.WarmStarts.Count == 0)
            return;
        html.Append("<section><h2>Warm start</h2><p>Before iteration 1 each role is sampled, in the first round with demonstrations; what passes the gate is kept, ")
            .Append("and the role is fitted to it without them. Numbers are of all rounds so far.</p><table><thead><tr><th>round</th><th>role</th>")
            .Append("<th class='num'>samples</th><th class='num'>kept</th><th>dropped</th><th>kept, by feature</th></tr></thead><tbody>");
        foreach (var selected in report.State.WarmStarts)
        {
            html.Append(Inv($"<tr><td>{selected.Round + 1}</td><td>{selected.Role}</td><td class='num'>{selected.Samples}</td>"))
                .Append(Inv($"<td class='num'>{selected.Kept.Count}</td><td>{Text(Most(selected.Dropped))}</td><td>{Text(Most(selected.Shapes))}</td></tr>"));
        }

        html.Append("</tbody></table><div class='grid'>");
        foreach (var (phase, name) in new[] { (Phase.WarmGenerator, "Generator"), (Phase.WarmSolver, "Solver") })
        {
            var steps = report.Steps.Where(step => step.Phase == phase).ToList();
            html.Append(StepChart($"{name}: fit to what was kept", "nats per token", steps, [("loss", MetricNames.Loss)]));
        }

        html.Append("</div></section>");
    }

    private static string Most(IReadOnlyDictionary<string, int> counts)
    {
        var sorted = counts.OrderByDescending(count => count.Value).ThenBy(count => count.Key, StringComparer.Ordinal).ToList();
        var named = string.Join(", ", sorted.Take(Named).Select(count => Inv($"{count.Key} {count.Value}")));
        return sorted.Count <= Named ? named : Inv($"{named}, … ({sorted.Count - Named} more)");
    }
}
