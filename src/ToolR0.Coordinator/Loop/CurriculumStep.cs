using ToolR0.Contracts;
using ToolR0.Messaging;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.Coordinator.Loop;

/// <summary>A curriculum and all that it was made from.</summary>
/// <param name="Outcomes">Each candidate's own last fact, for the next place in its stream.</param>
public sealed record SelectedCurriculum(
    CurriculumSelected Selected,
    CurriculumSelection Selection,
    IReadOnlyList<CandidateVerdict> Verdicts,
    IReadOnlyList<RatedCandidate> Rated,
    IReadOnlyList<FactAppend> Outcomes);

/// <summary>
/// From what was stored about each candidate to the curriculum: only what concerns all candidates together is worked out here, from facts of some
/// hundred bytes. No proposal and no answer is ever read. Verdicts are worked out again where they are needed rather than remembered.
/// </summary>
public static class CurriculumStep
{
    /// <summary>What a look at each candidate by itself said.</summary>
    public static IEnumerable<StreamPlace> Filtered(RunInFlight run, StepProgress step) =>
        StepPlan.Streams(run, step).Select(StreamLayout.PlaceOf<CandidateFiltered>);

    /// <summary>How the verified candidates were rated.</summary>
    public static IEnumerable<StreamPlace> Rated(StepProgress step) => step.Asked.Select(task => StreamLayout.PlaceOf<CandidateRated>(task.Stream));

    /// <summary>Where labels may stand: candidates that verification did not keep have none.</summary>
    public static IEnumerable<StreamPlace> Labels(RunInFlight run, StepProgress step) => StepPlan.AsksForLabels(run, step)
        ? step.Asked.Select(task => StreamLayout.PlaceOf<CandidateLabelled>(StepPlan.LabelStream(run, step, task)))
        : [];

    /// <summary>The candidates that filters and duplicates leave, to be verified.</summary>
    public static IReadOnlyList<TaskRef> Survivors(RunInFlight run, StepProgress step, Facts facts) =>
        [.. Verdicts(run, step, facts).Where(verdict => verdict.Survives).Select(verdict => verdict.Task)];

    /// <summary>The survivors that verification keeps: their difficulty is asked for.</summary>
    public static IReadOnlyList<TaskRef> Verified(RunInFlight run, StepProgress step, Facts facts) =>
        [.. step.Asked.Where(task => CurriculumBuilder.Passes(facts.One<CandidateRated>(task.Stream), step.Started.Iteration, run.Options))];

    public static SelectedCurriculum Select(RunInFlight run, StepProgress step, Facts facts)
    {
        var iteration = step.Started.Iteration;
        var verdicts = Verdicts(run, step, facts);
        List<RatedCandidate> rated =
        [
            .. verdicts.Where(verdict => verdict.Survives).Select(verdict => new RatedCandidate(
                verdict,
                facts.One<CandidateRated>(verdict.Task.Stream),
                facts.Of(StepPlan.LabelStream(run, step, verdict.Task)).OfType<CandidateLabelled>().FirstOrDefault())),
        ];
        var selection = CurriculumBuilder.Select(rated, iteration, run.Options);
        var verified = step.Asked.ToHashSet();
        var outcomes = selection.Outcomes(run.Run, iteration, verdicts).Select(outcome =>
        {
            var place = StreamLayout.Outcome(outcome.Task.Stream, verified.Contains(outcome.Task));
            return new FactAppend(place.Stream, place.Version, outcome.Fact);
        });
        return new SelectedCurriculum(selection.ToFact(run.Run, iteration, verdicts), selection, verdicts, rated, [.. outcomes]);
    }

    private static IReadOnlyList<CandidateVerdict> Verdicts(RunInFlight run, StepProgress step, Facts facts) => CurriculumBuilder.Verdicts(
        [.. StepPlan.Streams(run, step)
            .Select((stream, n) => new FilteredCandidate(new TaskRef(stream, 0), n, facts.One<CandidateFiltered>(stream)))]);
}
