using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Acting;
using ToolR0.Tokenization;

namespace ToolR0.Solving;

/// <summary>Takes trajectories on by a turn: they are shown what their calls returned, as the model's chat template writes it, and go on. What was
/// sampled before is never encoded again. A trajectory without room for another token ends there.</summary>
public static class NextTurn
{
    /// <summary>The next turn of each group's trajectories, all sampled as one batch.</summary>
    /// <param name="groups">Per group its facts so far, from <see cref="TaskAttempted"/> on to the execution of the last turn's calls.</param>
    /// <param name="turn">From 2.</param>
    /// <param name="policy">SHA-256 of the weights behind <paramref name="source"/>.</param>
    public static IReadOnlyList<TurnTaken> Take(
        ICompletionSource source, IReadOnlyList<IReadOnlyList<object>> groups, string run, int turn, string policy, AttemptPurpose purpose,
        RunOptions options, CancellationToken cancellation)
    {
        var waiting = groups.Select(facts => Open(facts, source, options.Solver.ResultTokens)).ToList();
        List<SampleRequest> requests =
            [.. waiting.SelectMany(group => group).Where(w => w.Fits).Select(w => new SampleRequest(w.Prompt, [Seeds.Turn(w.Seed, turn)]))];
        var sampled = requests.Count == 0 ? [] : source.Sample(requests, AttemptTasksConsumer.SamplingOf(purpose, options), cancellation);
        var at = 0;
        return [.. waiting.Select(group =>
        {
            IReadOnlyList<TurnSample> samples = [.. group.Select(w => w.Fits ? new TurnSample(w.Sample, w.Appended, sampled[at++][0])
                : new TurnSample(w.Sample, [], new Trajectory(Seeds.Turn(w.Seed, turn), [], [], "", FinishReason.Length)))];
            return new TurnTaken(run, turn, policy, samples, Digests.OfTurn(policy, turn, samples));
        })];
    }

    private static List<Waiting> Open(IReadOnlyList<object> facts, ICompletionSource source, int resultTokens)
    {
        if (Attempts.Of(facts) is not { } attempt)
            return [];
        return [.. Attempts.Open(facts).Select(open =>
        {
            var sample = attempt.Attempted.Samples[open.Sample];
            var closed = sample.Tokens.Length > 0 && source.Tokenizer.StopTokens.Contains(sample.Tokens[^1]);
            var appended = ToolResults.Encode(source.Tokenizer, open.Results, resultTokens, closed);
            int[] prompt = [.. attempt.Attempted.PromptTokens, .. sample.Tokens, .. appended];
            return new Waiting(open.Sample, sample.Seed, appended, prompt, prompt.Length < source.Config.MaxPositions);
        })];
    }

    /// <summary>A trajectory that goes on, and whether there is room for it to.</summary>
    private sealed record Waiting(int Sample, long Seed, int[] Appended, int[] Prompt, bool Fits);
}
