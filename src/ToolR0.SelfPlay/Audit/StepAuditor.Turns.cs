using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Curriculum;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Audit;

/// <summary>The turns of trajectories, and the calls that they make.</summary>
internal sealed partial class StepAuditor
{
    private Attempt? Whole(string stream) => _facts.TryGetValue(stream, out var facts) ? Attempts.Of(facts) : null;

    /// <summary>Who goes on, with which seeds, after what.</summary>
    private void Check(TurnTaken taken, StoredFact stored)
    {
        var before = _facts[stored.Stream].SkipLast(1).ToList();
        var turn = before.OfType<TurnTaken>().Count() + 2;
        Compare(stored, "run", taken.Run, step.Run);
        Compare(stored, "turn", taken.Turn, turn);
        Compare(stored, "policy", taken.Policy, step.Policies[Role.Solver]);
        Compare(stored, "digest", taken.Digest, Digests.OfTurn(taken.Policy, taken.Turn, taken.Samples));
        var open = Attempts.Open(before);
        Compare(stored, "samples.sample", taken.Samples.Select(sample => sample.Sample).ToList(), [.. open.Select(of => of.Sample)]);
        if (Attempts.Of(before) is not { Attempted: var attempted } || open.Count != taken.Samples.Count)
            return;
        for (var i = 0; i < open.Count; i++)
        {
            var (sampled, so) = (taken.Samples[i].Sampled, attempted.Samples[open[i].Sample]);
            Compare(stored, $"samples[{i}].seed", sampled.Seed, Seeds.Turn(so.Seed, turn));
            if (_options.Inference.Engine == InferenceEngine.Local || sampled.LogProbs.Length > 0)
                Compare(stored, $"samples[{i}].logProbs.count", sampled.LogProbs.Length, sampled.Tokens.Length);
            if (encoders.Decode is { } decode && sampled.Finish != FinishReason.Void)
                Compare(stored, $"samples[{i}].text", sampled.Text, decode(sampled.Tokens));
            if (encoders.Results is { } encode && taken.Samples[i].Appended.Length > 0)
                Compare<IEnumerable<int>>(stored, $"samples[{i}].appended", taken.Samples[i].Appended, encode(open[i].Results, so.Tokens));
        }
    }

    /// <summary>The executed calls are the ones that the texts before them make.</summary>
    private void Check(ToolCallsExecuted executed, StoredFact stored)
    {
        var before = _facts[stored.Stream].SkipLast(1).LastOrDefault();
        IReadOnlyList<IReadOnlyList<ToolCall>> made = before switch
        {
            TasksProposed proposed => [.. proposed.Samples.Select((_, i) => Gold(proposed, executed, stored.Stream, i))],
            TaskAttempted attempted => [.. attempted.Samples.Select(CallsOf)],
            TurnTaken taken => [.. (Fact<TaskAttempted>(stored.Stream)?.Samples ?? []).Select((_, i) =>
                taken.Samples.FirstOrDefault(sample => sample.Sample == i) is { } turn ? CallsOf(turn.Sampled) : [])],
            _ => [],
        };
        Compare(stored, "run", executed.Run, step.Run);
        Compare(stored, "samples.sample", executed.Samples.Select(s => s.Sample).ToList(), [.. Enumerable.Range(0, made.Count)]);
        foreach (var sample in executed.Samples.Where(s => s.VoidCause is null && s.Sample >= 0 && s.Sample < made.Count))
        {
            Compare(
                stored,
                $"samples[{sample.Sample}].calls",
                sample.Calls.Select(c => Calls.Canonical(c.Call)).ToList(),
                [.. made[sample.Sample].Select(Calls.Canonical)]);
        }
    }

    private IReadOnlyList<ToolCall> CallsOf(Trajectory sample) =>
        sample.Finish == FinishReason.Void ? [] : SolverAnswer.Parse(sample.Text, _options.Solver.RequireThink).Calls ?? [];

    /// <summary>The gold calls of a proposal, with results that are referred to in place.</summary>
    private static IReadOnlyList<ToolCall> Gold(TasksProposed proposed, ToolCallsExecuted executed, string stream, int sample)
    {
        if (TaskSource.Resolve(new TaskRef(stream, sample), proposed) is not { } task)
            return [];
        if (!proposed.Spec.Chained)
            return task.Gold;
        IReadOnlyList<string?> results = [.. executed.Samples.FirstOrDefault(s => s.Sample == sample)?.Calls.Select(call => call.Result) ?? []];
        return [.. task.Gold.Select((call, at) => GoldReferences.Resolve(
            call, [.. results.Take(at)], task.Menu.FirstOrDefault(tool => tool.Name == call.Name), out _))];
    }
}
