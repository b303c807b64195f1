
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Measurement;

namespace ToolR0.Coordinator.Loop;

/// <summary>What ends a step: its metrics, what it found out, and the facts that open what comes next, in one append.</summary>
public static class StepEnd
{
    /// <summary>What must be read before a step can be ended: all its groups.</summary>
    public static IReadOnlyList<AnswerPlace> Reads(RunInFlight run, StepProgress step)
    {
        return step.Started.Phase switch
        {
            Phase.Curriculum => [.. CurriculumStep.Reads(run, step), .. At(Labels(run, step), 1)],
            Phase.Evaluation => [.. At(StepPlan.Streams(step), 3), new AnswerPlace(Ids.HeldOutStream(run.State.HeldOut[step.Started.Step].Sha256), 1)],
            _ => [.. At(StepPlan.Streams(step), 3), .. At(Asked(run, step), 1), new AnswerPlace(PolicyStream(step), 1)],
        };
    }

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
                (var selected, var selection, var verdicts, outcomes) = CurriculumStep.Select(run, step, facts);
                found.Add(selected);
                metrics = StepMetrics.OfCurriculum(selected, selection, verdicts, run.Options.Specs.KnownTools);
                break;
            case Phase.Evaluation:
                var evaluated = Evaluated(run, step, facts);
                found.Add(evaluated);
                metrics = StepMetrics.OfEvaluation(evaluated, StepPlan.Streams(step).Select(stream => facts.One<AttemptsScored>(stream).Scores[0]));
                break;
            default:
                var updated = facts.One<PolicyUpdated>(PolicyStream(step));
                policy = updated.Policy;
                metrics = StepMetrics.OfTraining(
                    StepPlan.Streams(step).Concat(Asked(run, step)).SelectMany(stream => facts.Of(stream).Select(fact => (stream, fact))), updated, run.Options.Specs.KnownTools);
                break;
        }

        metrics.TryAdd(MetricNames.TokensSampled, StepPlan.Streams(step).Concat(Labels(run, step)).SelectMany(facts.Of).Sum(TokensOf));
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

    private static double TokensOf(object fact) => fact switch
    {
        TasksProposed proposed => proposed.Samples.Sum(sample => sample.Tokens.Length),
        TaskAttempted attempted => attempted.Samples.Sum(sample => sample.Tokens.Length),
        _ => 0,
    };

    private static IReadOnlyList<object> Next(RunInFlight run)
    {
        if (run.State.Phase?.Phase != Phase.Curriculum || run.Curriculum.Count > 0)
            return Schedule.Next(run);
        var curriculum = run.State.Curricula[run.State.Iteration];
        var reasons = string.Join(", ", curriculum.Rejected.OrderByDescending(reason => reason.Value).Select(reason => $"{reason.Key} {reason.Value}"));
        return [new RunFailed(run.Run, $"the curriculum of iteration {curriculum.Iteration} is empty: of {curriculum.Candidates} candidates none was selected ({reasons})")];
    }

    private static EvaluationCompleted Evaluated(RunInFlight run, StepProgress step, Facts facts)
    {
        var s = step.Started;
        var set = run.State.HeldOut[s.Step];
        var items = facts.Of(Ids.HeldOutStream(set.Sha256)).OfType<HeldOutRegistered>().SelectMany(part => part.Items).ToList();
        var answers = StepPlan.Streams(step).Select((stream, n) => (items[s.Tasks[n].Index].Class, facts.One<AttemptsScored>(stream).Scores[0]));
        return StepMetrics.Evaluated(s.Run, s.Iteration, set.Name, s.Policies[Role.Solver], answers);
    }

    /// <summary>What the Solver was asked about the proposals of a Generator step.</summary>
    private static IEnumerable<string> Asked(RunInFlight run, StepProgress step) => step.Started.Phase != Phase.Generator
        ? []
        : (StepPlan.JudgesProposals(run) ? [StepPlan.Probed, StepPlan.Judged] : (IEnumerable<string>)[StepPlan.Probed])
            .SelectMany(kind => step.Asked.Select(proposal => StepPlan.AskedStream(run, step, kind, proposal)));

    /// <summary>Where the judge's labels may stand: candidates that verification did not keep have none.</summary>
    private static IEnumerable<string> Labels(RunInFlight run, StepProgress step) =>
        StepPlan.AsksForLabels(run, step) ? step.Asked.Select(candidate => StepPlan.LabelStream(step, candidate)) : [];

    private static IEnumerable<AnswerPlace> At(IEnumerable<string> streams, long version) => streams.Select(stream => new AnswerPlace(stream, version));

    private static string PolicyStream(StepProgress step) =>
        Ids.PolicyStream(step.Started.Run, step.Started.Iteration, StepPlan.RoleOf(step.Started.Phase), step.Started.Step);
}
