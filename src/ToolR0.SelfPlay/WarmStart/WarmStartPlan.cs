using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.WarmStart;

/// <summary>
/// The warm start's order and the order of its fits. A round: the Generator is sampled, fitted to what was kept; the Solver is sampled on those
/// tasks, and fitted to its right answers and to variants. Pure, and shared by the coordinator, the learner and the audit.
/// </summary>
public static class WarmStartPlan
{
    /// <summary>The warm start's phase after another one; null where the warm start is over, or does not take place.</summary>
    /// <param name="phase">The last one; null or the base model's evaluation before the first.</param>
    /// <param name="rounds">Rounds in which the Solver's answers were looked at.</param>
    public static Phase? Next(Phase? phase, int rounds, RunOptions options) => phase switch
    {
        null or Phase.Evaluation when options.WarmStart.Rounds > 0 => Phase.WarmProposals,
        Phase.WarmProposals => Phase.WarmGenerator,
        Phase.WarmGenerator => Phase.WarmAttempts,
        Phase.WarmAttempts => Phase.WarmSolver,
        Phase.WarmSolver when rounds < options.WarmStart.Rounds => Phase.WarmProposals,
        _ => null,
    };

    /// <summary>Batches of a fit: what is kept, over and over for the epochs, cut without regard to where one begins.</summary>
    public static int Batches(int kept, FitOptions fit) => (int)(((long)kept * fit.Epochs + fit.Batch - 1) / fit.Batch);

    /// <summary>Steps of a fit.</summary>
    public static int Steps(WarmStartSelected selected, WarmStartOptions options) =>
        (Batches(selected.Kept.Count, FitOf(selected.Role, options)) + options.BatchesPerStep - 1) / options.BatchesPerStep;

    /// <summary>What a step of a fit learns from, in order: each epoch in a drawn order of its own.</summary>
    /// <param name="step">From 0 in this fit.</param>
    public static FitPlan Step(WarmStartSelected selected, int step, RunOptions options)
    {
        var fit = FitOf(selected.Role, options.WarmStart);
        var perStep = options.WarmStart.BatchesPerStep;
        var all = Enumerable.Range(0, fit.Epochs).SelectMany(epoch => Enumerable.Range(0, selected.Kept.Count)
            .OrderBy(i => Seeds.Derive(options.Seed, $"0/fit/{selected.Role.WireName()}/{selected.Round}/{epoch}/{i}")));
        return new FitPlan(
            [.. all.Skip(step * perStep * fit.Batch).Take(perStep * fit.Batch).Select(i => selected.Kept[i])],
            step * perStep,
            Batches(selected.Kept.Count, fit));
    }

    /// <summary>Rises over the first share of the batches, then falls to 0 in a straight line.</summary>
    /// <param name="batch">From 0, of <paramref name="batches"/>.</param>
    public static double LearningRate(FitOptions fit, int batch, int batches)
    {
        var rising = Math.Max(1, (int)Math.Round(fit.Warmup * batches));
        return fit.LearningRate * (batch < rising ? (batch + 1.0) / rising : 1 - (double)(batch - rising) / Math.Max(1, batches - rising));
    }

    public static FitOptions FitOf(Role role, WarmStartOptions options) => role == Role.Generator ? options.Generator.Fit : options.Solver.Fit;
}
