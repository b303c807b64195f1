using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Measurement;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.SelfPlay.Curriculum;

/// <summary>A synthesised candidate with what is known before verification.</summary>
/// <param name="Execution">Of its gold calls; null counts as not executed.</param>
public sealed record Candidate(TaskSpec Spec, Trajectory Sample, SampleExecution? Execution)
{
    /// <summary>The one candidate of a task stream.</summary>
    public static Candidate Of(TasksProposed proposed, ToolCallsExecuted? executed) =>
        new(proposed.Spec, proposed.Samples[0], executed?.Samples.FirstOrDefault(e => e.Sample == 0));
}

/// <summary>The Solver's agreement with the gold calls of a candidate over its counted verification samples.</summary>
public sealed record Agreement(double Names, double Calls, bool GoldIsMode);

/// <summary>
/// From a candidate's stored payloads, which may be large, to the small facts that the curriculum is built from. Each candidate by itself: no other
/// is looked at.
/// </summary>
public static class CandidateFacts
{
    private const int QuestionDigits = 16;

    /// <summary>Keeps or rejects an executed candidate.</summary>
    public static CandidateFiltered Filter(string run, Candidate candidate, HeldOutGuard guard, RunOptions options)
    {
        var (task, reason, detail) = CandidateFilter.Judge(candidate, guard, options);
        return new CandidateFiltered(
            run, candidate.Spec.Domain, reason, detail, task is null ? null
                : Kept(task, options.Curriculum.FoldDigits), candidate.Sample.Tokens.Length);
    }

    /// <summary>Compares the verification samples with the gold calls.</summary>
    public static CandidateRated Rate(string run, ToolTask task, TaskAttempted attempt)
    {
        var agreement = Verify(task, attempt);
        return new CandidateRated(
            run, agreement?.Names, agreement?.Calls, agreement?.GoldIsMode ?? false, Difficulty.PromptTooLong(attempt.Samples), TokensOf(attempt));
    }

    /// <summary>Reads the judge's answer.</summary>
    public static CandidateLabelled Label(string run, TaskAttempted judged, JudgeOptions options)
    {
        var tooLong = Difficulty.PromptTooLong(judged.Samples);
        return new CandidateLabelled(run, tooLong ? null : Judge.Label(judged, options), tooLong, TokensOf(judged));
    }

    /// <summary>Null when every sample is void.</summary>
    public static Agreement? Verify(ToolTask task, TaskAttempted attempt)
    {
        var result = Difficulty.Probe(task.Gold, attempt.Samples);
        if (result.PassRate is not { } calls)
            return null;
        var names = attempt.Samples.Where(s => s.Finish != FinishReason.Void)
            .Count(s => ActingReward.CallsOf(s) is { } answer && Calls.SameNames(answer, task.Gold));
        return new Agreement((double)names / result.Counted, calls, result.GoldIsMode);
    }

    /// <summary>What is needed later of a task.</summary>
    public static KeptCandidate Kept(ToolTask task, bool foldDigits) => new(
        Fingerprints.Of(task, foldDigits),
        Digests.Sha256Hex(Fingerprints.CanonicalText(task)),
        Digests.Sha256Hex(Words.Fold(task.Question))[..QuestionDigits],
        Math.Min(1, task.Question.Length / 220.0) + Math.Min(1, task.Gold.Count / 3.0) + Math.Min(1, task.Menu.Count / 4.0),
        task.Gold.Count,
        [.. task.Menu.Select(tool => tool.Name)],
        QuestionSketches.Of(task.Question));

    private static long TokensOf(TaskAttempted attempt) => attempt.Samples.Sum(sample => (long)Attempts.SampledTokens(sample));
}
