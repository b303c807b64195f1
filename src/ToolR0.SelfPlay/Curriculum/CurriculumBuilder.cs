using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.Curriculum;

/// <summary>A candidate that was looked at by itself.</summary>
/// <param name="Index">n of its stream <c>task/{run}/{iteration}/{n}</c>; names it in seeds, the run's name does not.</param>
public sealed record FilteredCandidate(TaskRef Task, int Index, CandidateFiltered Filtered);

/// <summary>What filtering says of a candidate, duplicates included: it survives, or it is rejected for a reason of
/// <see cref="Rejections"/>.</summary>
public sealed record CandidateVerdict(TaskRef Task, int Index, CandidateFiltered Filtered, string? Reason, string? Detail)
{
    public bool Survives => Reason is null;
}

/// <summary>A survivor of the filter, rated by the Solver's answers to it.</summary>
/// <param name="Labelled">What the judge says of its difficulty; null when no judge was asked.</param>
public sealed record RatedCandidate(CandidateVerdict Verdict, CandidateRated Rated, CandidateLabelled? Labelled = null);

/// <summary>A candidate that is not in the curriculum.</summary>
public sealed record RejectedCandidate(TaskRef Task, string Reason, string? Detail);

/// <summary>The curriculum of an iteration.</summary>
/// <param name="Tasks">In training order.</param>
/// <param name="Sha256">Over the SHA-256 of each task's canonical text, in order: independent of run names.</param>
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
        .. verdicts.Where(v => !v.Survives).Select(v => (v.Task, (object)new TaskRejected(run, iteration, v.Reason!, v.Detail))),
        .. Rejected.Select(r => (r.Task, (object)new TaskRejected(run, iteration, r.Reason, r.Detail))),
        .. Tasks.Select((t, position) => (t.Task, (object)new TaskSelected(run, iteration, position, t.Label, t.PassRate))),
    ];
}

/// <summary>
/// Builds the curriculum (arXiv 2602.21320, section on curriculum construction) from small facts about all candidates. Pure and deterministic:
/// options, seed and facts decide.
/// </summary>
public static class CurriculumBuilder
{
    public const string Easy = "easy";
    public const string Medium = "medium";
    public const string Hard = "hard";

    /// <summary>One verdict per candidate, in their order. Of duplicates the one of the best quality survives, the first of equals.</summary>
    public static IReadOnlyList<CandidateVerdict> Verdicts(IReadOnlyList<FilteredCandidate> candidates)
    {
        var verdicts = candidates.Select(c => new CandidateVerdict(c.Task, c.Index, c.Filtered, c.Filtered.Reason, c.Filtered.Detail)).ToArray();
        var best = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < verdicts.Length; i++)
        {
            if (verdicts[i].Filtered.Kept is not { } task)
                continue;
            if (!best.TryGetValue(task.Fingerprint, out var other))
            {
                best[task.Fingerprint] = i;
                continue;
            }

            var (kept, dropped) = task.Quality > verdicts[other].Filtered.Kept!.Quality ? (i, other) : (other, i);
            best[task.Fingerprint] = kept;
            verdicts[dropped] = verdicts[dropped] with { Reason = Rejections.Duplicate };
        }

        return verdicts;
    }

    /// <summary>Labels, selects by quotas and mix, and orders what verification keeps.</summary>
    public static CurriculumSelection Select(IReadOnlyList<RatedCandidate> survivors, int iteration, RunOptions options)
    {
        var rejected = new List<RejectedCandidate>();
        var kept = new List<Verified>();
        foreach (var survivor in survivors)
        {
            var (task, rated) = (survivor.Verdict.Task, survivor.Rated);
            if (Rejection(rated, iteration, options.Curriculum) is { } reason)
                rejected.Add(new RejectedCandidate(task, reason, rated.CallAgreement is null ? null
                    : FormattableString.Invariant($"names {rated.NameAgreement:0.###}, calls {rated.CallAgreement:0.###}")));
            else if (Label(survivor, options.Curriculum) is { } label)
                kept.Add(new Verified(survivor.Verdict, label, rated.CallAgreement!.Value,
                    Seeds.Derive(options.Seed, $"{iteration}/select/{survivor.Verdict.Index}")));
            else
                rejected.Add(new RejectedCandidate(task, survivor.Labelled?.PromptTooLong == true ? Rejections.PromptTooLong
                    : Rejections.VoidJudge, null));
        }

        var chosen = Choose(kept, options);
        rejected.AddRange(kept.Where(v => !chosen.Contains(v)).Select(v => new RejectedCandidate(v.Verdict.Task, Rejections.OverQuota, v.Label)));
        var ordered = options.Curriculum.Order == CurriculumOrder.EasyToHard
            ? chosen.OrderBy(v => Rank(v.Label)).ThenByDescending(v => v.PassRate).ThenBy(v => v.Key)
            : chosen.OrderBy(v => Seeds.Derive(options.Seed, $"{iteration}/order/{v.Verdict.Index}"));
        var tasks = ordered.ToList();
        return new CurriculumSelection(
            [.. tasks.Select(v =>
                new SelectedTask(v.Verdict.Task, v.Verdict.Filtered.Domain, v.Label, v.PassRate, v.Verdict.Filtered.Kept!.Fingerprint))],
            Digests.Sha256Hex(string.Concat(tasks.Select(v => v.Verdict.Filtered.Kept!.Sha256 + "\n"))),
            rejected,
            Mean(survivors.Select(s => s.Rated.NameAgreement)),
            Mean(survivors.Select(s => s.Rated.CallAgreement)));
    }

    /// <summary>Whether verification keeps a candidate, so that its difficulty is worth asking for.</summary>
    public static bool Passes(CandidateRated rated, int iteration, RunOptions options) => Rejection(rated, iteration, options.Curriculum) is null;

    private static string? Rejection(CandidateRated rated, int iteration, CurriculumOptions o)
    {
        const double slack = 1e-9;
        if (rated.PromptTooLong)
            return Rejections.PromptTooLong;
        if (rated is not { NameAgreement: { } names, CallAgreement: { } calls })
            return Rejections.VoidVerification;
        if ((o.Compare == VerifyCompare.Names ? names : calls) < o.MinAgreement - slack)
            return Rejections.LowAgreement;
        if (o.MajorityFromIteration > 0 && iteration >= o.MajorityFromIteration && !rated.GoldIsMajority)
            return Rejections.GoldNotMajority;
        return calls > o.MaxPassRate + slack ? Rejections.TooEasy : null;
    }

    /// <summary>By pass rate over the verification samples; or as the judge says, null when it said nothing that counts.</summary>
    private static string? Label(RatedCandidate candidate, CurriculumOptions options) =>
        options.LabelBy == LabelBy.Judge ? candidate.Labelled?.Label
        : candidate.Rated.CallAgreement >= options.EasyFrom ? Easy
        : candidate.Rated.CallAgreement < options.HardBelow ? Hard
        : Medium;

    private static double? Mean(IEnumerable<double?> values) => values.OfType<double>().ToList() is { Count: > 0 } known ? known.Average() : null;

    /// <summary>Per-domain quotas, the label mix inside each domain, topped up from what is left there; in seeded order.</summary>
    private static HashSet<Verified> Choose(List<Verified> kept, RunOptions options)
    {
        var o = options.Curriculum;
        var domains = kept.GroupBy(v => v.Verdict.Filtered.Domain).ToDictionary(g => g.Key, g => g.OrderBy(v => v.Key).ToList());
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

    private static int Rank(string label) => label switch
    {
        Easy => 0,
        Hard => 2,
        _ => 1,
    };

    private sealed record Verified(CandidateVerdict Verdict, string Label, double PassRate, long Key);
}
