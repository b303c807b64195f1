using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Specs;
using ToolR0.SelfPlay.Variation;

namespace ToolR0.SelfPlay.WarmStart;

/// <summary>Which variant is made of what.</summary>
/// <param name="Parent">Place among all tasks.</param>
/// <param name="Others">Places of the tasks whose tools may stand in its menu.</param>
/// <param name="Near">They are of the parent's domain first, and the rest of its own menu may stand in it; else neither.</param>
public sealed record PlannedVariant(int Parent, IReadOnlyList<int> Others, bool Refuses, bool Near, long Seed);

/// <summary>Plans the variants of tasks: parents, donors of tools and seeds, from places and domains alone.</summary>
public static class WarmVariants
{
    /// <summary>Several variants of each parent, one parent after the other, so that a limit takes some of each.</summary>
    /// <param name="domains">Of each parent.</param>
    /// <param name="allDomains">Of each task there is.</param>
    /// <param name="parents">Places of the parents among all tasks.</param>
    public static IReadOnlyList<PlannedVariant> Plan(
        IReadOnlyList<string> domains, IReadOnlyList<string> allDomains, IReadOnlyList<int> parents, VariationOptions options, long seed, int round)
    {
        var plans = new List<PlannedVariant>();
        for (var v = 0; v < options.Variants; v++)
        {
            for (var p = 0; p < parents.Count; p++)
            {
                var own = Seeds.Derive(seed, $"variant/{round}/{parents[p]}/{v}");
                var random = new SplitMix(own);
                var refuses = random.NextDouble() < options.Refusals;
                var near = random.NextDouble() < options.NearMisses;
                List<int> others = [.. Enumerable.Range(0, allDomains.Count).Where(i => i != parents[p])];
                plans.Add(new PlannedVariant(
                    parents[p], TaskVariation.Donors(ref random, others, i => allDomains[i], domains[p], near), refuses, near, own));
            }
        }

        return plans;
    }

    /// <summary>A planned variant.</summary>
    public static TaskVaried Make(string run, VariantPlan plan, ToolTask parent, IReadOnlyList<ToolTask> others, VariationOptions options)
    {
        // Renamed tools return nothing: results would be those of others.
        var (task, rules) = TaskVariation.Make(parent with { Results = null }, others, plan.Domain, plan.Refuses, plan.Near, plan.Seed, options);
        return new TaskVaried(run, plan.Parent, rules, plan.Seed, task);
    }
}
