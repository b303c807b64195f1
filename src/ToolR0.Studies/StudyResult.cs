using System.Text.Json;
using System.Text.Json.Serialization;

namespace ToolR0.Studies;

/// <summary>What an arm reached on a held-out set, and how it differs from the reference.</summary>
/// <param name="Base">The base checkpoint, null for all of them together.</param>
/// <param name="Values">Exact match of the last Solver per completed run, in [0, 1], ordered as the plan's seeds and bases.</param>
/// <param name="Accuracy">Over <paramref name="Values"/>.</param>
/// <param name="Gain">Last Solver minus base model, over the same runs.</param>
/// <param name="Differences">Arm minus reference per base and seed that both completed.</param>
/// <param name="Difference">Over <paramref name="Differences"/>; null for the reference itself and without pairs.</param>
public sealed record ArmResult(
    string Set, string? Base, string Arm, IReadOnlyList<double> Values, Estimate? Accuracy, Estimate? Gain, IReadOnlyList<double> Differences,
        Estimate? Difference);

/// <summary>Means over an arm's completed runs.</summary>
/// <param name="Curricula">Per iteration, selected tasks by number of gold calls.</param>
/// <param name="Invented">Per iteration, the share of selected tasks that call a tool which the tiny world does not have, in [0, 1].</param>
public sealed record ArmCost(
    string Arm, int Runs, double? WallSeconds, double? CoreSeconds, IReadOnlyList<IReadOnlyDictionary<int, double>> Curricula,
        IReadOnlyList<double> Invented);

/// <summary>The outcome of a study: everything that its table, files and plot show.</summary>
/// <param name="BaseModels">SHA-256 by name.</param>
/// <param name="Items">Items per held-out set that were measured.</param>
public sealed record StudyResult(
    StudyFile Study,
    string ProductVersion,
    IReadOnlyDictionary<string, string> BaseModels,
    IReadOnlyList<string> Sets,
    int Items,
    int Iterations,
    IReadOnlyList<ArmResult> Results,
    IReadOnlyList<ArmCost> Costs,
    IReadOnlyList<StudyRun> Runs)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public IEnumerable<StudyRun> Failures => Runs.Where(run => run.Failure is not null);

    /// <param name="runs">In the order of the plan's cells.</param>
    /// <param name="items">Items per set.</param>
    public static StudyResult Of(StudyPlan plan, IReadOnlyList<StudyRun> runs, int items, string productVersion)
    {
        var completed = runs.Where(run => run.Failure is null).ToList();
        var groups = plan.Bases.Count > 1 ? plan.Bases.Select(b => (string?)b.Name).Prepend(null) : [null];
        var results =
            from set in plan.Sets
            from of in groups
            from arm in plan.File.Arms
            select Compare(set, of, arm.Name, plan.File.Reference, [.. completed.Where(run => of is null || run.Base == of)]);
        return new StudyResult(
            plan.File,
            productVersion,
            plan.Bases.ToDictionary(b => b.Name, b => b.Sha256),
            plan.Sets,
            items,
            plan.Cells.Max(cell => cell.Options.Iterations),
            [.. results],
            [.. plan.File.Arms.Select(arm => CostOf(arm.Name, [.. completed.Where(run => run.Arm == arm.Name)]))],
            runs);
    }

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    private static ArmResult Compare(string set, string? of, string arm, string reference, IReadOnlyList<StudyRun> completed)
    {
        static double Last(StudyRun run, string set) => run.Accuracy[set][^1];
        var runs = completed.Where(run => run.Arm == arm).ToList();
        var others = arm == reference ? [] : completed.Where(run => run.Arm == reference).ToDictionary(run => (run.Base, run.Seed));
        var values = runs.Select(run => Last(run, set)).ToList();
        var gains = runs.Select(run => Last(run, set) - run.Accuracy[set][0]).ToList();
        var differences = runs.Where(run => others.ContainsKey((run.Base, run.Seed)))
            .Select(run => Last(run, set) - Last(others[(run.Base, run.Seed)], set)).ToList();
        return new ArmResult(set, of, arm, values, Of(values), Of(gains), differences, Of(differences));
    }

    private static Estimate? Of(List<double> values) => values.Count == 0 ? null : Estimate.Of(values);

    private static ArmCost CostOf(string arm, IReadOnlyList<StudyRun> runs)
    {
        var curricula = Enumerable.Range(0, runs.Select(run => run.Curricula.Count).DefaultIfEmpty().Max()).Select(iteration =>
        {
            var counts = runs.SelectMany(run => run.Curricula[iteration]).GroupBy(entry => entry.Key, entry => entry.Value);
            return (IReadOnlyDictionary<int, double>)new SortedDictionary<int, double>(
                counts.ToDictionary(g => g.Key, g => (double)g.Sum() / runs.Count));
        });
        var invented = Enumerable.Range(0, runs.Select(run => run.Invented.Count).DefaultIfEmpty().Max())
            .Select(iteration => runs.Average(run => run.Invented[iteration]));
        return new ArmCost(arm, runs.Count, Mean(runs.Select(run => run.WallSeconds)), Mean(runs.Select(run => run.CoreSeconds)), [.. curricula],
            [.. invented]);
    }

    private static double? Mean(IEnumerable<double?> values) => values.OfType<double>().ToList() is { Count: > 0 } known ? known.Average() : null;
}
