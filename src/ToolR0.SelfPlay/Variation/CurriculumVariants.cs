using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.Variation;

/// <summary>Which tasks of a Solver step are trained on as a variant: the run's place and its options decide.</summary>
public static class CurriculumVariants
{
    /// <summary>Per task of the step its variant, null where it is trained on as it is. A task without calls stays as it is: nothing tells another
    /// answer.</summary>
    /// <param name="curriculum">The iteration's, in training order.</param>
    public static IReadOnlyList<VariantPlan?> Plan(
        string run, int iteration, int step, IReadOnlyList<TaskRef> tasks, IReadOnlyList<SelectedTask> curriculum, RunOptions options)
    {
        if (options.Variation.Curriculum == 0)
            return [.. tasks.Select(_ => (VariantPlan?)null)];
        var known = curriculum.DistinctBy(task => task.Task).ToDictionary(task => task.Task);
        return
        [
            .. tasks.Select((task, n) =>
                known.TryGetValue(task, out var selected) ? One(run, iteration, step, n, selected, curriculum, options) : null),
        ];
    }

    /// <summary>What is attempted: the variants in place of their tasks.</summary>
    public static IReadOnlyList<TaskRef> Attempted(IReadOnlyList<TaskRef> tasks, IReadOnlyList<VariantPlan?> plans) =>
        [.. tasks.Zip(plans, (task, plan) => plan is null ? task : new TaskRef(plan.To.Stream, 0))];

    private static VariantPlan? One(
        string run, int iteration, int step, int n, SelectedTask task, IReadOnlyList<SelectedTask> curriculum, RunOptions options)
    {
        var seed = Seeds.Derive(options.Seed, $"{iteration}/variant/{step}/{n}");
        var random = new SplitMix(seed);
        var varies = random.NextDouble() < options.Variation.Curriculum;
        var refuses = random.NextDouble() < options.Variation.Refusals;
        var near = random.NextDouble() < options.Variation.NearMisses;
        if (!varies)
            return null;
        var others = TaskVariation.Donors(
            ref random, [.. curriculum.Where(other => other.Task != task.Task)], other => other.Domain, task.Domain, near);
        return new VariantPlan(
            StreamLayout.First(Ids.GroupStream(run, iteration, GroupKind.Variant, step, n)), task.Task,
            [.. others.Select(other => other.Task)], task.Domain, refuses, near, seed);
    }
}
