
using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.Coordinator.Loop;

/// <summary>From stored candidates to the curriculum. Filtering is worked out again at the end of the step rather than remembered.</summary>
public static class CurriculumStep
{
    /// <summary>The candidates that the filters keep, to be verified.</summary>
    public static IReadOnlyList<TaskRef> Survivors(RunInFlight run, StepProgress step, Facts facts) =>
        [.. Verdicts(run, step, facts).Where(verdict => verdict.Survives).Select(verdict => verdict.Candidate.Task)];

    /// <summary>The survivors that verification keeps: their difficulty is asked for.</summary>
    public static IReadOnlyList<TaskRef> Verified(RunInFlight run, StepProgress step, Facts facts) =>
        [.. Verdicts(run, step, facts)
            .Where(verdict => verdict.Survives && CurriculumBuilder.Passes(verdict, facts.One<TaskAttempted>(verdict.Candidate.Task.Stream), step.Started.Iteration, run.Options))
            .Select(verdict => verdict.Candidate.Task)];

    /// <summary>Candidates up to their verification, and the held-out items.</summary>
    public static IReadOnlyList<AnswerPlace> Reads(RunInFlight run, StepProgress step)
    {
        var verified = step.Asked.Select(task => task.Stream).ToHashSet();
        return
        [
            .. StepPlan.Streams(step).Select(stream => new AnswerPlace(stream, verified.Contains(stream) ? 3 : 2)),
            .. StepPlan.HeldOutStreams(run).Select(stream => new AnswerPlace(stream, 1)),
        ];
    }

    /// <summary>The curriculum, and each candidate's own last fact at the next version of its stream.</summary>
    public static (CurriculumSelected Selected, CurriculumSelection Selection, IReadOnlyList<CandidateVerdict> Verdicts, IReadOnlyList<FactAppend> Outcomes)
        Select(RunInFlight run, StepProgress step, Facts facts)
    {
        var iteration = step.Started.Iteration;
        var verdicts = Verdicts(run, step, facts);
        var verified = verdicts.Where(verdict => verdict.Survives)
            .Select(verdict => new VerifiedCandidate(
                verdict,
                facts.One<TaskAttempted>(verdict.Candidate.Task.Stream),
                facts.Of(StepPlan.LabelStream(step, verdict.Candidate.Task)).OfType<TaskAttempted>().FirstOrDefault()));
        var selection = CurriculumBuilder.Select([.. verified], iteration, run.Options);
        var survivors = verdicts.Where(verdict => verdict.Survives).Select(verdict => verdict.Candidate.Task).ToHashSet();
        var outcomes = selection.Outcomes(run.Run, iteration, verdicts)
            .Select(outcome => new FactAppend(outcome.Task.Stream, survivors.Contains(outcome.Task) ? 4 : 3, outcome.Fact));
        return (selection.ToFact(run.Run, iteration, verdicts), selection, verdicts, [.. outcomes]);
    }

    private static IReadOnlyList<CandidateVerdict> Verdicts(RunInFlight run, StepProgress step, Facts facts)
    {
        var heldOut = StepPlan.HeldOutStreams(run).SelectMany(facts.Of).OfType<HeldOutRegistered>().SelectMany(part => part.Items);
        var candidates = StepPlan.Streams(step).Select((stream, n) =>
            Candidate.Of(stream, n, facts.One<TasksProposed>(stream), facts.One<ToolCallsExecuted>(stream)));
        return CurriculumBuilder.Filter([.. candidates], new HeldOutGuard(heldOut), run.Options);
    }
}
