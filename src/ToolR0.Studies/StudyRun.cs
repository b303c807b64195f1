using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Reporting;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.TinyWorld;

namespace ToolR0.Studies;

/// <summary>What a run of a study gave, or why it gave nothing.</summary>
/// <param name="Accuracy">Set, or class of its items (<see cref="ItemClasses"/>) -> exact match of the base and of the Solver after each measured
/// iteration, in [0, 1]; empty for a run that failed.</param>
/// <param name="Curricula">Per iteration, selected tasks by number of gold calls.</param>
/// <param name="Invented">Per iteration, the share of selected tasks that call a tool which the tiny world does not have, in [0, 1].</param>
/// <param name="WallSeconds">Of its processes together; null when the run was not played by a study.</param>
/// <param name="CoreSeconds">Processor time of its processes together, without the database's.</param>
/// <param name="Failure">One line; null for a completed run.</param>
public sealed record StudyRun(
    string Run,
    string Arm,
    string Base,
    long Seed,
    IReadOnlyDictionary<string, IReadOnlyList<double>> Accuracy,
    IReadOnlyList<IReadOnlyDictionary<int, int>> Curricula,
    IReadOnlyList<double> Invented,
    double? WallSeconds,
    double? CoreSeconds,
    string? Failure = null)
{
    public static StudyRun Failed(StudyCell cell, string run, StudyCost? cost, string reason) =>
        new(run, cell.Arm.Name, cell.Base.Name, cell.Seed, new Dictionary<string, IReadOnlyList<double>>(), [], [], cost?.WallSeconds,
            cost?.CoreSeconds, reason);

    /// <summary>Reads a completed run from the store.</summary>
    public static async Task<StudyRun> ReadAsync(StudyCell cell, RunState state, StudyCost? cost, IFactLog log, CancellationToken cancellation)
    {
        var curricula = new List<IReadOnlyDictionary<int, int>>();
        var invented = new List<double>();
        foreach (var curriculum in state.Curricula.Values)
        {
            var streams = await log.ReadAsync([.. curriculum.Tasks.Select(task => task.Task.Stream)], cancellation);
            var gold = curriculum.Tasks.Select(task => TaskSource.Resolve(task.Task, streams[task.Task.Stream][0].Fact)!.Gold).ToList();
            curricula.Add(new SortedDictionary<int, int>(gold.CountBy(calls => calls.Count).ToDictionary()));
            invented.Add(gold.Select(calls => calls.Any(call => WorldCatalog.Find(call.Name) is null) ? 1.0 : 0).DefaultIfEmpty().Average());
        }

        var accuracy = new Dictionary<string, IReadOnlyList<double>>();
        foreach (var set in state.HeldOut)
        {
            var measured = state.MeasuredOn(set.Name);
            accuracy[set.Name] = [.. measured.Select(e => e.Accuracy)];
            foreach (var name in ItemClasses.AreShown(measured[0].ByClass.Count) ? measured[0].ByClass.Keys : [])
                accuracy[ItemClasses.Name(set.Name, name)] = [.. measured.Select(e => e.ByClass[name])];
        }

        return new StudyRun(state.Run, cell.Arm.Name, cell.Base.Name, cell.Seed, accuracy, curricula, invented, cost?.WallSeconds, cost?.CoreSeconds);
    }
}

/// <summary>What a run took, over all processes that played it.</summary>
public sealed record StudyCost(double WallSeconds, double CoreSeconds)
{
    public static StudyCost operator +(StudyCost a, StudyCost b) => new(a.WallSeconds + b.WallSeconds, a.CoreSeconds + b.CoreSeconds);
}
