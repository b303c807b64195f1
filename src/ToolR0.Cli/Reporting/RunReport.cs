using ToolR0.Contracts;
using ToolR0.EventStore;

namespace ToolR0.Cli.Reporting;

/// <summary>What a run's events say about it: everything the report, the summary and the closing table show.</summary>
public sealed record RunReport
{
    public required string Run { get; init; }
    public required RunOptions Options { get; init; }

    /// <summary>SHA-256 of the base model.</summary>
    public required string Base { get; init; }
    public required string ProductVersion { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Time of the last event.</summary>
    public required DateTimeOffset EndedAt { get; init; }
    public required RunStatus Status { get; init; }

    /// <summary>Why it failed or was cancelled.</summary>
    public string? Reason { get; init; }
    public required long Events { get; init; }
    public required IReadOnlyList<HeldOutSet> HeldOut { get; init; }
    public required IReadOnlyList<StepReport> Steps { get; init; }
    public required IReadOnlyList<CurriculumSelected> Curricula { get; init; }
    public required IReadOnlyList<EvaluationCompleted> Evaluations { get; init; }

    /// <summary>SHA-256 of the latest policy of each role.</summary>
    public required IReadOnlyDictionary<Role, string> Policies { get; init; }

    /// <summary>Seconds from the first event to the last, pauses left out.</summary>
    public required double WallSeconds { get; init; }

    /// <summary>Seconds in which at least one policy was computing.</summary>
    public required double ModelSeconds { get; init; }
    public required long Tokens { get; init; }
    public IReadOnlyList<TaskExample> TaskExamples { get; init; } = [];
    public IReadOnlyList<AnswerExample> AnswerExamples { get; init; } = [];

    /// <summary>Share of wall time in which no policy was computing, in [0, 1].</summary>
    public double OutsideModelShare => WallSeconds <= 0 ? 0 : Math.Clamp(1 - (ModelSeconds / WallSeconds), 0, 1);

    /// <summary>Accuracy of a set by iteration, base first; an iteration not measured yet ends the list.</summary>
    public IReadOnlyList<double> AccuracyOf(string set) =>
        [.. Evaluations.Where(e => e.Set == set).OrderBy(e => e.Iteration).Select(e => e.Accuracy)];
}

/// <summary>One finished step: means over its samples that count.</summary>
/// <param name="Components">Reward by component, in the order in which a chart shows them; empty for steps that score nothing.</param>
/// <param name="PassRate">Mean p̂ over the proposals that were probed.</param>
/// <param name="ZeroVarianceShare">Share of groups whose rewards are all equal: nothing is learned from them.</param>
/// <param name="Learning">loss, gradientNorm, entropy, … of the step's update.</param>
public sealed record StepReport(
    int Iteration,
    Phase Phase,
    int Step,
    IReadOnlyDictionary<string, double> Components,
    double? PassRate,
    double? ZeroVarianceShare,
    IReadOnlyDictionary<string, double> Learning,
    long Tokens,
    double WallSeconds,
    double ModelSeconds);

/// <summary>A task that the Generator wrote and the curriculum took.</summary>
public sealed record TaskExample(int Iteration, string Domain, string Label, double PassRate, ToolTask Task);

/// <summary>One answer to a held-out item.</summary>
public sealed record Answer(string Text, bool Exact);

/// <summary>A held-out item as the base model and the last Solver answered it.</summary>
public sealed record AnswerExample(string Set, HeldOutItem Item, Answer Before, Answer After);
