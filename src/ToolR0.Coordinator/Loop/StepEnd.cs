using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Measurement;

namespace ToolR0.Coordinator.Loop;

/// <summary>What ends a step: its metrics, what it found out, and the facts that open what comes next, in one append.</summary>
public static class StepEnd
{
    /// <summary>What must be read before a step can be ended: what its groups ended with, or of a curriculum the small facts.</summary>
    public static StepReads Reads(RunInFlight run, StepProgress step) => step.Started.Phase switch
    {
        Phase.Curriculum => StepReads.Facts(
            [.. CurriculumStep.Filtered(run, step), .. CurriculumStep.Rated(step), .. CurriculumStep.Labels(run, step)]),
        Phase.WarmProposals => WarmStartStep.ProposalReads(run, step),
        Phase.WarmAttempts => WarmStartStep.EndReads(run, step),
        Phase.WarmGenerator or Phase.WarmSolver => StepReads.Streams([StreamLayout.Last(PolicyStream(step))]),
        Phase.Evaluation => StepReads.Streams(StepPlan.Streams(run, step).Select(StreamLayout.Last).Append(StreamLayout.First(HeldOutOf(run, step)))),
        _ => StepReads.Streams(StepPlan.Streams(run, step).Concat(Asked(run, step)).Append(PolicyStream(step)).Select(StreamLayout.Last)),
    };

    public static Decision Decide(RunInFlight run, StepProgress step, Facts facts, DateTimeOffset now)
    {
        var s = step.Started;
        var found = new List<object>();
        IReadOnlyList<FactAppend> outcomes = [];
        string? policy = null;
        Dictionary<string, double> metrics;
        switch (s.Phase)
        {
            case Phase.Curriculum:
                var curriculum = CurriculumStep.Select(run, step, facts);
                outcomes = curriculum.Outcomes;
                found.Add(curriculum.Selected);
                metrics = StepMetrics.OfCurriculum(curriculum.Selected, curriculum.Selection, curriculum.Verdicts, curriculum.Rated,
                    run.Options.Specs.KnownTools);
                break;
            case Phase.Evaluation:
                var evaluated = Evaluated(run, step, facts);
                found.Add(evaluated);
                var streams = StepPlan.Streams(run, step);
                metrics = StepMetrics.OfEvaluation(
                    evaluated,
                    streams.Select(stream => Attempts.Of(facts.Of(stream))!.Attempted),
                    streams.Select(stream => facts.One<AttemptsScored>(stream).Scores[0]));
                break;
            case Phase.WarmProposals:
                var proposals = WarmStartStep.Rounds(run, facts).SelectProposals(s.Step);
                found.Add(proposals);
                metrics = StepMetrics.OfWarmProposals(proposals, StepPlan.Streams(run, step).Select(facts.One<ProposalsGated>));
                break;
            case Phase.WarmAttempts:
                var attempts = WarmStartStep.Rounds(run, facts).SelectAttempts(s.Step);
                found.Add(attempts);
                metrics = StepMetrics.OfWarmAttempts(
                    attempts, StepPlan.Streams(run, step).SelectMany(stream => facts.Of(stream).Select(fact => (stream, fact))));
                break;
            case Phase.WarmGenerator or Phase.WarmSolver:
                var fitted = facts.One<PolicyUpdated>(PolicyStream(step));
                policy = fitted.Policy;
                metrics = new Dictionary<string, double>(fitted.Metrics);
                break;
            default:
                var updated = facts.One<PolicyUpdated>(PolicyStream(step));
                policy = updated.Policy;
                metrics = StepMetrics.OfTraining(
                    StepPlan.Streams(run, step).Concat(Asked(run, step)).SelectMany(stream => facts.Of(stream).Select(fact => (stream, fact))),
                    updated,
                        run.Options.Specs.KnownTools);
                break;
        }

        metrics[MetricNames.WallSeconds] = Math.Max(0, (now - step.At - step.Paused).TotalSeconds);
        metrics[MetricNames.ModelSeconds] = UnionSeconds(step.Model);
        var completed = new StepCompleted(s.Run, s.Iteration, s.Phase, s.Step, policy, metrics);
        var after = found.Append(completed).Aggregate(run, (progress, fact) => progress.Apply(fact, now));
        return Decision.Append(run, [.. found, completed, .. Next(after)]) with { TaskFacts = outcomes };
    }

    /// <summary>Length of the union of the intervals in seconds: computations side by side count once.</summary>
    public static double UnionSeconds(IEnumerable<ModelInterval> intervals)
    {
        var (total, end) = (TimeSpan.Zero, DateTimeOffset.MinValue);
        foreach (var interval in intervals.OrderBy(interval => interval.Started))
        {
            var start = interval.Started > end ? interval.Started : end;
            if (interval.Ended <= start)
                continue;
            total += interval.Ended - start;
            end = interval.Ended;
        }

        return total.TotalSeconds;
    }

    /// <summary>The facts that open what comes next, for a run with no step under way. Without a curriculum it cannot go on.</summary>
    public static IReadOnlyList<object> Next(RunInFlight run)
    {
        if (run.State.Phase?.Phase is Phase.WarmProposals or Phase.WarmAttempts && run.State.WarmStarts[^1] is { Kept.Count: 0 } nothing)
            return [new RunFailed(run.Run, WarmStartStep.WhyEmpty(nothing), FailureCause.EmptyWarmStart)];
        if (run.State.Phase?.Phase != Phase.Curriculum || run.Curriculum.Count > 0)
            return Schedule.Next(run);
        var curriculum = run.State.Curricula[run.State.Iteration];
        var reasons = string.Join(", ", curriculum.Rejected.OrderByDescending(reason => reason.Value)
            .Select(reason => $"{reason.Key} {reason.Value}"));
        var why = $"the curriculum of iteration {curriculum.Iteration} is empty: of {curriculum.Candidates} candidates none was selected ({reasons})";
        return [new RunFailed(run.Run, $"{why}; the same candidates would give none again, so start another run with other options",
            FailureCause.EmptyCurriculum)];
    }

    private static EvaluationCompleted Evaluated(RunInFlight run, StepProgress step, Facts facts)
    {
        var s = step.Started;
        var set = run.State.HeldOut[s.Step];
        var items = facts.Of(HeldOutOf(run, step)).OfType<HeldOutRegistered>().SelectMany(part => part.Items).ToList();
        var answers = StepPlan.Streams(run, step).Select((stream, n) => (items[s.Tasks[n].Index].Class, facts.One<AttemptsScored>(stream).Scores[0]));
        return StepMetrics.Evaluated(s.Run, s.Iteration, set.Name, s.Policies[Role.Solver], answers);
    }

    /// <summary>What the Solver was asked about the proposals of a Generator step.</summary>
    private static IEnumerable<string> Asked(RunInFlight run, StepProgress step) => step.Started.Phase != Phase.Generator
        ? []
        : (StepPlan.JudgesProposals(run) ? [GroupKind.Probe, GroupKind.Judge] : (IEnumerable<GroupKind>)[GroupKind.Probe])
            .SelectMany(kind => step.Asked.Select(proposal => StepPlan.AskedStream(run, step, kind, proposal)));

    private static string HeldOutOf(RunInFlight run, StepProgress step) => Ids.HeldOutStream(run.State.HeldOut[step.Started.Step].Sha256);

    private static string PolicyStream(StepProgress step) =>
        Ids.PolicyStream(step.Started.Run, step.Started.Iteration, StepPlan.RoleOf(step.Started.Phase), step.Started.Step);
}
