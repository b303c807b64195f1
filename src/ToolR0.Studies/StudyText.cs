using System.Text;
using System.Text.Json;
using Spectre.Console;

namespace ToolR0.Studies;

/// <summary>A study's result in words and tables: on the terminal and as Markdown.</summary>
public static class StudyText
{
    public static readonly IReadOnlyList<string> Columns =
        ["arm", "runs", "exact match", "gain over base", "difference to reference", "95 % interval"];

    /// <summary>A table per held-out set, all bases together.</summary>
    public static void Write(IAnsiConsole console, StudyResult result)
    {
        foreach (var set in result.Sets)
        {
            console.WriteLine($"{set}, after iteration {result.Iterations}");
            var table = new Table().Border(TableBorder.Simple).AddColumns([.. Columns]);
            foreach (var arm in result.Results.Where(r => r.Set == set && r.Base is null))
                table.AddRow([.. Row(arm, result.Study.Reference).Select(Markup.Escape)]);
            console.Write(table);
        }
    }

    public static string Markdown(StudyResult result, string plotFile)
    {
        var study = result.Study;
        var text = new StringBuilder();
        void Line(string line = "") => text.Append(line).Append('\n');

        Line($"# Study: {study.Name}");
        Line();
        Line(study.Asks);
        Line();
        Line($"Made by `toolr0 study {study.Name}` (ToolR0 {result.ProductVersion}), preset `{study.Preset}`{Settings(study.Set, ", with ")}. "
            + $"{study.Seeds.Count} seeds ({string.Join(", ", study.Seeds)}) on "
            + $"{string.Join(" and ", result.BaseModels.Select(b => $"{b.Key} (`{b.Value[..12]}`)"))}; "
            + $"{result.Runs.Count - result.Failures.Count()} of {result.Runs.Count} runs completed. Exact match of greedy answers after iteration {result.Iterations}, {result.Items} items per held-out set, "
            + "drawn fresh for every seed and equal for all arms of a seed. Differences are paired by base and seed; intervals are two-sided 95 % by Student's t over the pairs.");
        Line();
        Line($"![Exact match per arm and difference to {study.Reference}]({plotFile})");
        Line();
        Line("| arm | what is different | options |");
        Line("|---|---|---|");
        foreach (var arm in study.Arms)
            Line($"| {arm.Name}{(arm.Name == study.Reference ? " (reference)" : "")} | {arm.Says} | {Settings(arm.Set, "")} |");
        foreach (var set in result.Sets)
        {
            Line();
            Line($"## {set}");
            foreach (var of in result.Results.Where(r => r.Set == set).Select(r => r.Base).Distinct())
            {
                Line();
                if (result.BaseModels.Count > 1)
                    Line($"{(of is null ? "All bases" : of)}:\n");
                Line($"| {string.Join(" | ", Columns)} |");
                Line("|---|--:|--:|--:|--:|--:|");
                foreach (var arm in result.Results.Where(r => r.Set == set && r.Base == of))
                    Line($"| {string.Join(" | ", Row(arm, study.Reference))} |");
            }
        }

        Line();
        Line("## Cost and curricula");
        Line();
        Line("Means per run. Core seconds are processor time of the run's process, without the database's. Tasks selected, by number of gold calls, and the share that calls a tool which the world does not have:");
        Line();
        Line($"| arm | wall seconds | core seconds | {string.Join(" | ", Enumerable.Range(1, result.Iterations).Select(i => $"iteration {i}"))} |");
        Line($"|---|--:|--:|{string.Concat(Enumerable.Repeat("---|", result.Iterations))}");
        foreach (var cost in result.Costs)
            Line(FormattableString.Invariant(
                $"| {cost.Arm} | {cost.WallSeconds:0} | {cost.CoreSeconds:0} | {string.Join(" | ", cost.Curricula.Zip(cost.Invented, Curriculum))} |"));
        if (!result.Failures.Any())
            return text.ToString();

        Line();
        Line("## Runs that failed");
        Line();
        foreach (var run in result.Failures)
            Line($"- {run.Arm}, {run.Base}, seed {run.Seed}: {run.Failure}");
        return text.ToString();
    }

    /// <summary>Percent and points with one decimal.</summary>
    public static string Percent(double share) => FormattableString.Invariant($"{100 * share:0.0}");

    private static string[] Row(ArmResult arm, string reference)
    {
        static string Signed(double share) => FormattableString.Invariant($"{100 * share:+0.0;−0.0;0.0}");
        static string Error(Estimate estimate) => estimate.StandardError is { } error ? $" ± {Percent(error)}" : "";
        return
        [
            arm.Arm,
            $"{arm.Values.Count}",
            arm.Accuracy is { } accuracy ? $"{Percent(accuracy.Mean)} %{Error(accuracy)}" : "–",
            arm.Gain is { } gain ? $"{Signed(gain.Mean)}{Error(gain)}" : "–",
            arm.Arm == reference ? "reference" : arm.Difference is { } difference ? $"{Signed(difference.Mean)}{Error(difference)}" : "–",
            arm.Difference is { Low: { } low, High: { } high } ? $"{Signed(low)} to {Signed(high)}" : "–",
        ];
    }

    private static string Curriculum(IReadOnlyDictionary<int, double> calls, double invented) =>
        string.Join(", ", calls.Select(entry => FormattableString.Invariant($"{entry.Key}: {entry.Value:0}"))
            .Append(FormattableString.Invariant($"invented {invented:0 %}")));

    private static string Settings(IReadOnlyDictionary<string, JsonElement>? set, string prefix) =>
        set is { Count: > 0 } ? prefix + string.Join(", ", set.Select(option => $"`{option.Key}={option.Value.GetRawText()}`")) : "";
}
