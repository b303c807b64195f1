using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Specs;
using ToolR0.SelfPlay.WarmStart;

namespace ToolR0.Coordinator.Loop;

/// <summary>
/// The order of a run: evaluation of the base model, the warm start where the options have one, then per iteration the Generator's phase (unless it
/// stays frozen), the curriculum, the Solver's phase and the evaluation. Evaluations are skipped when there is no held-out set, and where <see
/// cref="EvaluationOptions.Every"/> has none.
/// </summary>
public static class Schedule
{
    /// <summary>The facts that open what comes next, for a run with no step under way: one of a step, a phase with its first step, an iteration, the
    /// end.</summary>
    public static IReadOnlyList<object> Next(RunInFlight run)
    {
        var state = run.State;
        if (state.Phase is { } phase && !state.PhaseDone)
            return [Step(run, phase.Phase, phase.First + state.StepsDone)];
        if (state.Iteration == 0 && (state.Phase is not null || state.HeldOut.Count == 0)
            && WarmStartPlan.Next(state.Phase?.Phase, state.WarmStarts.Count(s => s.Role == Role.Solver), run.Options) is { } warm)
            return Phase(run, warm);
        return state.Phase?.Phase switch
        {
            null when state.Iteration == 0 && state.HeldOut.Count > 0 => Phase(run, Contracts.Phase.Evaluation),
            Contracts.Phase.Generator => Phase(run, Contracts.Phase.Curriculum),
            Contracts.Phase.Curriculum => Phase(run, Contracts.Phase.Solver),
            Contracts.Phase.Solver when state.HeldOut.Count > 0 && run.Options.Evaluation.IsDue(state.Iteration, run.Options.Iterations) =>
                Phase(run, Contracts.Phase.Evaluation),
            _ when state.Iteration >= run.Options.Iterations =>
                [new RunCompleted(run.Run, state.Policies[Role.Generator], state.Policies[Role.Solver])],
            _ => Iteration(run),
        };
    }

    private static IReadOnlyList<object> Iteration(RunInFlight run)
    {
        var started = new IterationStarted(run.Run, run.State.Iteration + 1, run.State.Policies[Role.Generator], run.State.Policies[Role.Solver]);
        var first = run.Options.Generator.Train ? Contracts.Phase.Generator : Contracts.Phase.Curriculum;
        return [started, .. Phase(run.Apply(started, default), first)];
    }

    private static IReadOnlyList<object> Phase(RunInFlight run, Phase phase)
    {
        var steps = phase switch
        {
            Contracts.Phase.Generator => run.Options.Generator.Steps,
            Contracts.Phase.Curriculum or Contracts.Phase.WarmProposals or Contracts.Phase.WarmAttempts => 1,
            Contracts.Phase.Solver => run.Options.Solver.Steps,
            Contracts.Phase.WarmGenerator or Contracts.Phase.WarmSolver => WarmStartPlan.Steps(Kept(run, phase.Fits()!.Value), run.Options.WarmStart),
            _ => run.State.HeldOut.Count,
        };
        // The warm start's phases come once a round, all of them in iteration 0: their steps are numbered on.
        var first = run.State.Iteration > 0 || phase == Contracts.Phase.Evaluation ? 0
            : run.State.CompletedSteps.Count(done => done.Phase == phase);
        var started = new PhaseStarted(run.Run, run.State.Iteration, phase, steps, first);
        return [started, Step(run.Apply(started, default), phase, first)];
    }

    private static StepStarted Step(RunInFlight run, Phase phase, int step) => new(
        run.Run,
        run.State.Iteration,
        phase,
        step,
        phase is Contracts.Phase.Generator or Contracts.Phase.Curriculum or Contracts.Phase.WarmProposals
            ? SpecSampler.ForStep(run.Options, run.State.Iteration, phase, step) : [],
        phase switch
        {
            Contracts.Phase.Solver =>
                [.. TrainingOrder.Positions(run.Curriculum.Count, run.State.Phase!.Steps, run.Options.Solver.PromptsPerStep, step)
                .Select(p => run.Curriculum[p].Task)],
            Contracts.Phase.Evaluation => Items(run, run.State.HeldOut[step]),
            Contracts.Phase.WarmAttempts => Kept(run, Role.Generator).Kept,
            Contracts.Phase.WarmGenerator or Contracts.Phase.WarmSolver =>
                WarmStartPlan.Step(Kept(run, phase.Fits()!.Value), step - run.State.Phase!.First, run.Options).Examples,
            _ => [],
        },
        new Dictionary<Role, string>(run.State.Policies));

    /// <summary>What the warm start kept last for a role.</summary>
    private static WarmStartSelected Kept(RunInFlight run, Role role) => run.State.WarmStarts.FindLast(selected => selected.Role == role)!;

    private static IReadOnlyList<TaskRef> Items(RunInFlight run, HeldOutSet set)
    {
        var limit = run.Options.Evaluation.Limit;
        var stream = Ids.HeldOutStream(set.Sha256);
        return [.. Enumerable.Range(0, limit > 0 ? Math.Min(limit, set.Count) : set.Count).Select(i => new TaskRef(stream, i))];
    }
}
