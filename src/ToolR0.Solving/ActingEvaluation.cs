using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Policies.Inference;
using ToolR0.Policies.Sampling;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.Solving;

/// <summary>Executes a turn's calls.</summary>
/// <param name="earlier">What the trajectory called before.</param>
public delegate Task<IReadOnlyList<CallOutcome>> CallExecution(
    ToolTask task, IReadOnlyList<ToolCall> calls, IReadOnlyList<CallOutcome> earlier, CancellationToken cancellation);

/// <summary>Measures a model on held-out items outside any run, over as many turns as the options allow in an evaluation.</summary>
public static class ActingEvaluation
{
    /// <summary>Greedy answers, scored as a run scores them; per item in order.</summary>
    public static async Task<IReadOnlyList<AttemptScore>> ScoreAsync(
        ICompletionSource source, IReadOnlyList<HeldOutItem> items, RunOptions options, CallExecution execute, CancellationToken cancellation)
    {
        var scores = new List<AttemptScore>();
        foreach (var shard in items.Chunk(options.Dispatch.PromptsFor(1)))
        {
            var requests = shard.Select(item => new SampleRequest(
                source.Tokenizer.EncodePrompt(SolverPrompt.Render(item.Task, options.Prompts)), [0L])).ToList();
            var sampled = source.Sample(requests, AttemptTasksConsumer.SamplingOf(AttemptPurpose.Evaluate, options), cancellation);
            List<List<object>> facts = [.. requests.Zip(sampled, (request, answer) => new List<object>
            {
                new TaskAttempted("", new TaskRef("", 0), AttemptPurpose.Evaluate, "", request.PromptTokens, answer, ""),
            })];
            var turns = options.TurnsOf(GroupKind.Evaluation);
            for (var turn = 2; turn <= turns + 1; turn++)
            {
                for (var i = 0; i < shard.Length; i++)
                    facts[i].Add(await ExecuteAsync(shard[i].Task, facts[i], options, execute, cancellation));
                if (turn > turns)
                    break;
                var taken = NextTurn.Take(source, facts, "", turn, "", AttemptPurpose.Evaluate, options, cancellation);
                for (var i = 0; i < shard.Length; i++)
                    facts[i].Add(taken[i]);
            }

            scores.AddRange(shard.Zip(facts.Select(of => Attempts.Of(of)!), (item, attempt) =>
                SolverReward.ScoreGroup(item.Task, attempt.Attempted, attempt.Executed!, options)[0]));
        }

        return scores;
    }

    private static async Task<ToolCallsExecuted> ExecuteAsync(
        ToolTask task, List<object> facts, RunOptions options, CallExecution execute, CancellationToken cancellation)
    {
        var text = facts[^1] switch
        {
            TaskAttempted attempted => attempted.Samples[0].Text,
            TurnTaken { Samples: [var only] } => only.Sampled.Text,
            _ => "",
        };
        var calls = SolverAnswer.Parse(text, options.Solver.RequireThink).Calls ?? [];
        var earlier = Attempts.Of(facts)!.Executed?.Samples[0].Calls ?? [];
        return new ToolCallsExecuted("", [new SampleExecution(0, calls.Count == 0 ? [] : await execute(task, calls, earlier, cancellation))]);
    }
}
