using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.WarmStart;

namespace ToolR0.Coordinator.Loop;

/// <summary>The warm start's steps: what is read, what is planned and how they end.</summary>
public static class WarmStartStep
{
    /// <summary>The rounds so far, over facts that were read.</summary>
    public static WarmRounds Rounds(RunInFlight run, Facts facts) => new(run.Run, run.Options, run.State.WarmStarts, (stream, type) =>
        facts.Of(stream).FirstOrDefault(type.IsInstanceOfType) ?? throw new InvalidOperationException($"{stream} holds no {type.Name} yet"));

    /// <summary>What all proposals so far were judged.</summary>
    public static StepReads ProposalReads(RunInFlight run, StepProgress step) => StepReads.Facts(
        WarmRounds.ProposalStreams(run.Run, step.Started.Step, run.Options).Select(StreamLayout.PlaceOf<ProposalsGated>));

    /// <summary>What all answers so far were scored, and what their tasks were judged.</summary>
    public static StepReads AttemptReads(RunInFlight run, StepProgress step)
    {
        var rounds = Rounds(run, Facts.None);
        return StepReads.Facts(
        [
            .. rounds.AttemptStreams(step.Started.Step).Select(StreamLayout.PlaceOf<AttemptsScored>),
            .. rounds.TaskStreams(step.Started.Step).Select(StreamLayout.PlaceOf<ProposalsGated>),
        ]);
    }

    /// <summary>The same with this round's answers and variants themselves.</summary>
    public static StepReads EndReads(RunInFlight run, StepProgress step) => StepReads.Facts(
    [
        .. AttemptReads(run, step).Places,
        .. StepPlan.Streams(run, step).Select(StreamLayout.PlaceOf<TaskAttempted>),
        .. Enumerable.Range(0, run.Options.Variation.Variants == 0 ? 0 : run.Options.WarmStart.Solver.Keep)
            .Select(n => StreamLayout.First(WarmRounds.VariantStream(run.Run, step.Started.Step, n))),
    ]);

    /// <summary>This step's share of the fit.</summary>
    public static FitPlan Fit(RunInFlight run, StepProgress step) => WarmStartPlan.Step(
        run.State.WarmStarts.FindLast(selected => selected.Role == step.Started.Phase.Fits())!,
        step.Started.Step - run.State.Phase!.First,
        run.Options);

    /// <summary>Why the run cannot go on when a round kept nothing for a role.</summary>
    public static string WhyEmpty(WarmStartSelected selected)
    {
        var reasons = string.Join(", ", selected.Dropped.OrderByDescending(reason => reason.Value).Select(reason => $"{reason.Key} {reason.Value}"));
        var what = selected.Role == Role.Generator ? "proposals" : "answers";
        return $"the warm start kept none of {selected.Samples} {what} ({reasons}); the same ones would give none again, so start another run with "
            + "more samples, more demonstrations or another base";
    }
}
