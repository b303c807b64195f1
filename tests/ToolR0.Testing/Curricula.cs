using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;

namespace ToolR0.Testing;

/// <summary>A candidate with its stream.</summary>
public sealed record TestCandidate(TaskRef Task, int Index, TaskSpec Spec, Trajectory Sample, SampleExecution? Execution)
{
    public static TestCandidate Of(string stream, int index, TasksProposed proposed, ToolCallsExecuted? executed)
    {
        var candidate = Candidate.Of(proposed, executed);
        return new TestCandidate(new TaskRef(stream, 0), index, candidate.Spec, candidate.Sample, candidate.Execution);
    }
}

/// <summary>A candidate after the filters.</summary>
public sealed record TestVerdict(TestCandidate Candidate, ToolTask? Task, CandidateVerdict Verdict)
{
    public string? Reason => Verdict.Reason;

    public string? Detail => Verdict.Detail;

    public string? Fingerprint => Verdict.Filtered.Kept?.Fingerprint;

    public bool Survives => Verdict.Survives;
}

/// <summary>A survivor with the Solver's answers to it.</summary>
public sealed record TestVerified(TestVerdict Verdict, TaskAttempted Attempt, TaskAttempted? Judged = null)
{
    public RatedCandidate Rated(RunOptions options) => new(
        Verdict.Verdict with { Task = Verdict.Candidate.Task, Index = Verdict.Candidate.Index },
        CandidateFacts.Rate("r", Verdict.Task!, Attempt),
        Judged is null ? null : CandidateFacts.Label("r", Judged, options.Judge));
}

/// <summary>What reward scoring and the coordinator do to candidates together, from payloads to the selection.</summary>
public static class Curricula
{
    public static IReadOnlyList<TestVerdict> Filter(IReadOnlyList<TestCandidate> candidates, HeldOutGuard guard, RunOptions options)
    {
        var verdicts = CurriculumBuilder.Verdicts([.. candidates.Select(candidate => new FilteredCandidate(
            candidate.Task, candidate.Index,
                CandidateFacts.Filter("r", new Candidate(candidate.Spec, candidate.Sample, candidate.Execution), guard, options)))]);
        return [.. candidates.Zip(verdicts, (candidate, verdict) =>
            new TestVerdict(candidate, verdict.Survives ? TaskOf(candidate) : null, verdict))];
    }

    public static CurriculumSelection Select(IReadOnlyList<TestVerified> survivors, int iteration, RunOptions options) =>
        CurriculumBuilder.Select([.. survivors.Select(survivor => survivor.Rated(options))], iteration, options);

    public static bool Passes(TestVerdict survivor, TaskAttempted attempt, int iteration, RunOptions options) =>
        CurriculumBuilder.Passes(CandidateFacts.Rate("r", survivor.Task!, attempt), iteration, options);

    private static ToolTask? TaskOf(TestCandidate candidate) =>
        TaskSource.Resolve(candidate.Task, new TasksProposed("r", candidate.Spec, "p", [], [candidate.Sample], ""));
}
