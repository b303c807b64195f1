using ToolR0.Contracts;
using ToolR0.Reporting;

namespace ToolR0.Cli.Progress;

/// <summary>Shows a run while it goes on.</summary>
public interface IProgressDisplay
{
    /// <summary>Called after each new fact of the run's stream.</summary>
    void Advanced(RunView view, object fact, DateTimeOffset at);

    /// <summary>A line about something beside the run's course.</summary>
    void Note(string line);
}

/// <summary>Words of progress that both displays share.</summary>
internal static class ProgressText
{
    /// <summary>The metrics worth a line, by phase, in order: metric name and what it is called.</summary>
    private static readonly IReadOnlyDictionary<Phase, (string Metric, string Label)[]> Shown = new Dictionary<Phase, (string, string)[]>
    {
        [Phase.Generator] =
            [(MetricNames.RewardMean, "reward"), (MetricNames.FormatMean, "format"), (MetricNames.ValidityMean, "validity"),
                (MetricNames.DifficultyMean, "difficulty"), (MetricNames.PassRate, "pass rate"), (MetricNames.NearDuplicateShare, "alike")],
        [Phase.Curriculum] = [(MetricNames.WrittenQuestions, "questions"), (MetricNames.WrittenTools, "tools"),
            (MetricNames.Similarity, "similarity"), (MetricNames.NearDuplicateShare, "alike")],
        [Phase.WarmGenerator] = [(MetricNames.Loss, "loss")],
        [Phase.WarmSolver] = [(MetricNames.Loss, "loss")],
        [Phase.Solver] = [(MetricNames.RewardMean, "reward"), (MetricNames.FormatMean, "format"), (MetricNames.AccuracyMean, "accuracy"),
            (MetricNames.ExactShare, "exact")],
    };

    public static string Metrics(StepCompleted step) =>
        string.Join("  ", Shown.GetValueOrDefault(step.Phase, []).Where(m => step.Metrics.ContainsKey(m.Metric))
            .Select(m => FormattableString.Invariant($"{m.Label} {step.Metrics[m.Metric]:0.00}")));
}
