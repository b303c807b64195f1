using ToolR0.Contracts;
using ToolR0.EventStore;

namespace ToolR0.Reporting;

/// <summary>What a run's events say about it: everything the report, the summary and the closing table show.</summary>
public sealed record RunReport
{
    /// <summary>The fold of its own stream.</summary>
    public required RunState State { get; init; }
    public required string ProductVersion { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required long Events { get; init; }

    /// <summary>Tokens sampled in finished steps, for whatever purpose.</summary>
    public long Tokens => (long)Steps.Sum(step => step.Metrics.GetValueOrDefault(MetricNames.TokensSampled));

    /// <summary>Seconds from the first event of its stream to the last, pauses left out.</summary>
    public required double WallSeconds { get; init; }
    public IReadOnlyList<TaskExample> TaskExamples { get; init; } = [];
    public IReadOnlyList<AnswerExample> AnswerExamples { get; init; } = [];

    /// <summary>One per held-out set that was measured before and after.</summary>
    public IReadOnlyList<Failures> Failures { get; init; } = [];
    public IReadOnlyList<RejectedExample> RejectedExamples { get; init; } = [];

    /// <summary>Finished steps of all phases, in order.</summary>
    public IReadOnlyList<StepCompleted> Steps => State.CompletedSteps;

    /// <summary>Seconds in which at least one policy was computing, as the workers told (<see cref="MetricNames.ModelSeconds"/>).</summary>
    public double ModelSeconds => Steps.Sum(step => step.Metrics.GetValueOrDefault(MetricNames.ModelSeconds));

    /// <summary>Share of wall time in which no policy was computing, in [0, 1].</summary>
    public double OutsideModelShare => WallSeconds <= 0 ? 0 : Math.Clamp(1 - (ModelSeconds / WallSeconds), 0, 1);
}

/// <summary>A task that the Generator wrote and the curriculum took.</summary>
public sealed record TaskExample(int Iteration, string Domain, string Label, double PassRate, ToolTask Task);

/// <summary>One answer to a held-out item.</summary>
/// <param name="Error">One of <see cref="ErrorClasses"/>, null where it is exact.</param>
public sealed record Answer(string Text, string? Error)
{
    public bool Exact => Error is null;
}

/// <summary>A held-out item as the base model and the last Solver answered it.</summary>
public sealed record AnswerExample(string Set, HeldOutItem Item, Answer Before, Answer After);
