using System.Text;
using ToolR0.Contracts;
using static ToolR0.Reporting.Charts;

namespace ToolR0.Reporting;

/// <summary>What the Generator learned to do, what was refused and why, where the Solver still fails, and how learning went.</summary>
public static partial class HtmlReport
{
    /// <summary>Where a task's p̂ lies, as parts of a bar: bins of <c>passRate.{0..10}</c>.</summary>
    private static readonly (string Name, int Colour, int From, int To)[] PassRateParts =
        [("never solved (below 0.1)", 6, 0, 0), ("rarely (0.1 to 0.3)", 2, 1, 2), ("sometimes (0.3 to 0.7)", 3, 3, 6),
            ("mostly (0.7 to 1)", 1, 7, 9), ("always (1)", 4, 10, 10)];

    /// <summary>What the first and the last steps of the Generator's training are compared by.</summary>
    private static readonly (string Metric, string Meaning, bool Share)[] GeneratorHabits =
    [
        (MetricNames.WellFormedShare, "writes tasks that can be read: four blocks, a menu, calls", true),
        (MetricNames.MenuObedienceShare, "offers as many tools as it was asked for", true),
        (MetricNames.CallsObedienceShare, "makes as many calls as it was asked for", true),
        (MetricNames.ProbedShare, "its own answer runs, so that the Solver can be asked", true),
        (MetricNames.PassRate, "p̂: the Solver's answers that equal its own", true),
        (MetricNames.NamePassRate, "the same by tool names alone", true),
        (MetricNames.DifficultyMean, "difficulty reward: 1 where the Solver succeeds sometimes", false),
        (MetricNames.CoherenceMean, "coherence as the judge sees it", false),
        (MetricNames.CallsMean, "calls per task", false),
        (MetricNames.RefusalShare, "tasks in which no tool fits", true),
        (MetricNames.KnownToolShare, "offered tools that the tiny world has; the others are invented", true),
        (MetricNames.RepetitionMean, "share of its batch or group that asks the same", false),
        (MetricNames.CompletionTokens, "tokens per task", false),
    ];

    private static void Learned(StringBuilder html, RunReport report)
    {
        var steps = report.Steps.Where(s => s.Phase == Phase.Generator).ToList();
        if (steps.Count == 0)
            return;
        var window = Math.Clamp(steps.Count / 4, 1, 5);
        var (first, last) = (steps.Take(window).ToList(), steps.TakeLast(window).ToList());
        html.Append("<section><h2>What the Generator learned to do</h2><p>")
            .Append(Inv($"Means of the first and the last {(window == 1 ? "step" : Inv($"{window} steps"))} of its training, and the tasks that it wrote at each step by p̂.</p><div class='grid'>"))
            .Append("<div class='card'><table><thead><tr><th></th><th class='num'>first</th><th class='num'>last</th><th class='num'>change</th></tr></thead><tbody>");
        foreach (var (metric, meaning, share) in GeneratorHabits)
        {
            if (Mean(first, metric) is not { } was || Mean(last, metric) is not { } now || (was == 0 && now == 0))
                continue;
            html.Append(Inv($"<tr><td>{meaning}</td><td class='num'>{Value(was, share)}</td><td class='num'>{Value(now, share)}</td>"))
                .Append(Inv($"<td class='num'>{(share ? Inv($"{100 * (now - was):+0;−0;0} points") : Inv($"{now - was:+0.00;−0.00;0}"))}</td></tr>"));
        }

        html.Append("</tbody></table></div>");
        if (steps.Any(step => PassRateParts.Any(part => Tasks(step, part.From, part.To) > 0)))
        {
            html.Append(Bars(
                "Generator: tasks of each step by p̂",
                "step",
                "probed tasks",
                [.. steps.Select(step => new Bar(
                    steps.Count > 24 && step.Step % 5 > 0 ? "" : Inv($"{step.Step + 1}"),
                    [.. PassRateParts.Select(part =>
                        (part.Colour, Tasks(step, part.From, part.To),
                        Inv($"{Tasks(step, part.From, part.To):0} tasks {part.Name} at step {step.Step + 1} of iteration {step.Iteration}")))]))],
                [.. PassRateParts.Select(part => (part.Name, part.Colour))]));
        }

        html.Append(StepChart("Generator: obedience and what it writes", "share", steps, [
            ("menu size as asked", MetricNames.MenuObedienceShare), ("calls as asked", MetricNames.CallsObedienceShare),
            ("well-formed", MetricNames.WellFormedShare),
            ("known tools", MetricNames.KnownToolShare), ("no tool fits", MetricNames.RefusalShare),
        ]));
        html.Append(StepChart("Generator: variety of a step's tasks", "number", steps,
            [("distinct questions", MetricNames.DistinctQuestions), ("distinct tools", MetricNames.DistinctTools)]));
        html.Append(StepChart("Generator: how alike a step's questions are", "share", steps,
            [("3-grams that two questions share", MetricNames.Similarity), ("tasks with a near duplicate", MetricNames.NearDuplicateShare)]));
        html.Append("</div>");
        Curricula(html, report.Steps.Where(s => s.Phase == Phase.Curriculum).ToList());
        html.Append("</section>");
    }

    /// <summary>The curricula side by side.</summary>
    private static void Curricula(StringBuilder html, IReadOnlyList<StepCompleted> curricula)
    {
        (string Metric, string Name, bool Share)[] rows =
        [
            (MetricNames.Selected, "tasks selected", false), (MetricNames.NameAgreement, "agreement by tool names, all verified", true),
            (MetricNames.CallAgreement, "agreement by whole calls, all verified", true),
            (MetricNames.PassRate, "p̂ of the selected", true), (MetricNames.EasyShare, "easy", true), (MetricNames.MediumShare, "medium", true),
            (MetricNames.HardShare, "hard", true), (MetricNames.CallsMean, "calls per task", false),
            (MetricNames.RefusalShare, "no tool fits", true), (MetricNames.KnownToolShare, "known tools among those offered", true),
            (MetricNames.DistinctTools, "distinct tools", false), (MetricNames.DistinctQuestions, "distinct questions", false),
            (MetricNames.WrittenTasks, "written: candidates that the filters keep", false),
            (MetricNames.WrittenQuestions, "written: distinct questions, digits folded", false),
            (MetricNames.QuestionsOf100, "written: distinct questions of 100 tasks", false),
            (MetricNames.WrittenTools, "written: distinct tools", false),
            (MetricNames.ToolsOf100, "written: distinct tools of 100 tasks", false),
            (MetricNames.Similarity, "written: 3-grams that two questions share", true),
            (MetricNames.NearDuplicateShare, "written: tasks with a near duplicate", true),
        ];
        var shown = rows.Where(row => curricula.Any(c => c.Metrics.GetValueOrDefault(row.Metric) != 0)).ToList();
        if (shown.Count == 0)
            return;
        html.Append("<h3>The curricula that it wrote</h3><table><thead><tr><th></th>");
        foreach (var curriculum in curricula)
            html.Append(Inv($"<th class='num'>iteration {curriculum.Iteration}</th>"));
        html.Append("</tr></thead><tbody>");
        foreach (var (metric, name, share) in shown)
        {
            html.Append(Inv($"<tr><td>{name}</td>"));
            foreach (var curriculum in curricula)
                html.Append(Inv($"<td class='num'>{(curriculum.Metrics.TryGetValue(metric, out var value) ? Value(value, share) : "")}</td>"));
            html.Append("</tr>");
        }

        html.Append("</tbody></table>");
        ByDomain(html, curricula);
    }

    private static void Refused(StringBuilder html, RunReport report)
    {
        if (report.RejectedExamples.Count == 0)
            return;
        html.Append("<section><h2>Candidates that were refused</h2><p>One for each of the most frequent reasons, as the Generator wrote it.</p><div class='grid'>");
        foreach (var example in report.RejectedExamples)
        {
            var detail = example.Detail is { Length: > 0 } more ? Inv($" ({Text(more.Length > 120 ? more[..120] + " …" : more)})") : "";
            html.Append(Inv($"<article><p class='q'>{Text(example.Reason)}: {Text(RejectionMeanings.Of(example.Reason))}{detail}</p>"))
                .Append(Inv($"<p class='meta'>iteration {example.Iteration} · asked for {Text(example.Spec.Domain)}, {example.Spec.MenuSize} tools, {example.Spec.Calls} calls</p>"))
                .Append(Inv($"<pre>{Text(example.Text.Length > 900 ? example.Text[..900] + " …" : example.Text)}</pre></article>"));
        }

        html.Append("</div></section>");
    }

    private static void Failing(StringBuilder html, RunReport report)
    {
        if (report.Failures.All(set => set.Answers.All(answer => answer.After.Exact)))
            return;
        html.Append("<section><h2>Where the Solver still fails</h2><p>Wrong answers to held-out items by the first thing that is wrong with them.</p><div class='grid'>");
        foreach (var set in report.Failures)
        {
            html.Append(Inv($"<div class='card'><h3>{Text(set.Set)}: {set.Answers.Count(a => !a.After.Exact)} of {set.Answers.Count} wrong after iteration {set.Iteration}</h3>"))
                .Append("<table><thead><tr><th>what is wrong</th><th class='num'>base</th><th class='num'>now</th></tr></thead><tbody>");
            foreach (var (name, meaning) in ErrorClasses.All)
            {
                if (set.Count(name) is var (before, after) && before + after > 0)
                    html.Append(Inv($"<tr><td>{name}<span class='meaning'>{meaning}</span></td><td class='num'>{before}</td><td class='num'>{after}</td></tr>"));
            }

            html.Append("</tbody></table>");
            ByDomain(html, set);
            html.Append("</div>");
        }

        html.Append("</div>");
        foreach (var set in report.Failures.Where(set => set.Examples.Count > 0))
        {
            html.Append(Inv($"<details open><summary>{Text(set.Set)}: one wrong answer of each kind</summary><div class='grid'>"));
            foreach (var example in set.Examples)
            {
                html.Append(Inv($"<article><p class='q'>{Text(example.Item.Task.Question)}</p><p class='meta'>{Text(example.After.Error!)} · {Text(example.Item.Class)}</p>"));
                Menu(html, example.Item.Task.Menu);
                html.Append("<dl>");
                Row(html, "right", Calls(example.Item.Task.Gold), "");
                Row(html, "now", Shown(example.After, report), "no");
                html.Append("</dl></article>");
            }

            html.Append("</div></details>");
        }

        html.Append("</section>");
    }

    private static void ByDomain(StringBuilder html, Failures set)
    {
        var rows = set.ByClass;
        var errors = ErrorClasses.All.Where(error => set.Count(error.Name).After > 0).Select(error => error.Name).ToList();
        if (rows.Count is < 2 or > 40 || errors.Count == 0)
            return;
        html.Append("<details open><summary>by class of item, the worst first</summary><table><thead><tr><th>class</th><th class='num'>wrong</th>");
        foreach (var error in errors)
            html.Append(Inv($"<th class='num'>{error}</th>"));
        html.Append("</tr></thead><tbody>");
        foreach (var (name, items, wrong) in rows)
        {
            html.Append(Inv($"<tr><td>{Text(name)}</td><td class='num'>{wrong.Values.Sum()} of {items}</td>"));
            foreach (var error in errors)
                html.Append(wrong.GetValueOrDefault(error) is > 0 and var count ? Inv($"<td class='num'>{count}</td>")
                    : "<td class='num zero'>·</td>");
            html.Append("</tr>");
        }

        html.Append("</tbody></table></details>");
    }

    /// <summary>Entropy, gradient and lengths: whether learning is well.</summary>
    private static void Learning(StringBuilder html, RunReport report)
    {
        var trained = report.Steps.Where(s => s.Metrics.ContainsKey(MetricNames.GradientNorm)).ToList();
        if (trained.Count == 0)
            return;
        html.Append("<section><h2>How learning went</h2><p>Entropy is that of the distribution over the next token, in nats per token; surprisal is −log-probability of the tokens drawn. ")
            .Append("A group without advantages, all of its rewards being equal, teaches nothing.</p><div class='grid'>");
        foreach (var (phase, name) in new[] { (Phase.Generator, "Generator"), (Phase.Solver, "Solver") })
        {
            var steps = trained.Where(s => s.Phase == phase).ToList();
            if (steps.Count == 0)
                continue;
            html.Append(StepChart($"{name}: entropy and surprisal", "nats per token", steps,
                [("entropy", MetricNames.Entropy), ("surprisal", MetricNames.Surprisal)]));
            html.Append(StepChart($"{name}: gradient norm", "norm before clipping", steps, [("gradient norm", MetricNames.GradientNorm)]));
            html.Append(StepChart($"{name}: length of completions", "tokens", steps, [("mean length", MetricNames.CompletionTokens)]));
            html.Append(StepChart($"{name}: groups without advantages", "share", steps,
                [("zero variance", MetricNames.ZeroVarianceShare), ("void samples", MetricNames.VoidShare)]));
        }

        html.Append("</div></section>");
    }

    private static double Tasks(StepCompleted step, int from, int to) =>
        Enumerable.Range(from, to - from + 1).Sum(bin => step.Metrics.GetValueOrDefault(MetricNames.PassRateBin(bin)));

    private static double? Mean(IReadOnlyList<StepCompleted> steps, string metric) =>
        steps.Where(s => s.Metrics.ContainsKey(metric)).Select(s => (double?)s.Metrics[metric]).Average();

    private static string Value(double value, bool share) => share ? Inv($"{value:0 %}") : Number(value);
}
