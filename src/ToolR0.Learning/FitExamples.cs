using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.Messaging;
using ToolR0.Policies.Learning;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Prompts;
using ToolR0.SelfPlay.WarmStart;
using ToolR0.Tokenization;

namespace ToolR0.Learning;

/// <summary>A batch of a fit, and its place among all of them.</summary>
internal sealed record FitBatch(IReadOnlyList<FitExample> Examples, int Number, int Of);

/// <summary>
/// From what the warm start kept to tokens. What was sampled is fitted to as it was sampled, under the prompt without demonstrations; a variant's
/// answer was never sampled, so it is written in the format and encoded here.
/// </summary>
internal static class FitExamples
{
    /// <exception cref="ShardRefusedException">An example's prompt is over the limit: prompts are never cut.</exception>
    public static async Task<IReadOnlyList<FitBatch>> OfAsync(
        FitPlan plan, RunOptions options, StreamCache reader, Tokenizer tokenizer, CancellationToken cancellation)
    {
        var streams = plan.Examples.Select(example => example.Stream).Distinct().ToList();
        var stored = await reader.ReadAsync(streams.Select(StreamLayout.Last), cancellation);
        var tasks = await reader.ReadTasksAsync(
            streams.SelectMany(stored.Of).OfType<TaskAttempted>().Select(attempt => attempt.Task.Stream).Distinct(), cancellation);
        var batch = options.WarmStart is var warm && StreamKey.Parse(streams[0]).Group == GroupKind.WarmProposals
            ? warm.Generator.Fit.Batch : warm.Solver.Fit.Batch;
        return
        [
            .. plan.Examples.Select(example => Example(example, stored, tasks, options, tokenizer)).Chunk(batch)
                .Select((examples, i) => new FitBatch(examples, plan.FirstBatch + i, plan.Batches)),
        ];
    }

    /// <summary>One update a batch; means of the metrics over them, the last learning rate.</summary>
    public static IReadOnlyDictionary<string, double> Fit(IReadOnlyList<FitBatch> batches, FitOptions fit, GrpoLearner learner)
    {
        var made = batches.Select(batch => learner.Fit(batch.Examples, WarmStartPlan.LearningRate(fit, batch.Number, batch.Of))).ToList();
        return new Dictionary<string, double>
        {
            [MetricNames.Loss] = made.Average(m => m[MetricNames.Loss]),
            [MetricNames.GradientNorm] = made.Average(m => m[MetricNames.GradientNorm]),
            [MetricNames.LearningRate] = made[^1][MetricNames.LearningRate],
            [MetricNames.TokensLearned] = made.Sum(m => m[MetricNames.TokensLearned]),
            // Only where no batch moved the weights are they what they were.
            [MetricNames.Skipped] = made.Min(m => m[MetricNames.Skipped]),
            [MetricNames.NonFinite] = made.Max(m => m[MetricNames.NonFinite]),
        };
    }

    private static FitExample Example(TaskRef example, Facts stored, Facts tasks, RunOptions options, Tokenizer tokenizer)
    {
        switch (stored.Of(example.Stream).First())
        {
            case TasksProposed proposed:
                var spec = stored.One<ProposalsGated>(example.Stream).Verdicts.First(verdict => verdict.Sample == example.Index).Kept!.Spec;
                return Of(GeneratorPrompt.Render(spec, options.Prompts, options.Specs), proposed.Samples[example.Index].Tokens);
            case TaskAttempted attempt:
                var task = TaskSource.Resolve(attempt.Task, tasks.Of(attempt.Task.Stream))
                    ?? throw new InvalidOperationException($"{attempt.Task.Stream} holds no task at {attempt.Task.Index}");
                return Of(SolverPrompt.Render(task, options.Prompts), attempt.Samples[example.Index].Tokens);
            case TaskVaried varied:
                return Of(
                    SolverPrompt.Render(varied.Task, options.Prompts), tokenizer.Encode(SolverPrompt.Answer(varied.Task.Gold, options.Prompts)));
            case var other:
                throw new ShardRefusedException($"{example.Stream} begins with {other.GetType().Name}, which is nothing to fit to");
        }

        FitExample Of(IReadOnlyList<(string Role, string Content)> turns, int[] tokens)
        {
            var prompt = tokenizer.EncodePrompt(turns);
            if (prompt.Length > options.Prompts.MaxPromptTokens)
                throw new ShardRefusedException(
                    $"{example.Stream}: its prompt has {prompt.Length} tokens, prompts.maxPromptTokens is {options.Prompts.MaxPromptTokens}");
            return new FitExample(prompt, tokens.Length > 0 && tokenizer.StopTokens.Contains(tokens[^1]) ? tokens : [.. tokens, tokenizer.EndOfTurn]);
        }
    }
}
