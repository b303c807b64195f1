using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.WarmStart;

/// <summary>Where the facts of the warm start's rounds stand, and what follows from them. Pure: given each stream's facts, the coordinator and the
/// audit get the same.</summary>
/// <param name="one">The fact of a type in a stream.</param>
public sealed class WarmRounds(string run, RunOptions options, IReadOnlyList<WarmStartSelected> selected, Func<string, Type, object> one)
{
    /// <summary>What the Generator's rounds kept, in order: what was attempted in each.</summary>
    private IReadOnlyList<WarmStartSelected> Tasks { get; } = [.. selected.Where(s => s.Role == Role.Generator)];

    public static string ProposalStream(string run, int round, int n) => Ids.GroupStream(run, 0, GroupKind.WarmProposals, round, n);

    public static string AttemptStream(string run, int round, int n) => Ids.GroupStream(run, 0, GroupKind.WarmAttempts, round, n);

    public static string VariantStream(string run, int round, int n) => Ids.GroupStream(run, 0, GroupKind.Variant, round, n);

    /// <summary>The streams of all proposals up to a round.</summary>
    public static IEnumerable<string> ProposalStreams(string run, int round, RunOptions options) => Enumerable.Range(0, round + 1)
        .SelectMany(r => Enumerable.Range(0, options.WarmStart.Generator.Prompts).Select(n => ProposalStream(run, r, n)));

    /// <summary>The streams of all attempts up to a round.</summary>
    public IEnumerable<string> AttemptStreams(int round) =>
        Enumerable.Range(0, round + 1).SelectMany(r => Tasks[r].Kept.Select((_, n) => AttemptStream(run, r, n)));

    /// <summary>The streams of all tasks that were attempted up to a round.</summary>
    public IEnumerable<string> TaskStreams(int round) => Tasks.Take(round + 1).SelectMany(s => s.Kept).Select(task => task.Stream).Distinct();

    /// <summary>What is kept of the proposals up to a round.</summary>
    public WarmStartSelected SelectProposals(int round) => WarmSelection.Proposals(
        run, round,
        [.. ProposalStreams(run, round, options).SelectMany(stream => One<ProposalsGated>(stream).Verdicts
            .Select(verdict => new JudgedProposal(new TaskRef(stream, verdict.Sample), verdict)))],
        options);

    /// <summary>The answers up to a round, with their scores.</summary>
    public IReadOnlyList<JudgedAttempts> Attempts(int round) =>
    [
        .. Enumerable.Range(0, round + 1).SelectMany(r => Tasks[r].Kept.Select((task, n) =>
            new JudgedAttempts(task, AttemptStream(run, r, n), One<AttemptsScored>(AttemptStream(run, r, n)).Scores))),
    ];

    /// <summary>The variants to be made of the tasks that answers up to a round verify, as many as can be kept.</summary>
    public IReadOnlyList<VariantPlan> Variants(int round)
    {
        if (options.Variation.Variants == 0)
            return [];
        var verified = WarmSelection.Verified(Attempts(round));
        TaskRef[] all = [.. Tasks[round].Kept, .. verified.Except(Tasks[round].Kept)];
        var places = all.Select((task, i) => (task, i)).ToDictionary(p => p.task, p => p.i);
        string[] domains = [.. all.Select(Domain)];
        var plans = WarmVariants.Plan(
            [.. verified.Select(Domain)], domains, [.. verified.Select(task => places[task])], options.Variation, options.Seed, round);
        return
        [
            .. plans.Take(Math.Max(0, options.WarmStart.Solver.Keep - verified.Count)).Select((plan, n) => new VariantPlan(
                StreamLayout.First(VariantStream(run, round, n)), all[plan.Parent], [.. plan.Others.Select(other => all[other])],
                domains[plan.Parent], plan.Refuses, plan.Near, plan.Seed)),
        ];
    }

    /// <summary>What is kept of the answers up to a round, and of the variants of the tasks that they verify.</summary>
    public WarmStartSelected SelectAttempts(int round) => WarmSelection.Attempts(
        run, round, Attempts(round),
        [.. Variants(round).Select(plan => new MadeVariant(new TaskRef(plan.To.Stream, 0), One<TaskVaried>(plan.To.Stream).Rules))],
        options);

    private string Domain(TaskRef task) =>
        One<ProposalsGated>(task.Stream).Verdicts.First(verdict => verdict.Sample == task.Index).Kept!.Spec.Domain;

    private T One<T>(string stream) => (T)one(stream, typeof(T));
}
