using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Measurement;

/// <summary>A warning about the tasks of a step: the Generator has begun to repeat itself.</summary>
/// <param name="Text">One line: what, by how much, what helps.</param>
public sealed record CollapseWarning(int Iteration, Phase Phase, int Step, string Text)
{
    public override string ToString() => FormattableString.Invariant(
        $"warning: iteration {Iteration}, {(Phase == Phase.Generator ? $"Generator step {Step + 1}" : "curriculum")}: {Text}");
}

/// <summary>
/// When a Generator's diversity has collapsed. A curriculum is compared with the run's first; the last <see cref="Window"/> Generator steps together
/// with the run's first so many. Nothing is said of fewer than <see cref="Fewest"/> tasks. It has collapsed where
/// (1) it asks less than half as many distinct questions, digits folded: of a hundred tasks of a curriculum, or of the tasks of Generator steps; or
/// (2) it offers less than half as many distinct tools: of a hundred tasks of a curriculum; or
/// (3) two questions share at least half of their 3-grams on average (<see cref="MostSimilar"/>), and at least a tenth more than at first.
/// Each iteration's Generator phase and curriculum are warned of once.
/// </summary>
public static class Collapse
{
    public const int Window = 5;

    public const int Fewest = 40;

    public const double MostSimilar = 0.5;

    private const double SimilarityRise = 0.1;

    private const string Remedy =
        "more weight on repetition (generator.reward.repetitionWeight), a higher temperature or a smaller generator.learningRate may help";

    /// <summary>The warnings of a run's finished steps, by iteration and phase. Steps that an older build finished tell nothing.</summary>
    public static IReadOnlyList<CollapseWarning> Of(IEnumerable<StepCompleted> steps)
    {
        var known = steps.Where(step => step.Metrics.GetValueOrDefault(MetricNames.WrittenTasks) > 0).ToLookup(step => step.Phase);
        return
        [
            .. Warnings([.. known[Phase.Generator]], Window).Concat(Warnings([.. known[Phase.Curriculum]], 1))
                .OrderBy(warning => warning.Iteration).ThenBy(warning => warning.Phase),
        ];
    }

    private static IEnumerable<CollapseWarning> Warnings(IReadOnlyList<StepCompleted> steps, int window)
    {
        var first = Measured.Of([.. steps.Take(window)]);
        var warned = 0;
        for (var i = window; i < steps.Count && first.Tasks >= Fewest; i++)
        {
            var last = Measured.Of([.. steps.Take(i + 1).TakeLast(window)]);
            if (steps[i].Iteration == warned || last.Tasks < Fewest || Problem(first, last) is not { } problem)
                continue;
            warned = steps[i].Iteration;
            yield return new CollapseWarning(steps[i].Iteration, steps[i].Phase, steps[i].Step, $"the Generator repeats itself: {problem}; {Remedy}");
        }
    }

    private static string? Problem(Measured first, Measured last) =>
        last.Questions < first.Questions / 2
            ? FormattableString.Invariant($"of 100 tasks {last.Questions:0} ask a question of their own (digits folded), {first.Questions:0} at first")
        : last.Tools < first.Tools / 2
            ? FormattableString.Invariant($"100 tasks offer {last.Tools:0} distinct tools, {first.Tools:0} at first")
        : last.Similarity >= MostSimilar && last.Similarity >= first.Similarity + SimilarityRise
            ? FormattableString.Invariant(
                $"two of its questions share {100 * last.Similarity:0} % of their 3-grams on average, {100 * first.Similarity:0} % at first")
        : null;

    /// <summary>Of some steps together.</summary>
    /// <param name="Questions">Distinct ones of a hundred tasks.</param>
    /// <param name="Tools">Of a hundred tasks of a curriculum; of steps, which are small and of unlike sizes, not known.</param>
    private sealed record Measured(double Tasks, double Questions, double? Tools, double Similarity)
    {
        public static Measured Of(IReadOnlyList<StepCompleted> steps)
        {
            var tasks = steps.Sum(Tasks);
            return new Measured(
                tasks,
                steps.Sum(step => Of(step, MetricNames.QuestionsOf100) * Tasks(step) ?? 100 * Of(step, MetricNames.WrittenQuestions) ?? 0) / tasks,
                steps is [{ Phase: Phase.Curriculum } curriculum] ? Of(curriculum, MetricNames.ToolsOf100) : null,
                steps.Sum(step => Tasks(step) * Of(step, MetricNames.Similarity) ?? 0) / tasks);

            static double Tasks(StepCompleted step) => step.Metrics[MetricNames.WrittenTasks];

            static double? Of(StepCompleted step, string metric) => step.Metrics.TryGetValue(metric, out var value) ? value : null;
        }
    }
}
