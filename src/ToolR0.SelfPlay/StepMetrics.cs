using ToolR0.Contracts;

namespace ToolR0.SelfPlay;

/// <summary>
/// Folds the stored facts of one step to the metrics of <see cref="StepCompleted"/>. The order in which facts are given does not matter: sums are
/// taken over sorted values, so that a coordinator and an audit agree to the last bit. Void samples are left out of all means.
/// </summary>
public static class StepMetrics
{
    /// <summary>
    /// A training step, from its groups' facts (and the probes' in a Generator step) and the update. Both roles: rewardMean, formatMean, voidShare,
    /// zeroVarianceShare, groups, samples, tokens (all that was sampled), completionTokens (mean length), and the learner's own metrics. Generator:
    /// validityMean, difficultyMean, curriculumMean, repetitionMean, coherenceMean (when judged), passRate and consistency (over probed proposals),
    /// probedShare. Solver: accuracyMean, nameMean, keysMean, valuesMean, exactShare.
    /// </summary>
    public static Dictionary<string, double> OfTraining(IEnumerable<object> facts, PolicyUpdated updated)
    {
        var all = facts.ToList();
        var metrics = updated.Role == Role.Generator ? Proposals(all) : Attempts(all);
        foreach (var (name, value) in updated.Metrics)
            metrics.TryAdd(name, value);
        return metrics;
    }

    /// <summary>
    /// candidates, selected, rejected, easyShare, mediumShare, hardShare, passRate (of the selected), nameAgreement and callAgreement (of all
    /// verified), rejected.{reason} per reason.
    /// </summary>
    public static Dictionary<string, double> OfCurriculum(CurriculumSelected selected, CurriculumSelection selection)
    {
        var metrics = new Dictionary<string, double>
        {
            ["candidates"] = selected.Candidates,
            ["selected"] = selected.Tasks.Count,
            ["rejected"] = selected.Rejected.Values.Sum(),
        };
        Mean(metrics, "easyShare", selected.Tasks.Select(t => t.Label == CurriculumBuilder.Easy ? 1.0 : 0));
        Mean(metrics, "mediumShare", selected.Tasks.Select(t => t.Label == CurriculumBuilder.Medium ? 1.0 : 0));
        Mean(metrics, "hardShare", selected.Tasks.Select(t => t.Label == CurriculumBuilder.Hard ? 1.0 : 0));
        Mean(metrics, "passRate", selected.Tasks.Select(t => t.PassRate));
        if (selection.NameAgreement is { } names)
            metrics["nameAgreement"] = names;
        if (selection.CallAgreement is { } calls)
            metrics["callAgreement"] = calls;
        foreach (var (reason, count) in selected.Rejected)
            metrics[$"rejected.{reason}"] = count;
        return metrics;
    }

    /// <summary>accuracy and items.</summary>
    public static Dictionary<string, double> OfEvaluation(EvaluationCompleted evaluated) =>
        new() { ["accuracy"] = evaluated.Accuracy, ["items"] = evaluated.Items };

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
        Mean(metrics, "rewardMean", scores.Select(s => s.Total));
        Mean(metrics, "formatMean", scores.Select(s => s.Format));
        Mean(metrics, "validityMean", scores.Select(s => s.Validity));
        Mean(metrics, "difficultyMean", scores.Select(s => s.Difficulty));
        Mean(metrics, "curriculumMean", scores.Select(s => s.Curriculum));
        Mean(metrics, "repetitionMean", scores.Select(s => s.Repetition));
        Mean(metrics, "coherenceMean", scores.Select(s => s.Coherence).OfType<double>());
        Mean(metrics, "passRate", scores.Select(s => s.PassRate).OfType<double>());
        Mean(metrics, "consistency", scores.Select(s => s.Consistency).OfType<double>());
        Mean(metrics, "probedShare", scores.Select(s => s.PassRate is null ? 0.0 : 1));
        Mean(metrics, "voidShare", groups.SelectMany(g => g).Select(s => s.Void ? 1.0 : 0));
        Mean(metrics, "zeroVarianceShare", groups.Select(g => g.All(s => s.Advantage == 0) ? 1.0 : 0));
        metrics["groups"] = groups.Count;
        metrics["samples"] = groups.Sum(g => g.Count);
        Sampled(metrics, all, all.OfType<TasksProposed>().SelectMany(p => p.Samples));
        return metrics;
    }

    private static Dictionary<string, double> Attempts(List<object> all)
    {
        var groups = all.OfType<AttemptsScored>().Select(g => g.Scores).ToList();
        var scores = groups.SelectMany(g => g).Where(s => !s.Void).ToList();
        var metrics = new Dictionary<string, double>();
        Mean(metrics, "rewardMean", scores.Select(s => s.Total));
        Mean(metrics, "formatMean", scores.Select(s => s.Format));
        Mean(metrics, "accuracyMean", scores.Select(s => s.Accuracy));
        Mean(metrics, "nameMean", scores.Select(s => s.Name));
        Mean(metrics, "keysMean", scores.Select(s => s.Keys));
        Mean(metrics, "valuesMean", scores.Select(s => s.Values));
        Mean(metrics, "exactShare", scores.Select(s => s.Exact ? 1.0 : 0));
        Mean(metrics, "voidShare", groups.SelectMany(g => g).Select(s => s.Void ? 1.0 : 0));
        Mean(metrics, "zeroVarianceShare", groups.Select(g => g.All(s => s.Advantage == 0) ? 1.0 : 0));
        metrics["groups"] = groups.Count;
        metrics["samples"] = groups.Sum(g => g.Count);
        Sampled(metrics, all, all.OfType<TaskAttempted>().SelectMany(a => a.Samples));
        return metrics;
    }

    /// <summary>tokens: everything sampled in the step. completionTokens: mean length of the step's own completions.</summary>
    private static void Sampled(Dictionary<string, double> metrics, List<object> all, IEnumerable<Trajectory> own)
    {
        var samples = all.OfType<TasksProposed>().SelectMany(p => p.Samples).Concat(all.OfType<TaskAttempted>().SelectMany(a => a.Samples));
        metrics["tokens"] = samples.Sum(s => (double)s.Tokens.Length);
        Mean(metrics, "completionTokens", own.Where(s => s.Finish != FinishReason.Void).Select(s => (double)s.Tokens.Length));
    }

    private static void Mean(Dictionary<string, double> metrics, string name, IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        if (sorted.Count > 0)
            metrics[name] = sorted.Sum() / sorted.Count;
    }
}
