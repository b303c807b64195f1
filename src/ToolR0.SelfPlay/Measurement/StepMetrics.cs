using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.SelfPlay.Measurement;

/// <summary>
/// Folds the stored facts of one step to the metrics of <see cref="StepCompleted"/>. The order in which facts are given does not matter: sums are
/// taken over sorted values, so that a coordinator and an audit agree to the last bit. Void samples are left out of all means.
/// </summary>
public static class StepMetrics
{
    /// <summary>
    /// A training step, from its groups' facts (and the probes' in a Generator step) and the update. Both roles: rewardMean, formatMean, voidShare,
    /// zeroVarianceShare, groups, samples, tokensSampled (all that was sampled), completionTokens (mean length), surprisal (mean over completions of
    /// the mean −log-probability of their tokens, in nats), and the learner's own metrics (its entropy is the true one of the distribution sampled
    /// from, in nats per token). Generator: validityMean, difficultyMean, curriculumMean, repetitionMean, coherenceMean (when judged), passRate and
    /// consistency (over probed proposals), probedShare. Solver: accuracyMean, nameMean, keysMean, valuesMean, exactShare, and
    /// where there are several turns turnsMean, successMean, outcomeMean, answerShare. And
    /// <see cref="StepDiagnostics"/>.
    /// </summary>
    /// <param name="facts">With the stream of each.</param>
    /// <param name="knownTools"><see cref="SpecOptions.KnownTools"/>.</param>
    public static Dictionary<string, double> OfTraining(
        IEnumerable<(string Stream, object Fact)> facts, PolicyUpdated updated, IReadOnlyList<string> knownTools)
    {
        var stored = Acting.Attempts.Whole([.. facts]);
        var all = stored.Select(f => f.Fact).ToList();
        var metrics = updated.Role == Role.Generator ? Proposals(all) : Attempts(all);
        if (updated.Role == Role.Generator)
            StepDiagnostics.OfProposals(metrics, stored, knownTools);
        else
            StepDiagnostics.OfAttempts(metrics, stored);
        foreach (var (name, value) in updated.Metrics)
            metrics.TryAdd(name, value);
        return metrics;
    }

    /// <summary>
    /// candidates, selected, rejected, easyShare, mediumShare, hardShare, passRate (of the selected), nameAgreement and callAgreement (of all
    /// verified), rejected.{reason} per reason, tokens (all that was sampled), what <see cref="Diversity.Write"/> says of all that the filters keep
    /// and of each domain's, and of the selected tasks what <see cref="StepDiagnostics.OfTasks"/>
    /// says and passRate.{0..10}.
    /// </summary>
    /// <param name="verdicts">Of all candidates.</param>
    /// <param name="rated">Of the verified ones.</param>
    /// <param name="knownTools"><see cref="SpecOptions.KnownTools"/>.</param>
    public static Dictionary<string, double> OfCurriculum(
        CurriculumSelected selected,
        CurriculumSelection selection,
        IReadOnlyList<CandidateVerdict> verdicts,
        IReadOnlyList<RatedCandidate> rated,
        IReadOnlyList<string> knownTools)
    {
        var kept = selected.Tasks.Select(t => t.Task).ToHashSet();
        var metrics = new Dictionary<string, double>
        {
            [MetricNames.Candidates] = selected.Candidates,
            [MetricNames.Selected] = selected.Tasks.Count,
            [MetricNames.Rejected] = selected.Rejected.Values.Sum(),
        };
        Mean(metrics, MetricNames.EasyShare, selected.Tasks.Select(t => t.Label == CurriculumBuilder.Easy ? 1.0 : 0));
        Mean(metrics, MetricNames.MediumShare, selected.Tasks.Select(t => t.Label == CurriculumBuilder.Medium ? 1.0 : 0));
        Mean(metrics, MetricNames.HardShare, selected.Tasks.Select(t => t.Label == CurriculumBuilder.Hard ? 1.0 : 0));
        Mean(metrics, MetricNames.PassRate, selected.Tasks.Select(t => t.PassRate));
        if (selection.NameAgreement is { } names)
            metrics[MetricNames.NameAgreement] = names;
        if (selection.CallAgreement is { } calls)
            metrics[MetricNames.CallAgreement] = calls;
        foreach (var (reason, count) in selected.Rejected)
            metrics[MetricNames.RejectedFor(reason)] = count;
        metrics[MetricNames.TokensSampled] = verdicts.Sum(v => v.Filtered.Tokens) + rated.Sum(r => r.Rated.Tokens + (r.Labelled?.Tokens ?? 0));
        foreach (var written in verdicts.Where(v => v.Filtered.Kept is not null).GroupBy(v => v.Filtered.Domain, v => v.Filtered.Kept!))
            Diversity.Write(metrics, [.. written], written.Key);
        Diversity.Write(metrics, [.. verdicts.Select(v => v.Filtered.Kept).OfType<KeptCandidate>()]);
        StepDiagnostics.OfTasks(metrics, [.. verdicts.Where(v => kept.Contains(v.Task)).Select(v => v.Filtered.Kept!)], knownTools);
        StepDiagnostics.PassRates(metrics, selected.Tasks.Select(t => t.PassRate));
        return metrics;
    }

    /// <summary>samples, selected, rejected, rejected.{reason} and shape.{feature} of all rounds so far; tokensSampled of this one.</summary>
    /// <param name="gated">Of this round's groups.</param>
    public static Dictionary<string, double> OfWarmProposals(WarmStartSelected selected, IEnumerable<ProposalsGated> gated)
    {
        var metrics = OfWarmStart(selected);
        metrics[MetricNames.TokensSampled] = gated.Sum(group => group.Tokens);
        return metrics;
    }

    /// <summary>The same, and of this round's answers what a Solver step tells of them.</summary>
    /// <param name="facts">Of this round's attempts, with the stream of each: <see cref="TaskAttempted"/> and <see cref="AttemptsScored"/>.</param>
    public static Dictionary<string, double> OfWarmAttempts(WarmStartSelected selected, IEnumerable<(string Stream, object Fact)> facts)
    {
        var stored = facts.ToList();
        var metrics = Attempts([.. stored.Select(f => f.Fact)]);
        StepDiagnostics.OfAttempts(metrics, stored);
        foreach (var (name, value) in OfWarmStart(selected))
            metrics[name] = value;
        return metrics;
    }

    private static Dictionary<string, double> OfWarmStart(WarmStartSelected selected)
    {
        var metrics = new Dictionary<string, double>
        {
            [MetricNames.Samples] = selected.Samples,
            [MetricNames.Selected] = selected.Kept.Count,
            [MetricNames.Rejected] = selected.Dropped.Values.Sum(),
        };
        foreach (var (reason, count) in selected.Dropped)
            metrics[MetricNames.RejectedFor(reason)] = count;
        foreach (var (shape, count) in selected.Shapes)
            metrics[MetricNames.Shape(shape)] = count;
        return metrics;
    }

    /// <summary>accuracy, items, tokens (all that was sampled), and reason.{name} (answers).</summary>
    public static Dictionary<string, double> OfEvaluation(EvaluationCompleted evaluated, IEnumerable<TaskAttempted> attempts,
        IEnumerable<AttemptScore> scores)
    {
        var metrics = new Dictionary<string, double>
        {
            [MetricNames.Accuracy] = evaluated.Accuracy,
            [MetricNames.Items] = evaluated.Items,
            [MetricNames.TokensSampled] =
                attempts.SelectMany(attempt => attempt.Samples).Sum(sample => (double)Acting.Attempts.SampledTokens(sample)),
        };
        StepDiagnostics.Reasons(metrics, scores.SelectMany(s => s.Reasons));
        return metrics;
    }

    /// <summary>The event of one evaluated set. Void answers are left out of accuracy and of <see cref="EvaluationCompleted.Items"/>.</summary>
    /// <param name="answers">Per item its class and score.</param>
    public static EvaluationCompleted Evaluated(
        string run, int iteration, string set, string policy, IEnumerable<(string Class, AttemptScore Score)> answers)
    {
        var counted = answers.Where(a => !a.Score.Void).ToList();
        return new EvaluationCompleted(
            run,
            iteration,
            set,
            policy,
            counted.Count,
            Accuracy(counted),
            counted.GroupBy(a => a.Class).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => Accuracy([.. g])));

        static double Accuracy(IReadOnlyCollection<(string Class, AttemptScore Score)> of) =>
            of.Count == 0 ? 0 : (double)of.Count(a => a.Score.Exact) / of.Count;
    }

    private static Dictionary<string, double> Proposals(List<object> all)
    {
        var groups = all.OfType<ProposalsScored>().Select(g => g.Scores).ToList();
        var scores = groups.SelectMany(g => g).Where(s => !s.Void).ToList();
        var metrics = new Dictionary<string, double>();
        Mean(metrics, MetricNames.RewardMean, scores.Select(s => s.Total));
        Mean(metrics, MetricNames.FormatMean, scores.Select(s => s.Format));
        Mean(metrics, MetricNames.ValidityMean, scores.Select(s => s.Validity));
        Mean(metrics, MetricNames.DifficultyMean, scores.Select(s => s.Difficulty));
        Mean(metrics, MetricNames.CurriculumMean, scores.Select(s => s.Curriculum));
        Mean(metrics, MetricNames.RepetitionMean, scores.Select(s => s.Repetition));
        Mean(metrics, MetricNames.CoherenceMean, scores.Select(s => s.Coherence).OfType<double>());
        Mean(metrics, MetricNames.PassRate, scores.Select(s => s.PassRate).OfType<double>());
        Mean(metrics, MetricNames.Consistency, scores.Select(s => s.Consistency).OfType<double>());
        Mean(metrics, MetricNames.ProbedShare, scores.Select(s => s.PassRate is null ? 0.0 : 1));
        Mean(metrics, MetricNames.VoidShare, groups.SelectMany(g => g).Select(s => s.Void ? 1.0 : 0));
        Mean(metrics, MetricNames.ZeroVarianceShare, groups.Select(g => g.All(s => s.Advantage == 0) ? 1.0 : 0));
        metrics[MetricNames.Groups] = groups.Count;
        metrics[MetricNames.Samples] = groups.Sum(g => g.Count);
        Sampled(metrics, all, all.OfType<TasksProposed>().SelectMany(p => p.Samples));
        return metrics;
    }

    private static Dictionary<string, double> Attempts(List<object> all)
    {
        var groups = all.OfType<AttemptsScored>().Select(g => g.Scores).ToList();
        var scores = groups.SelectMany(g => g).Where(s => !s.Void).ToList();
        var metrics = new Dictionary<string, double>();
        Mean(metrics, MetricNames.RewardMean, scores.Select(s => s.Total));
        Mean(metrics, MetricNames.FormatMean, scores.Select(s => s.Format));
        Mean(metrics, MetricNames.AccuracyMean, scores.Select(s => s.Accuracy));
        Mean(metrics, MetricNames.NameMean, scores.Select(s => s.Name));
        Mean(metrics, MetricNames.KeysMean, scores.Select(s => s.Keys));
        Mean(metrics, MetricNames.ValuesMean, scores.Select(s => s.Values));
        Mean(metrics, MetricNames.ExactShare, scores.Select(s => s.Exact ? 1.0 : 0));
        var acting = scores.Select(s => s.Acting).OfType<ActingScore>().ToList();
        Mean(metrics, MetricNames.TurnsMean, acting.Select(a => (double)a.Turns));
        Mean(metrics, MetricNames.SuccessMean, acting.Select(a => a.Success));
        Mean(metrics, MetricNames.OutcomeMean, acting.Select(a => a.Outcome).OfType<double>());
        Mean(metrics, MetricNames.AnswerShare, acting.Select(a => a.Answer).OfType<bool>().Select(answered => answered ? 1.0 : 0));
        Mean(metrics, MetricNames.VoidShare, groups.SelectMany(g => g).Select(s => s.Void ? 1.0 : 0));
        Mean(metrics, MetricNames.ZeroVarianceShare, groups.Select(g => g.All(s => s.Advantage == 0) ? 1.0 : 0));
        metrics[MetricNames.Groups] = groups.Count;
        metrics[MetricNames.Samples] = groups.Sum(g => g.Count);
        Sampled(metrics, all, all.OfType<TaskAttempted>().SelectMany(a => a.Samples));
        return metrics;
    }

    /// <summary>tokensSampled: everything sampled in the step. completionTokens: mean length of the step's own completions.</summary>
    private static void Sampled(Dictionary<string, double> metrics, List<object> all, IEnumerable<Trajectory> own)
    {
        var samples = all.OfType<TasksProposed>().SelectMany(p => p.Samples).Concat(all.OfType<TaskAttempted>().SelectMany(a => a.Samples));
        metrics[MetricNames.TokensSampled] = samples.Sum(s => (double)Acting.Attempts.SampledTokens(s));
        var counted = own.Where(s => s.Finish != FinishReason.Void).ToList();
        Mean(metrics, MetricNames.CompletionTokens, counted.Select(s => (double)Acting.Attempts.SampledTokens(s)));
        Mean(metrics, MetricNames.Surprisal, counted.Where(s => s.LogProbs.Length > 0)
            .Select(s => -s.LogProbs.Sum(p => (double)p) / Acting.Attempts.SampledTokens(s)));
    }

    internal static void Mean(Dictionary<string, double> metrics, string name, IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        if (sorted.Count > 0)
            metrics[name] = sorted.Sum() / sorted.Count;
    }
}
