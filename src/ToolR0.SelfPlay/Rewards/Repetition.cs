using System.Collections.Frozen;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Rewards;

/// <summary>Share of a batch that asks the same thing: single-linkage clusters of questions by Jaccard distance of their character 3-grams.</summary>
public static class Repetition
{
    /// <summary>Whether one group's penalty depends on the other groups of its step.</summary>
    public static bool NeedsWholeStep(GeneratorRewardOptions options) =>
        options is { RepetitionWeight: > 0, RepetitionScope: RepetitionScope.Batch };

    /// <summary>
    /// Per group and sample the share of its batch that asks the same. The batch is what <see cref="GeneratorRewardOptions.RepetitionScope"/> says:
    /// all groups, or each by itself. Void samples belong to no batch; everything is 0 where the penalty is switched off.
    /// </summary>
    /// <param name="groups">All groups of a step; where the scope is the group, any of them.</param>
    public static IReadOnlyList<double[]> OfGroups(IReadOnlyList<TasksProposed> groups, GeneratorRewardOptions options)
    {
        double[][] shares = [.. groups.Select(group => new double[group.Samples.Count])];
        if (options.RepetitionWeight == 0)
            return shares;
        var questions = groups.SelectMany((group, g) => group.Samples.Select((sample, i) => (Group: g, Sample: i, Proposal: sample)))
            .Where(at => at.Proposal.Finish != FinishReason.Void)
            .Select(at => (at.Group, at.Sample, ProposalParser.ParseForReward(at.Proposal.Text).Question));
        foreach (var batch in questions.GroupBy(at => options.RepetitionScope == RepetitionScope.Group ? at.Group : 0)
            .Select(batch => batch.ToList()))
        {
            foreach (var (at, share) in batch.Zip(Shares([.. batch.Select(at => at.Question)], options.RepetitionDistance)))
                shares[at.Group][at.Sample] = share;
        }

        return shares;
    }

    /// <summary>Per question its cluster's size over the batch size, in (0, 1]; 0 where there is no question.</summary>
    /// <param name="distance">Two questions closer than this are linked.</param>
    public static double[] Shares(IReadOnlyList<string?> questions, double distance)
    {
        var grams = questions.Select(question => question is null ? null : Grams(question)).ToArray();
        var root = Enumerable.Range(0, questions.Count).ToArray();
        for (var i = 0; i < grams.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (grams[i] is { } a && grams[j] is { } b && Distance(a, b) < distance)
                    root[Root(i)] = Root(j);
            }
        }

        var sizes = new int[questions.Count];
        for (var i = 0; i < grams.Length; i++)
            sizes[Root(i)] += grams[i] is null ? 0 : 1;
        return [.. grams.Select((g, i) => g is null ? 0 : (double)sizes[Root(i)] / questions.Count)];

        int Root(int i)
        {
            while (root[i] != i)
                i = root[i] = root[root[i]];
            return i;
        }
    }

    /// <summary>1 − |a ∩ b| / |a ∪ b| in [0, 1].</summary>
    public static double Distance(string a, string b) => Distance(Grams(a), Grams(b));

    private static double Distance(FrozenSet<string> a, FrozenSet<string> b)
    {
        var common = a.Count(b.Contains);
        return 1 - (double)common / (a.Count + b.Count - common);
    }

    private static FrozenSet<string> Grams(string question)
    {
        var text = question.Trim().ToLowerInvariant();
        return text.Length < 3
            ? new[] { text }.ToFrozenSet(StringComparer.Ordinal)
            : Enumerable.Range(0, text.Length - 2).Select(i => text.Substring(i, 3)).ToFrozenSet(StringComparer.Ordinal);
    }
}
