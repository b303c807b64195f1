
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.SelfPlay.Curriculum;

/// <summary>A survivor of the filter and the Solver's answers to it.</summary>
/// <param name="Judged">What the judge says of its difficulty; null when no judge was asked.</param>
public sealed record VerifiedCandidate(CandidateVerdict Verdict, TaskAttempted Attempt, TaskAttempted? Judged = null);

/// <summary>A candidate that is not in the curriculum.</summary>
public sealed record RejectedCandidate(TaskRef Task, string Reason, string? Detail);

/// <summary>The Solver's agreement with the gold calls of a candidate over its counted verification samples.</summary>
public sealed record Agreement(double Names, double Calls, bool GoldIsMode);

/// <summary>The curriculum of an iteration.</summary>
/// <param name="Tasks">In training order.</param>
/// <param name="Sha256">Over the ordered tasks' canonical text: independent of run names.</param>
/// <param name="Rejected">Survivors of the filter that were left out after verification.</param>
/// <param name="NameAgreement">Mean over all verified candidates; null when there are none.</param>
/// <param name="CallAgreement">Mean over all verified candidates; null when there are none.</param>
public sealed record CurriculumSelection(
    IReadOnlyList<SelectedTask> Tasks, string Sha256, IReadOnlyList<RejectedCandidate> Rejected, double? NameAgreement, double? CallAgreement)
{
    /// <summary>The run's event.</summary>
    /// <param name="verdicts">Of all candidates: their rejections are counted too.</param>
    public CurriculumSelected ToFact(string run, int iteration, IReadOnlyList<CandidateVerdict> verdicts)
    {
        var reasons = verdicts.Select(v => v.Reason).Concat(Rejected.Select(r => r.Reason)).OfType<string>()
            .CountBy(reason => reason).OrderBy(r => r.Key, StringComparer.Ordinal).ToDictionary();
        return new CurriculumSelected(run, iteration, Tasks, Sha256, verdicts.Count, reasons);
    }

    /// <summary>Each candidate's own last event, <see cref="TaskSelected"/> or <see cref="TaskRejected"/>, by its task.</summary>
    public IReadOnlyList<(TaskRef Task, object Fact)> Outcomes(string run, int iteration, IReadOnlyList<CandidateVerdict> verdicts) =>
    [
        .. verdicts.Where(v => !v.Survives).Select(v => (v.Candidate.Task, (object)new TaskRejected(run, iteration, v.Reason!, v.Detail))),
        .. Rejected.Select(r => (r.Task, (object)new TaskRejected(run, iteration, r.Reason, r.Detail))),
        .. Tasks.Select((t, position) => (t.Task, (object)new TaskSelected(run, iteration, position, t.Label, t.PassRate))),
    ];
}

/// <summary>Builds the curriculum (arXiv 2602.21320, section on curriculum construction). Pure and deterministic: options, seed and facts decide.</summary>
public static class CurriculumBuilder
{
    public const string Easy = "easy";
    public const string Medium = "medium";
    public const string Hard = "hard";

    /// <summary>
    /// One verdict per candidate, in their order. Of duplicates the best by min(1,|q|/220) + min(1,calls/3) + min(1,tools/4) survives, the first
    /// of equals.
    /// </summary>
    public static IReadOnlyList<CandidateVerdict> Filter(IReadOnlyList<Candidate> candidates, HeldOutGuard guard, RunOptions options)
    {
        var verdicts = candidates.Select(candidate => CandidateFilter.Judge(candidate, guard, options)).ToArray();
        var best = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < verdicts.Length; i++)
        {
            if (verdicts[i].Task is not { } task)
                continue;
            var fingerprint = verdicts[i].Fingerprint!;
            if (!best.TryGetValue(fingerprint, out var other))
            {
                best[fingerprint] = i;
                continue;
            }

            var (kept, dropped) = Richness(task) > Richness(verdicts[other].Task!) ? (i, other) : (other, i);
            best[fingerprint] = kept;
            verdicts[dropped] = verdicts[dropped] with { Task = null, Reason = Rejections.Duplicate };
        }

        return verdicts;
    }

    /// <summary>Verifies, labels, selects by quotas and mix, and orders.</summary>
    public static CurriculumSelection Select(IReadOnlyList<VerifiedCandidate> survivors, int iteration, RunOptions options)
    {
        var rejected = new List<RejectedCandidate>();
        var kept = new List<Verified>();
        var agreements = new List<Agreement>();
        foreach (var survivor in survivors)
        {
            var candidate = survivor.Verdict.Candidate;
            var agreement = Verify(survivor.Verdict.Task!, survivor.Attempt);
            if (agreement is not null)
                agreements.Add(agreement);
            if (Rejection(survivor.Attempt, agreement, iteration, options.Curriculum) is { } reason)
                rejected.Add(new RejectedCandidate(candidate.Task, reason, agreement is null ? null : FormattableString.Invariant($"names {agreement.Names:0.###}, calls {agreement.Calls:0.###}")));
            else if (Label(survivor, agreement!.Calls, options) is { } label)
                kept.Add(new Verified(survivor.Verdict, label, agreement.Calls, Seeds.Derive(options.Seed, $"{iteration}/select/{candidate.Index}")));
            else
                rejected.Add(new RejectedCandidate(candidate.Task, TooLongToJudge(survivor) ? Rejections.PromptTooLong : Rejections.VoidJudge, null));
        }

        var chosen = Choose(kept, options);
        rejected.AddRange(kept.Where(v => !chosen.Contains(v)).Select(v => new RejectedCandidate(v.Verdict.Candidate.Task, Rejections.OverQuota, v.Label)));
        var ordered = options.Curriculum.Order == CurriculumOrder.EasyToHard
            ? chosen.OrderBy(v => Rank(v.Label)).ThenByDescending(v => v.PassRate).ThenBy(v => v.Key)
            : chosen.OrderBy(v => Seeds.Derive(options.Seed, $"{iteration}/order/{v.Verdict.Candidate.Index}"));
        var tasks = ordered.ToList();
        return new CurriculumSelection(
            [.. tasks.Select(v => new SelectedTask(v.Verdict.Candidate.Task, v.Verdict.Candidate.Spec.Domain, v.Label, v.PassRate, v.Verdict.Fingerprint!))],
            Digests.Sha256Hex(string.Concat(tasks.Select(v => Fingerprints.CanonicalText(v.Verdict.Task!) + "\n"))),
            rejected,
            agreements.Count == 0 ? null : agreements.Average(a => a.Names),
            agreements.Count == 0 ? null : agreements.Average(a => a.Calls));
    }

    /// <summary>Null when every sample is void.</summary>
    public static Agreement? Verify(ToolTask task, TaskAttempted attempt)
    {
        var result = Difficulty.Probe(task.Gold, attempt.Samples);
        if (result.PassRate is not { } calls)
            return null;
        var names = attempt.Samples.Where(s => s.Finish != FinishReason.Void)
            .Count(s => SolverAnswer.Parse(s.Text, requireThink: false).Calls is { } answer && Calls.SameNames(answer, task.Gold));
        return new Agreement((double)names / result.Counted, calls, result.GoldIsMode);
    }

    /// <summary>Whether verification keeps a candidate, so that its difficulty is worth asking for.</summary>
    public static bool Passes(CandidateVerdict survivor, TaskAttempted attempt, int iteration, RunOptions options) =>
        Rejection(attempt, Verify(survivor.Task!, attempt), iteration, options.Curriculum) is null;

    private static string? Rejection(TaskAttempted attempt, Agreement? agreement, int iteration, CurriculumOptions o)
    {
        const double slack = 1e-9;
        if (Difficulty.PromptTooLong(attempt.Samples))
            return Rejections.PromptTooLong;
        if (agreement is null)
            return Rejections.VoidVerification;
        if ((o.Compare == VerifyCompare.Names ? agreement.Names : agreement.Calls) < o.MinAgreement - slack)
            return Rejections.LowAgreement;
        if (o.MajorityFromIteration > 0 && iteration >= o.MajorityFromIteration && !agreement.GoldIsMode)
            return Rejections.GoldNotMajority;
        return agreement.Calls > o.MaxPassRate + slack ? Rejections.TooEasy : null;
    }

    /// <summary>By pass rate over the verification samples; or as the judge says, null when it said nothing that counts.</summary>
    private static string? Label(VerifiedCandidate candidate, double passRate, RunOptions options) =>
        options.Curriculum.LabelBy == LabelBy.Judge ? (TooLongToJudge(candidate) ? null : Judge.Label(candidate.Judged, options.Judge))
        : passRate >= options.Curriculum.EasyFrom ? Easy
        : passRate < options.Curriculum.HardBelow ? Hard
        : Medium;

    private static bool TooLongToJudge(VerifiedCandidate candidate) => candidate.Judged is { } judged && Difficulty.PromptTooLong(judged.Samples);

    /// <summary>Per-domain quotas, the label mix inside each domain, topped up from what is left there; in seeded order.</summary>
    private static HashSet<Verified> Choose(List<Verified> kept, RunOptions options)
    {
        var o = options.Curriculum;
        var domains = kept.GroupBy(v => v.Verdict.Candidate.Spec.Domain).ToDictionary(g => g.Key, g => g.OrderBy(v => v.Key).ToList());
        var quotas = Quotas.Split(
            Math.Min(o.Selected, kept.Count),
            [.. domains.Select(d => new Quota(d.Key, options.Specs.Domains.GetValueOrDefault(d.Key), d.Value.Count))]);
        var chosen = new HashSet<Verified>(ReferenceEqualityComparer.Instance);
        foreach (var (domain, count) in quotas)
        {
            var members = domains[domain];
            var mix = Quotas.Split(
                count,
                [
                    new Quota(Easy, o.EasyShare, int.MaxValue),
                    new Quota(Medium, o.MediumShare, int.MaxValue),
                    new Quota(Hard, o.HardShare, int.MaxValue),
                ]);
            var taken = mix.SelectMany(m => members.Where(v => v.Label == m.Key).Take(m.Value)).ToList();
            taken.AddRange(members.Except(taken, ReferenceEqualityComparer.Instance).Cast<Verified>().Take(count - taken.Count));
            chosen.UnionWith(taken);
        }

        return chosen;
    }

    private static double Richness(ToolTask task) =>
        Math.Min(1, task.Question.Length / 220.0) + Math.Min(1, task.Gold.Count / 3.0) + Math.Min(1, task.Menu.Count / 4.0);

    private static int Rank(string label) => label switch
    {
        Easy => 0,
        Hard => 2,
        _ => 1,
    };

    private sealed record Verified(CandidateVerdict Verdict, string Label, double PassRate, long Key);
}
