using System.Collections.Immutable;
using ToolR0.Contracts;
using ToolR0.EventStore;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Options;

namespace ToolR0.Coordinator.Loop;

/// <summary>Go on from where the run stands: after an append, a resumption or a restart.</summary>
public sealed record Continue;

/// <summary>What <see cref="Decision.Read"/> asked for.</summary>
public sealed record StepRead(Facts Facts);

/// <summary>What a decision needs of the store.</summary>
/// <param name="Places">Up to where each stream is needed; or the facts, one by one.</param>
/// <param name="Exactly">The facts at these places and nothing beside them: they may stand among large ones.</param>
public sealed record StepReads(IReadOnlyList<StreamPlace> Places, bool Exactly)
{
    public static StepReads None { get; } = new([], false);

    public static StepReads Streams(IEnumerable<StreamPlace> upTo) => new([.. upTo], false);

    public static StepReads Facts(IEnumerable<StreamPlace> at) => new([.. at], true);
}

/// <summary>What follows. At most one of events, commands and read is there.</summary>
/// <param name="State">The state, without <paramref name="Events"/>: those count once they are stored.</param>
/// <param name="Events">To append to the run's stream.</param>
/// <param name="TaskFacts">To append to other streams in the same transaction.</param>
/// <param name="Commands">To send.</param>
/// <param name="Read">What to read before the next decision, which takes a <see cref="StepRead"/>.</param>
public sealed record Decision(
    RunInFlight State, IReadOnlyList<object> Events, IReadOnlyList<FactAppend> TaskFacts, IReadOnlyList<IShardCommand> Commands, StepReads? Read)
{
    public static Decision Nothing(RunInFlight state) => new(state, [], [], [], null);

    public static Decision Append(RunInFlight state, params IReadOnlyList<object> events) => new(state, events, [], [], null);
}

/// <summary>
/// Decides what a run does next. Pure: no clock (time arrives with the message), no I/O, no random source. Facts that come twice, late or for another
/// step change nothing. A stage is over when every shard of it has answered; the next is planned from stored facts alone.
/// </summary>
public static class RunDecider
{
    /// <param name="message">A command about the run, <see cref="FactsStored"/>, <see cref="ShardFailed"/>, <see cref="Continue"/> or
    /// <see cref="StepRead"/>.</param>
    public static Decision Decide(RunInFlight run, object message, DateTimeOffset now) => message switch
    {
        StartRun start => run.State.Status == RunStatus.NotStarted ? Start(run, start) : Decision.Nothing(run),
        _ when run.State.Status == RunStatus.NotStarted => Decision.Nothing(run),
        ResumeRun when run.State.Status == RunStatus.Paused || run.State.IsResumable => Decision.Append(run, new RunResumed(run.Run)),
        _ when run.State.IsOver => Decision.Nothing(run),
        CancelRun cancel => Decision.Append(run, new RunCancelled(run.Run, cancel.Reason)),
        PauseRun when run.State.Status == RunStatus.Running => Decision.Append(run, new RunPaused(run.Run)),
        ShardFailed failed when IsOutstanding(run, failed.Shard) => Decision.Append(run, new RunFailed(run.Run, $"{failed.Shard}: {failed.Reason}")),
        FactsStored stored when IsOutstanding(run, stored.Shard) => Answered(run, stored),
        Continue => Advance(run),
        StepRead read when run is { State.Status: RunStatus.Running, Step: { Outstanding.IsEmpty: true } step } => Plan(run, step, read.Facts, now),
        _ => Decision.Nothing(run),
    };

    private static Decision Start(RunInFlight run, StartRun start)
    {
        var version = typeof(RunDecider).Assembly.GetName().Version?.ToString(3) ?? "0";
        var started = new RunStarted(start.Run, start.Options, start.Base, start.HeldOut, version, start.Origin);
        var problems = new RunOptionsValidator().Validate(start.Options).Errors;
        if (problems.Count > 0)
            return Decision.Append(run, started,
                new RunFailed(start.Run, string.Join("; ", problems.Select(problem => problem.ErrorMessage)), FailureCause.Options));
        return Decision.Append(run, [started, .. Schedule.Next(run.Apply(started, default))]);
    }

    private static Decision Answered(RunInFlight run, FactsStored stored)
    {
        var step = run.Step!;
        return Advance(run with
        {
            Step = step with
            {
                Outstanding = step.Outstanding.Remove(stored.Shard),
                Model = stored.ModelEnded > stored.ModelStarted ? step.Model.Add(new ModelInterval(stored.ModelStarted, stored.ModelEnded))
                    : step.Model,
            },
        });
    }

    private static Decision Advance(RunInFlight run)
    {
        if (run is { State.Status: RunStatus.Running, Step: null })
            return Decision.Append(run, StepEnd.Next(run));
        if (run is not { State.Status: RunStatus.Running, Step: { Outstanding.IsEmpty: true } step })
            return Decision.Nothing(run);
        var reads = StepPlan.Next(run, step) is var (stage, _) ? StepPlan.Reads(run, step, stage) : StepEnd.Reads(run, step);
        return reads.Places.Count > 0 ? Decision.Nothing(run) with { Read = reads } : Plan(run, step, Facts.None, default);
    }

    private static Decision Plan(RunInFlight run, StepProgress step, Facts facts, DateTimeOffset now)
    {
        if (StepPlan.Next(run, step) is not var (stage, turn))
            return StepEnd.Decide(run, step, facts, now);

        var plan = StepPlan.Commands(run, step, stage, turn, facts);
        var next = run with
        {
            Step = step with
            {
                Stage = stage,
                Turn = turn,
                Outstanding = plan.Commands.ToImmutableDictionary(command => command.Shard, command => command, StringComparer.Ordinal),
                Asked = plan.Asked is null ? step.Asked : [.. plan.Asked],
            },
        };
        return plan.Commands.Count > 0 ? Decision.Nothing(next) with { Commands = plan.Commands } : Advance(next);
    }

    private static bool IsOutstanding(RunInFlight run, string shard) => run.Step?.Outstanding.ContainsKey(shard) == true;
}
