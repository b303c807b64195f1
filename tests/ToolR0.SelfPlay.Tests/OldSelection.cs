using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.Testing;

namespace ToolR0.SelfPlay.Tests;

/// <summary>
/// The selection as it was while the coordinator read all proposals and answers, kept to compare with: from the same payloads the small facts must
/// give the same curriculum, to the bit.
/// </summary>
internal static class OldSelection
{
    /// <summary>The tasks in training order, and the SHA-256 over their texts.</summary>
    /// <param name="attempts">Of each candidate by its index, asked of survivors only.</param>
    public static (IReadOnlyList<SelectedTask> Tasks, string Sha256) Of(
        IReadOnlyList<TestCandidate> candidates, Func<int, TaskAttempted> attempts, HeldOutGuard guard, int iteration, RunOptions options)
    {
        var kept = new List<Verified>();
        foreach (var (candidate, task, fingerprint) in Survivors(candidates, guard, options))
        {
            var agreement = CandidateFacts.Verify(task, attempts(candidate.Index));
            if (agreement is null || Rejects(agreement, iteration, options.Curriculum))
                continue;
            var label = agreement.Calls >= options.Curriculum.EasyFrom ? "easy" : agreement.Calls < options.Curriculum.HardBelow ? "hard" : "medium";
            kept.Add(new Verified(candidate, task, fingerprint, label, agreement.Calls,
                Seeds.Derive(options.Seed, $"{iteration}/select/{candidate.Index}")));
        }

        var chosen = Choose(kept, options);
        var ordered = chosen.OrderBy(v => v.Label switch { "easy" => 0, "hard" => 2, _ => 1 }).ThenByDescending(v => v.PassRate).ThenBy(v => v.Key)
            .ToList();
        return (
            [.. ordered.Select(v => new SelectedTask(v.Candidate.Task, v.Candidate.Spec.Domain, v.Label, v.PassRate, v.Fingerprint))],
            Digests.Sha256Hex(string.Concat(ordered.Select(v => Fingerprints.CanonicalText(v.Task) + "\n"))));
    }

    private static IEnumerable<(TestCandidate Candidate, ToolTask Task, string Fingerprint)> Survivors(
        IReadOnlyList<TestCandidate> candidates, HeldOutGuard guard, RunOptions options)
    {
        var tasks = candidates.Select(c => CandidateFilter.Judge(new Candidate(c.Spec, c.Sample, c.Execution), guard, options).Task).ToArray();
        var prints = tasks.Select(task => task is null ? "" : Fingerprints.Of(task, options.Curriculum.FoldDigits)).ToArray();
        var best = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < tasks.Length; i++)
        {
            if (tasks[i] is not { } task)
                continue;
            if (!best.TryGetValue(prints[i], out var other))
            {
                best[prints[i]] = i;
                continue;
            }

            var (kept, dropped) = Richness(task) > Richness(tasks[other]!) ? (i, other) : (other, i);
            best[prints[i]] = kept;
            tasks[dropped] = null;
        }

        return candidates.Select((candidate, i) => (candidate, tasks[i]!, prints[i])).Where(c => c.Item2 is not null);
    }

    private static bool Rejects(Agreement agreement, int iteration, CurriculumOptions o)
    {
        const double slack = 1e-9;
        return (o.Compare == VerifyCompare.Names ? agreement.Names : agreement.Calls) < o.MinAgreement - slack
            || (o.MajorityFromIteration > 0 && iteration >= o.MajorityFromIteration && !agreement.GoldIsMode)
            || agreement.Calls > o.MaxPassRate + slack;
    }

    private static HashSet<Verified> Choose(List<Verified> kept, RunOptions options)
    {
        var o = options.Curriculum;
        var domains = kept.GroupBy(v => v.Candidate.Spec.Domain).ToDictionary(g => g.Key, g => g.OrderBy(v => v.Key).ToList());
        var quotas = Quotas.Split(
            Math.Min(o.Selected, kept.Count),
            [.. domains.Select(d => new Quota(d.Key, options.Specs.Domains.GetValueOrDefault(d.Key), d.Value.Count))]);
        var chosen = new HashSet<Verified>(ReferenceEqualityComparer.Instance);
        foreach (var (domain, count) in quotas)
        {
            var members = domains[domain];
            var mix = Quotas.Split(
                count,
                [new Quota("easy", o.EasyShare, int.MaxValue), new Quota("medium", o.MediumShare, int.MaxValue),
                    new Quota("hard", o.HardShare, int.MaxValue)]);
            var taken = mix.SelectMany(m => members.Where(v => v.Label == m.Key).Take(m.Value)).ToList();
            taken.AddRange(members.Except(taken, ReferenceEqualityComparer.Instance).Cast<Verified>().Take(count - taken.Count));
            chosen.UnionWith(taken);
        }

        return chosen;
    }

    private static double Richness(ToolTask task) =>
        Math.Min(1, task.Question.Length / 220.0) + Math.Min(1, task.Gold.Count / 3.0) + Math.Min(1, task.Menu.Count / 4.0);

    private sealed record Verified(TestCandidate Candidate, ToolTask Task, string Fingerprint, string Label, double PassRate, long Key);
}
