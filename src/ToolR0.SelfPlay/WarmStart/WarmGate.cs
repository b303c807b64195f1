using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.WarmStart;

/// <summary>
/// The warm start's gate for proposals, each by itself: all that the curriculum's filter demands, and beyond it that every value stands in the
/// question, that the spec is obeyed, and that nothing is copied from a demonstration or written twice.
/// </summary>
public static class WarmGate
{
    private static readonly HashSet<string> Demonstrated =
        [.. SignatureFormat.Demonstrations.Select(demonstration => Words.Fold(demonstration.Task.Question))];

    public static ProposalsGated Judge(string run, TasksProposed proposed, ToolCallsExecuted executed, HeldOutGuard guard, RunOptions options) => new(
        run,
        [.. proposed.Samples.Select((sample, i) =>
            Judge(i, proposed.Spec, sample, executed.Samples.FirstOrDefault(e => e.Sample == i), guard, options))],
        proposed.Samples.Sum(sample => (long)sample.Tokens.Length));

    private static GatedProposal Judge(
        int index, TaskSpec spec, Trajectory sample, SampleExecution? execution, HeldOutGuard guard, RunOptions options)
    {
        var (task, reason, detail) = CandidateFilter.Judge(new Candidate(spec, sample, execution), guard, options);
        if (task is null)
            return new GatedProposal(index, reason, detail, null);
        if ((Strict(spec, task) ?? Obedience(spec, task, options.WarmStart)) is var (why, what))
            return new GatedProposal(index, why, what, null);

        var kept = CandidateFacts.Kept(task, foldDigits: true);
        return new GatedProposal(index, null, null, new KeptProposal(
            options.WarmStart.Hindsight ? SpecObedience.As(spec, task) : spec, kept.Fingerprint, kept.Sketch!.Folded, kept.Quality,
            task.Gold.Count > 0 ? task.Gold[0].Name : ""));
    }

    private static (string, string?)? Strict(TaskSpec spec, ToolTask task)
    {
        // What an earlier call returned cannot be read in the question.
        var readable = spec.Chained ? $"{task.Question} {string.Join(' ', task.Results ?? [])}" : task.Question;
        if (!Grounding.AllGrounded(readable, task.Gold))
            return (Rejections.NotGrounded, null);
        if (Demonstrated.Contains(Words.Fold(task.Question)))
            return (Rejections.DemonstrationCopied, null);
        if (Repeated(Words.Fold(task.Question).Split(' ')) is { } twice)
            return (Rejections.RepeatsItself, twice);
        for (var i = 0; spec.Given is null && i < task.Menu.Count; i++)
        {
            var like = task.Menu.Take(i).FirstOrDefault(other => other.Description.Length > 0
                && string.Equals(other.Description, task.Menu[i].Description, StringComparison.OrdinalIgnoreCase));
            if (like is not null)
                return (Rejections.ToolsAlike, $"{like.Name}, {task.Menu[i].Name}");
        }

        return null;
    }

    private static (string, string?)? Obedience(TaskSpec spec, ToolTask task, WarmStartOptions options)
    {
        // What it is asked to be about cannot be checked, and what it calls can: hindsight changes numbers, not whether anything is called.
        var obeys = options.Hindsight ? task.Gold.Count == 0 == (spec.Calls == 0) && SpecObedience.ObeysOffer(spec, task.Gold)
            : SpecObedience.Obeys(spec, task);
        if (obeys)
            return null;
        return (Rejections.SpecNotObeyed, $"{task.Menu.Count} tools, {task.Gold.Count} calls, {SpecObedience.ArgumentsOf(task.Gold)} arguments");
    }

    /// <summary>The first three words in a row that stand there again, null if there are none.</summary>
    private static string? Repeated(string[] words)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i + 3 <= words.Length; i++)
        {
            var three = string.Join(' ', words[i..(i + 3)]);
            if (!seen.Add(three))
                return three;
        }

        return null;
    }
}
