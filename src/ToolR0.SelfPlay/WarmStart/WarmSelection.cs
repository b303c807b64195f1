using System.Globalization;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.SelfPlay.WarmStart;

/// <summary>A proposal of the warm start with what its gate said.</summary>
public sealed record JudgedProposal(TaskRef Task, GatedProposal Verdict);

/// <summary>The answers to one task of the warm start with their scores.</summary>
/// <param name="Attempt">The stream that holds them.</param>
public sealed record JudgedAttempts(TaskRef Task, string Attempt, IReadOnlyList<AttemptScore> Scores);

/// <summary>A variant that was made.</summary>
public sealed record MadeVariant(TaskRef Task, IReadOnlyList<string> Rules);

/// <summary>What all proposals or answers of the warm start together decide: duplicates, quotas, what is kept. Pure: facts, options and seed
/// decide.</summary>
public static class WarmSelection
{
    /// <param name="proposals">Of all rounds so far, in order.</param>
    public static WarmStartSelected Proposals(string run, int round, IReadOnlyList<JudgedProposal> proposals, RunOptions options)
    {
        var dropped = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var proposal in proposals)
        {
            if (proposal.Verdict.Reason is { } reason)
                Count(dropped, reason);
        }

        var passed = proposals.Where(p => p.Verdict.Kept is not null).ToList();
        var distinct = Best(Best(passed, p => p.Verdict.Kept!.Fingerprint), p => p.Verdict.Kept!.Question);
        Count(dropped, Rejections.Duplicate, passed.Count - distinct.Count);
        var seldom = Seldom(distinct, options.WarmStart.TasksPerTool);
        Count(dropped, Rejections.ToolOften, distinct.Count - seldom.Count);
        var kept = Balanced(seldom, options);
        Count(dropped, Rejections.OverQuota, seldom.Count - kept.Count);
        return new WarmStartSelected(
            run, Role.Generator, round, [.. kept.Select(p => p.Task)], proposals.Count, dropped,
            Shapes(kept.SelectMany(p => ShapeOf(p.Verdict.Kept!.Spec))));
    }

    /// <summary>The tasks that at least one answer verifies, in order.</summary>
    public static IReadOnlyList<TaskRef> Verified(IReadOnlyList<JudgedAttempts> attempts) =>
        [.. attempts.Where(a => a.Scores.Any(IsRight)).Select(a => a.Task).Distinct()];

    /// <param name="attempts">Of all rounds so far, in order.</param>
    /// <param name="variants">Of the verified tasks, in order.</param>
    public static WarmStartSelected Attempts(
        string run, int round, IReadOnlyList<JudgedAttempts> attempts, IReadOnlyList<MadeVariant> variants, RunOptions options)
    {
        var dropped = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var own = new List<TaskRef>();
        foreach (var task in attempts.GroupBy(a => a.Task))
        {
            // One answer a task, the latest round's first right one: it is the Solver's own way to put it.
            var right = task.Reverse().SelectMany(a => a.Scores.Where(IsRight).Select(s => new TaskRef(a.Attempt, s.Sample))).FirstOrDefault();
            if (right is not null)
                own.Add(right);
        }

        foreach (var score in attempts.SelectMany(a => a.Scores).Where(s => !IsRight(s)))
            Count(dropped, score.Void ? Rejections.VoidSample : score.Reasons.Count > 0 ? score.Reasons[0] : Rejections.NotRight);
        var limit = options.WarmStart.Solver.Keep;
        var kept = own.Concat(variants.Select(v => v.Task)).Take(limit).ToList();
        Count(dropped, Rejections.OverQuota, own.Count + variants.Count - kept.Count);
        var rules = variants.Take(Math.Max(0, limit - own.Count)).SelectMany(v => v.Rules);
        var shapes = Shapes(rules.Concat(Enumerable.Repeat("own", Math.Min(limit, own.Count))));
        return new WarmStartSelected(run, Role.Solver, round, kept, attempts.Sum(a => a.Scores.Count), dropped, shapes);
    }

    public static bool IsRight(AttemptScore score) => score is { Void: false, Exact: true };

    private static IReadOnlyList<string> ShapeOf(TaskSpec spec) =>
    [
        $"tools={Number(spec.MenuSize)}", $"calls={Number(spec.Calls)}", $"arguments={(spec.Arguments is { } n ? Number(n) : "?")}",
        $"value={spec.Value ?? "?"}",
    ];

    /// <summary>Of those with one key the best, the first of equals; in their order.</summary>
    private static List<JudgedProposal> Best(List<JudgedProposal> proposals, Func<JudgedProposal, string> key)
    {
        var best = new Dictionary<string, JudgedProposal>(StringComparer.Ordinal);
        foreach (var proposal in proposals)
        {
            if (!best.TryGetValue(key(proposal), out var other) || proposal.Verdict.Kept!.Quality > other.Verdict.Kept!.Quality)
                best[key(proposal)] = proposal;
        }

        var chosen = best.Values.ToHashSet();
        return [.. proposals.Where(chosen.Contains)];
    }

    private static List<JudgedProposal> Seldom(List<JudgedProposal> proposals, int limit)
    {
        if (limit == 0)
            return proposals;
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. proposals.Where(p => p.Verdict.Kept!.Tool is var tool
            && (tool.Length == 0 || p.Verdict.Kept.Spec.Given is not null || (counts[tool] = counts.GetValueOrDefault(tool) + 1) <= limit))];
    }

    /// <summary>One after the other the proposal whose shape is rarest among those taken; ties in a seeded order.</summary>
    private static List<JudgedProposal> Balanced(List<JudgedProposal> proposals, RunOptions options)
    {
        var limit = Math.Min(options.WarmStart.Generator.Keep, proposals.Count);
        var waiting = proposals.OrderBy(p => Seeds.Derive(options.Seed, $"warm/{p.Verdict.Kept!.Fingerprint}")).ToList();
        if (!options.WarmStart.Quotas)
            return [.. waiting.Take(limit)];
        var taken = new List<JudgedProposal>();
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var shapes = waiting.Select(p => ShapeOf(p.Verdict.Kept!.Spec)).ToList();
        while (taken.Count < limit)
        {
            var next = Enumerable.Range(0, waiting.Count).MinBy(i => shapes[i].Sum(feature => counts.GetValueOrDefault(feature)));
            foreach (var feature in shapes[next])
                counts[feature] = counts.GetValueOrDefault(feature) + 1;
            taken.Add(waiting[next]);
            waiting.RemoveAt(next);
            shapes.RemoveAt(next);
        }

        return taken;
    }

    private static SortedDictionary<string, int> Shapes(IEnumerable<string> features)
    {
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var feature in features)
            Count(counts, feature);
        return counts;
    }

    private static void Count(SortedDictionary<string, int> counts, string key, int by = 1)
    {
        if (by > 0)
            counts[key] = counts.GetValueOrDefault(key) + by;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
