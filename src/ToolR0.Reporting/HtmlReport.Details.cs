using System.Text;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Options;
using ToolR0.SelfPlay.Parsing;
using static ToolR0.Reporting.Charts;

namespace ToolR0.Reporting;

public static partial class HtmlReport
{
    private static void Curricula(StringBuilder html, RunReport report)
    {
        if (report.State.Curricula.Count == 0)
            return;
        html.Append("<section><h2>What the Generator made of it</h2><p>Selected tasks by p̂, the share of the Solver's verification answers that equal the task's own answer. ")
            .Append("Tasks near 1 are solved already; what can be learned lies between.</p><div class='grid three'>");
        var most = report.State.Curricula.Values.SelectMany(c => Enumerable.Range(0, 10).Select(bin => c.Tasks.Count(t => Bin(t.PassRate) == bin)))
            .DefaultIfEmpty(1).Max();
        foreach (var curriculum in report.State.Curricula.Values)
        {
            var bars = Enumerable.Range(0, 10).Select(bin => new Bar(
                Inv($"{bin / 10.0:0.0}"),
                [.. Labels.Select(label =>
                {
                    var count = curriculum.Tasks.Count(t => Bin(t.PassRate) == bin && t.Label == label.Name);
                    return (label.Colour, (double)count, Inv($"{count} {label.Name} tasks with p̂ from {bin / 10.0:0.0} to {(bin + 1) / 10.0:0.0}"));
                })])).ToList();
            html.Append(Bars(
                Inv($"Iteration {curriculum.Iteration}: {curriculum.Tasks.Count:#,0} tasks of {curriculum.Candidates:#,0} candidates"),
                "pass rate p̂ (from)",
                "tasks",
                bars,
                Labels,
                most,
                width: 400));
        }

        html.Append("</div><h3>Why candidates were rejected</h3>");
        var reasons = report.State.Curricula.Values.SelectMany(c => c.Rejected.Keys).Distinct()
            .OrderByDescending(reason => report.State.Curricula.Values.Sum(c => c.Rejected.GetValueOrDefault(reason))).ToList();
        var largest = Math.Max(1, report.State.Curricula.Values.SelectMany(c => c.Rejected.Values).DefaultIfEmpty(1).Max());
        html.Append("<table><thead><tr><th>reason</th>");
        foreach (var curriculum in report.State.Curricula.Values)
            html.Append(Inv($"<th class='wide'>iteration {curriculum.Iteration} (candidates)</th>"));
        html.Append("</tr></thead><tbody>");
        foreach (var reason in reasons)
        {
            html.Append(Inv($"<tr><td>{Text(reason)}<span class='meaning'>{Text(RejectionMeanings.Of(reason))}</span></td>"));
            foreach (var curriculum in report.State.Curricula.Values)
            {
                var count = curriculum.Rejected.GetValueOrDefault(reason);
                html.Append(Inv($"<td class='wide'><span class='meter'><i class='c4' style='width:{80.0 * count / largest:0.#}%'></i><b>{count:#,0}</b></span></td>"));
            }

            html.Append("</tr>");
        }

        html.Append("</tbody></table></section>");
    }

    private static IReadOnlyList<(string Name, int Colour)> Labels { get; } = [("easy", 3), ("medium", 1), ("hard", 2)];

    private static int Bin(double passRate) => Math.Clamp((int)Math.Floor((passRate * 10) + 1e-9), 0, 9);

    private static void Examples(StringBuilder html, RunReport report)
    {
        if (report.AnswerExamples.Count > 0)
        {
            html.Append("<section><h2>Answers before and after</h2><p>Held-out questions as the base model and the last Solver answered them: mostly what was learned, ")
                .Append("with one that was lost and one that never worked where there are such.</p>");
            foreach (var example in report.AnswerExamples)
            {
                html.Append(Inv($"<article><p class='q'>{Text(example.Item.Task.Question)}</p><p class='meta'>{Text(example.Set)} · {Text(example.Item.Class)}</p>"));
                Menu(html, example.Item.Task.Menu);
                html.Append("<dl>");
                Row(html, "right", Calls(example.Item.Task.Gold), "");
                Row(html, "base", Shown(example.Before, report), example.Before.Exact ? "ok" : "no");
                Row(html, "after", Shown(example.After, report), example.After.Exact ? "ok" : "no");
                html.Append("</dl></article>");
            }

            html.Append("</section>");
        }

        if (report.TaskExamples.Count == 0)
            return;
        html.Append("<section><h2>Tasks the Generator wrote</h2><p>From the curricula, from easy to hard. Nobody checked them: some of the answers are wrong.</p><div class='grid'>");
        foreach (var group in report.TaskExamples.GroupBy(example => example.Iteration))
        {
            html.Append(Inv($"<div><h3>Iteration {group.Key}</h3>"));
            foreach (var example in group)
            {
                html.Append(Inv($"<article><p class='q'>{Text(example.Task.Question)}</p>"))
                    .Append(Inv($"<p class='meta'>{Text(example.Domain)} · {Text(example.Label)} · p̂ {example.PassRate:0.00}</p>"));
                Menu(html, example.Task.Menu);
                html.Append("<dl>");
                Row(html, "answer", Calls(example.Task.Gold), "");
                html.Append("</dl></article>");
            }

            html.Append("</div>");
        }

        html.Append("</div></section>");
    }

    private static void Menu(StringBuilder html, IReadOnlyList<ToolSpec> menu)
    {
        html.Append("<p class='menu'>");
        foreach (var tool in menu)
            html.Append(Inv($"<code>{Text(tool.Name)}({Text(string.Join(", ", tool.Parameters.Select(p => p.Name)))})</code> "));
        html.Append("</p>");
    }

    private static void Row(StringBuilder html, string label, string text, string mark) =>
        html.Append(Inv($"<div><dt>{label}</dt><dd class='{mark}'><code>{Text(text.Length > 600 ? text[..600] + " …" : text)}</code></dd></div>"));

    /// <summary>The calls of an answer where it has any, else its text.</summary>
    private static string Shown(Answer answer, RunReport report) =>
        SolverAnswer.Parse(answer.Text, report.State.Options.Solver.RequireThink).Calls is { } calls ? Calls(calls) : answer.Text;

    private static string Calls(IReadOnlyList<ToolCall> calls) => calls.Count == 0 ? "no call" : string.Join(
        "  ",
        calls.Select(call => Inv($"{call.Name}({string.Join(", ", call.Arguments.Select(a => Inv($"{a.Key}={a.Value.GetRawText()}")))})")));

    private static void Time(StringBuilder html, RunReport report)
    {
        var phases = report.Steps.GroupBy(step => (step.Iteration, step.Phase))
            .Select(group => (group.Key.Iteration, group.Key.Phase, Wall: Sum(group, "wallSeconds"), Model: Sum(group, "modelSeconds")))
            .Where(phase => phase.Wall > 0).ToList();
        if (phases.Count == 0)
            return;
        html.Append("<section><h2>Where the time went</h2>");
        html.Append(Bars(
            "Seconds per phase",
            "iteration and phase",
            "wall time (s)",
            [.. phases.Select(phase => new Bar(
                Inv($"{phase.Iteration} {phase.Phase.WireName()[..4]}."),
                [
                    (1, Math.Min(phase.Model, phase.Wall), Inv($"{phase.Phase.WireName()}: {phase.Model:0.0} s of model computation")),
                    (4, Math.Max(0, phase.Wall - phase.Model),
                        Inv($"{phase.Phase.WireName()}: {Math.Max(0, phase.Wall - phase.Model):0.0} s of everything else")),
                ]))],
            [("model computation", 1), ("bus, store, scoring, waiting", 4)]));
        html.Append("</section>");
    }

    private static double Sum(IEnumerable<StepCompleted> steps, string metric) => steps.Sum(step => step.Metrics.GetValueOrDefault(metric));

    private static void Identity(StringBuilder html, RunReport report)
    {
        html.Append("<section><h2>What it was</h2><p>The same options on the same backend give the same curriculum and the same weights, to the bit.</p><table class='ids'><tbody>");
        void Id(string name, string value) => html.Append(Inv($"<tr><td>{Text(name)}</td><td><code>{Text(value)}</code></td></tr>"));
        Id("base model", report.State.Base);
        if (report.State.Origin is { } origin)
            Id("base model from", origin.FileSha256 is { } file ? $"{origin}, SHA-256 {file}" : $"{origin}");
        foreach (var (role, sha) in report.State.Policies.OrderBy(p => p.Key))
            Id($"final {role.WireName()}", sha);
        foreach (var curriculum in report.State.Curricula.Values)
            Id(Inv($"curriculum {curriculum.Iteration}"), curriculum.Sha256);
        foreach (var set in report.State.HeldOut)
            Id(Inv($"held-out set {set.Name} ({set.Count} items)"), set.Sha256);
        Id("product version", report.ProductVersion);
        html.Append("</tbody></table><details><summary>All options</summary><pre>")
            .Append(Text(RunOptionsJson.Write(report.State.Options)))
            .Append("</pre></details></section>");
    }

    private static string Duration(double seconds) =>
        seconds < 120 ? Inv($"{seconds:0.0} s") : Inv($"{Math.Floor(seconds / 60):0} min {seconds % 60:00} s");

    private const string Style = """
        :root{--bg:#fbfbf9;--card:#fff;--ink:#1c1d20;--soft:#5d616b;--line:#e3e4e8;--band:#f1f2f4;
          --c1:#2f6fd0;--c2:#d9662b;--c3:#2b9a7b;--c4:#8a6fc9;--c5:#c23f7b;--c6:#9a9fab;--ok:#1f8a5b;--no:#c0392b}
        @media(prefers-color-scheme:dark){:root{--bg:#15171b;--card:#1d2026;--ink:#e9eaee;--soft:#a0a6b3;--line:#31353e;--band:#242830;
          --c1:#6ea3f5;--c2:#f0925a;--c3:#56c4a2;--c4:#b39cf0;--c5:#ee7fae;--c6:#7c828f;--ok:#58c992;--no:#f08477}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:32px 20px 64px}
        h1{font-size:28px;margin:0 0 4px;letter-spacing:-.01em}h2{font-size:21px;margin:0 0 4px}h3{font-size:16px;margin:20px 0 6px}
        p{margin:0 0 12px}section>p,.sub{color:var(--soft)}section{margin-top:40px}
        code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere}
        pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px;overflow:auto}
        .state{font-weight:600}.state.completed{color:var(--ok)}.state.failed,.state.cancelled,.reason{color:var(--no)}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin-top:24px}
        .tile,figure,article{background:var(--card);border:1px solid var(--line);border-radius:10px}
        .tile{padding:14px 16px}.tile .label,.tile .note{color:var(--soft);font-size:13px}
        .tile .value{font-size:22px;white-space:nowrap;font-weight:650;letter-spacing:-.01em}
        .grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:14px;align-items:start}
        .grid.three{grid-template-columns:repeat(auto-fit,minmax(min(100%,350px),1fr))}
        figure{margin:0;padding:14px 14px 10px}figcaption{font-weight:600;font-size:15px;margin-bottom:4px}
        svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:var(--soft)}svg .value{fill:var(--ink);font-weight:600}
        svg .axis-label{font-size:12px}svg .band{fill:var(--band)}svg .band-label{font-size:11px}
        .card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 16px}.card tr:last-child td{border:0}
        svg .grid{stroke:var(--line);fill:none}svg .axis{stroke:var(--soft);fill:none}
        svg .l{fill:none;stroke-width:2;stroke-linejoin:round}svg .thin{stroke-width:1.5}svg .dash{stroke-dasharray:5 4}
        svg .ghost{fill:transparent!important}
        svg .l.c1{stroke:var(--c1)}svg .l.c2{stroke:var(--c2)}svg .l.c3{stroke:var(--c3)}svg .l.c4{stroke:var(--c4)}
        svg .l.c5{stroke:var(--c5)}svg .l.c6{stroke:var(--c6)}
        svg .d.c1,svg .b.c1{fill:var(--c1)}svg .d.c2,svg .b.c2{fill:var(--c2)}svg .d.c3,svg .b.c3{fill:var(--c3)}
        svg .d.c4,svg .b.c4{fill:var(--c4)}svg .d.c5,svg .b.c5{fill:var(--c5)}svg .d.c6,svg .b.c6{fill:var(--c6)}
        i.c1{background:var(--c1)}i.c2{background:var(--c2)}i.c3{background:var(--c3)}i.c4{background:var(--c4)}
        i.c5{background:var(--c5)}i.c6{background:var(--c6)}
        .legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--soft);padding-top:4px}
        .legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px;vertical-align:-1px}
        table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
        th{text-align:left;font-weight:600;color:var(--soft)}th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
        td.wide,th.wide{min-width:120px}.meter{position:relative;display:block;height:18px}
        .meter i{position:absolute;left:0;top:4px;height:10px;border-radius:3px;opacity:.85}
        .meter b{position:absolute;right:0;font-weight:500;font-size:12px}
        details{margin-top:12px}summary{cursor:pointer;color:var(--soft)}
        article{padding:12px 16px;margin-bottom:10px}.q{font-weight:600;margin-bottom:2px}
        .meta,.menu{font-size:13px;color:var(--soft);margin-bottom:6px}
        .menu code{background:var(--band);border-radius:4px;padding:1px 5px;margin-right:2px}
        dl{margin:0;font-size:14px}dl div{display:flex;gap:12px}dt{flex:0 0 58px;color:var(--soft)}dd{margin:0;min-width:0}
        dd.ok::before{content:"✓ ";color:var(--ok);font-weight:700}dd.no::before{content:"✗ ";color:var(--no);font-weight:700}
        .ids td:first-child{white-space:nowrap}.meaning{display:block;color:var(--soft);font-size:12.5px}.num{text-align:right;white-space:nowrap}
        article pre{padding:8px 10px;margin:4px 0 0;font-size:12.5px;white-space:pre-wrap;max-height:170px}td.zero{color:var(--c6)}
        @media print{body{background:#fff}section{break-inside:avoid}}
        """;
}
