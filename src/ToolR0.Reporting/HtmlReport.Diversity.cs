using System.Text;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Measurement;
using static ToolR0.Reporting.Charts;

namespace ToolR0.Reporting;

/// <summary>Whether the Generator repeats itself: warnings, and diversity by domain and iteration.</summary>
public static partial class HtmlReport
{
    private static void Warnings(StringBuilder html, RunReport report)
    {
        foreach (var warning in Collapse.Of(report.Steps))
            html.Append(Inv($"<p class='reason'>{Text(warning.ToString())}</p>"));
    }

    private static void ByDomain(StringBuilder html, IReadOnlyList<StepCompleted> curricula)
    {
        var prefix = MetricNames.OfDomain(MetricNames.WrittenTasks, "");
        var domains = curricula.SelectMany(c => c.Metrics.Keys).Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(name => name[prefix.Length..]).Distinct().Order(StringComparer.Ordinal).ToList();
        if (domains.Count < 2)
            return;
        html.Append("<details><summary>diversity by domain: distinct questions (digits folded) of tasks written, distinct tools, tasks with a near duplicate</summary>")
            .Append("<table><thead><tr><th>domain</th>");
        foreach (var curriculum in curricula)
            html.Append(Inv($"<th class='num'>iteration {curriculum.Iteration}</th><th class='num'>tools</th><th class='num'>alike</th>"));
        html.Append("</tr></thead><tbody>");
        foreach (var domain in domains)
        {
            html.Append(Inv($"<tr><td>{Text(domain)}</td>"));
            foreach (var metrics in curricula.Select(curriculum => curriculum.Metrics))
            {
                html.Append(Of(MetricNames.WrittenTasks) is { } tasks
                    ? Inv($"<td class='num'>{Of(MetricNames.WrittenQuestions)} of {tasks}</td><td class='num'>{Of(MetricNames.WrittenTools)}</td>")
                        + Inv($"<td class='num'>{Of(MetricNames.NearDuplicateShare):0 %}</td>")
                    : "<td class='num zero'>·</td><td></td><td></td>");

                double? Of(string metric) => metrics.TryGetValue(MetricNames.OfDomain(metric, domain), out var value) ? value : null;
            }

            html.Append("</tr>");
        }

        html.Append("</tbody></table></details>");
    }
}
