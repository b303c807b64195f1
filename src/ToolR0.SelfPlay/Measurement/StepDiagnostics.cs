using ToolR0.Contracts;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Measurement;

/// <summary>
/// What a step's facts tell beside its rewards: whether the Generator does as it was asked, what it writes about, how its tasks spread over p̂, what
/// went wrong how often. Counts and sorted sums only, so that the order of the facts does not matter.
/// </summary>
internal static class StepDiagnostics
{
    /// <summary>p̂ in tenths; 1 has a bin of its own.</summary>
    public const int PassRateBins = 11;

    /// <summary>
    /// wellFormedShare; menuObedienceShare and callsObedienceShare (menu size and number of calls as the spec asks, whatever the options demand); of
    /// the well-formed tasks callsMean, refusalShare (no call), knownToolShare (offered tools that the base knows, where the options name them),
    /// distinctTools, distinctQuestions, and what <see cref="Diversity.Write"/> says; of the probed ones passRate.{0..10} (tasks by tenth of p̂) and namePassRate (answers that name the right
    /// tools in order); reason.{name} (samples).
    /// </summary>
    public static void OfProposals(Dictionary<string, double> metrics, IReadOnlyList<(string Stream, object Fact)> facts,
        IReadOnlyList<string> knownTools)
    {
        var scored = facts.Where(f => f.Fact is ProposalsScored).ToDictionary(f => f.Stream, f => ((ProposalsScored)f.Fact).Scores);
        var (menus, calls) = (new List<bool>(), new List<bool>());
        var tasks = new Dictionary<TaskRef, ToolTask>();
        foreach (var (stream, proposed) in facts.Where(f => f.Fact is TasksProposed).Select(f => (f.Stream, (TasksProposed)f.Fact)))
        {
            for (var i = 0; i < proposed.Samples.Count; i++)
            {
                if (proposed.Samples[i].Finish == FinishReason.Void)
                    continue;
                var proposal = ProposalParser.ParseForReward(proposed.Samples[i].Text, proposed.Signatures);
                menus.Add(proposal.Menu is { } menu && menu.Count == proposed.Spec.MenuSize
                    && menu.DistinctBy(tool => tool.Name).Count() == menu.Count);
                calls.Add(proposal.Gold?.Count == proposed.Spec.Calls);
                if (proposal.ToTask(proposed.Spec) is { } task)
                    tasks[new TaskRef(stream, i)] = task;
            }
        }

        Share(metrics, MetricNames.MenuObedienceShare, menus);
        Share(metrics, MetricNames.CallsObedienceShare, calls);
        if (menus.Count > 0)
            metrics[MetricNames.WellFormedShare] = (double)tasks.Count / menus.Count;
        KeptCandidate[] written = [.. tasks.Values.Select(task => CandidateFacts.Kept(task, foldDigits: false))];
        OfTasks(metrics, written, knownTools);
        Diversity.Write(metrics, written);
        PassRates(metrics, scored.Values.SelectMany(s => s).Where(s => !s.Void).Select(s => s.PassRate).OfType<double>());
        Reasons(metrics, scored.Values.SelectMany(s => s).SelectMany(s => s.Reasons));
        StepMetrics.Mean(metrics, MetricNames.NamePassRate, facts.Select(f => f.Fact).OfType<TaskAttempted>()
            .Where(a => a.Purpose == AttemptPurpose.Probe && tasks.ContainsKey(a.Task))
            .Select(a => CandidateFacts.Verify(tasks[a.Task], a)?.Names).OfType<double>());
    }

    /// <summary>refusalShare (answers that call nothing), distinctTasks, reason.{name} (samples).</summary>
    public static void OfAttempts(Dictionary<string, double> metrics, IReadOnlyList<(string Stream, object Fact)> facts)
    {
        var attempts = facts.Select(f => f.Fact).OfType<TaskAttempted>().ToList();
        Share(metrics, MetricNames.RefusalShare, [.. attempts.SelectMany(a => a.Samples).Where(s => s.Finish != FinishReason.Void)
            .Select(s => ActingReward.CallsOf(s) is { Count: 0 })]);
        metrics[MetricNames.DistinctTasks] = attempts.Select(a => a.Task).Distinct().Count();
        Reasons(metrics, facts.Select(f => f.Fact).OfType<AttemptsScored>().SelectMany(s => s.Scores).SelectMany(s => s.Reasons));
    }

    /// <summary>callsMean, refusalShare, knownToolShare, distinctTools, distinctQuestions.</summary>
    public static void OfTasks(Dictionary<string, double> metrics, IReadOnlyCollection<KeptCandidate> tasks, IReadOnlyList<string> knownTools)
    {
        var offered = tasks.SelectMany(task => task.Tools).ToList();
        StepMetrics.Mean(metrics, MetricNames.CallsMean, tasks.Select(task => (double)task.Calls));
        Share(metrics, MetricNames.RefusalShare, [.. tasks.Select(task => task.Calls == 0)]);
        if (knownTools.Count > 0)
            Share(metrics, MetricNames.KnownToolShare, [.. offered.Select(tool => knownTools.Contains(tool))]);
        metrics[MetricNames.DistinctTools] = offered.Distinct(StringComparer.Ordinal).Count();
        metrics[MetricNames.DistinctQuestions] = tasks.Select(task => task.Question).Distinct(StringComparer.Ordinal).Count();
    }

    public static void PassRates(Dictionary<string, double> metrics, IEnumerable<double> passRates)
    {
        foreach (var (bin, count) in passRates.CountBy(p => Math.Clamp((int)Math.Floor((p * 10) + 1e-9), 0, PassRateBins - 1)))
            metrics[MetricNames.PassRateBin(bin)] = count;
    }

    public static void Reasons(Dictionary<string, double> metrics, IEnumerable<string> reasons)
    {
        foreach (var (reason, count) in reasons.CountBy(reason => reason))
            metrics[MetricNames.Reason(reason)] = count;
    }

    private static void Share(Dictionary<string, double> metrics, string name, IReadOnlyCollection<bool> of)
    {
        if (of.Count > 0)
            metrics[name] = (double)of.Count(yes => yes) / of.Count;
    }
}
