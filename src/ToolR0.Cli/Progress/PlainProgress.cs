using ToolR0.Contracts;
using ToolR0.Reporting;

namespace ToolR0.Cli.Progress;

/// <summary>One line per finished step, for logs and pipes.</summary>
public sealed class PlainProgress(TextWriter output) : IProgressDisplay
{
    public void Advanced(RunView view, object fact, DateTimeOffset at)
    {
        if (Line(view, fact) is { } line)
            Note(line);
    }

    public void Note(string line)
    {
        output.WriteLine(line);
        output.Flush();
    }

    private string? Line(RunView view, object fact)
    {
        switch (fact)
        {
            case RunStarted started:
                return FormattableString.Invariant(
                    $"run {started.Run}: preset {started.Options.Preset}, seed {started.Options.Seed}, {started.Options.Iterations} iterations, base {started.Base[..12]}{(started.Origin is { } origin ? $" ({origin})" : "")}");
            case StepCompleted { Phase: Phase.Generator or Phase.Solver or Phase.WarmGenerator or Phase.WarmSolver } step:
                var (_, left) = view.Estimate();
                var parts = new[]
                {
                    FormattableString.Invariant(
                        $"iteration {step.Iteration}  {step.Phase.WireName(),-9}  step {step.Step + 1 - (view.State.Phase?.First ?? 0),2}/{view.State.Phase?.Steps ?? 0}"),
                    ProgressText.Metrics(step),
                    view.TokensPerSecond() is { } rate ? FormattableString.Invariant($"{rate:0} tokens/s") : "",
                    left is { } rest && rest > TimeSpan.Zero ? $"about {Durations.Text(rest)} left" : "",
                };
                return string.Join("  ", parts.Where(part => part.Length > 0));
            case WarmStartSelected kept:
                return FormattableString.Invariant(
                    $"warm start, round {kept.Round + 1}  {kept.Role.WireName()}  {kept.Kept.Count} examples from {kept.Samples} samples");
            case CurriculumSelected selected:
                return FormattableString.Invariant(
                    $"iteration {selected.Iteration}  curriculum  {selected.Tasks.Count} tasks of {selected.Candidates} candidates");
            case StepCompleted { Phase: Phase.Curriculum } step when ProgressText.Metrics(step) is { Length: > 0 } written:
                return FormattableString.Invariant($"iteration {step.Iteration}  curriculum  {written}");
            case EvaluationCompleted evaluation:
                return FormattableString.Invariant(
                    $"iteration {evaluation.Iteration}  held-out {evaluation.Set}: {100 * evaluation.Accuracy:0.0} % exact of {evaluation.Items} items");
            case RunPaused:
                return "paused";
            case RunResumed:
                return "resumed";
            case RunCancelled cancelled:
                return $"cancelled: {cancelled.Reason}";
            default:
                return null;
        }
    }
}
