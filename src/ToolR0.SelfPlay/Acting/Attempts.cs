using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Acting;

/// <summary>A group's attempt with all its turns.</summary>
/// <param name="Attempted">Each trajectory one sequence: what was sampled, and between it what calls returned.</param>
/// <param name="Executed">The calls of all turns; null where none were executed.</param>
public sealed record Attempt(TaskAttempted Attempted, ToolCallsExecuted? Executed);

/// <summary>A trajectory that goes on.</summary>
/// <param name="Sample">Index in the group.</param>
/// <param name="Results">What its last turn's calls returned, in order.</param>
public sealed record OpenTrajectory(int Sample, IReadOnlyList<string> Results);

/// <summary>From the turns of a stream to whole trajectories.</summary>
public static class Attempts
{
    /// <summary>
    /// The attempt that a stream holds. Where trajectories take one turn it is the stored one. A trajectory of which an execution is void is void.
    /// </summary>
    /// <param name="facts">Of the stream, in version order; what stands before the attempt is passed over.</param>
    /// <returns>Null where the stream holds no attempt.</returns>
    public static Attempt? Of(IEnumerable<object> facts)
    {
        var stored = facts.SkipWhile(fact => fact is not TaskAttempted).ToList();
        if (stored.Count == 0)
            return null;
        var attempted = (TaskAttempted)stored[0];
        var (turns, executions) = (stored.OfType<TurnTaken>().ToList(), stored.OfType<ToolCallsExecuted>().ToList());
        if (turns.Count == 0 && executions.Count <= 1)
            return new Attempt(attempted, executions.FirstOrDefault());

        IReadOnlyList<SampleExecution> executed = [.. attempted.Samples.Select((_, i) => Joined(i, executions))];
        IReadOnlyList<Trajectory> samples = [.. attempted.Samples.Select((first, i) => Joined(first, i, turns, executed[i].VoidCause))];
        return new Attempt(attempted with { Samples = samples }, new ToolCallsExecuted(attempted.Run, executed));
    }

    /// <summary>
    /// The trajectories that go on: the last turn ended by itself and made calls, all of which returned something, or failed. A call that was only
    /// checked against its schema returned nothing.
    /// </summary>
    /// <param name="facts">Of the stream, in version order, up to the execution of the last turn's calls.</param>
    public static IReadOnlyList<OpenTrajectory> Open(IEnumerable<object> facts)
    {
        var stored = facts.SkipWhile(fact => fact is not TaskAttempted).ToList();
        if (stored.OfType<ToolCallsExecuted>().LastOrDefault() is not { } executed)
            return [];
        var last = stored.OfType<TurnTaken>().LastOrDefault() is { } taken
            ? taken.Samples.ToDictionary(sample => sample.Sample, sample => sample.Sampled)
            : ((TaskAttempted)stored[0]).Samples.Select((sample, i) => (sample, i)).ToDictionary(pair => pair.i, pair => pair.sample);
        return [.. executed.Samples
            .Where(execution => execution is { VoidCause: null, Calls.Count: > 0 }
                && execution.Calls.All(call => call.Status != CallStatus.SchemaChecked)
                && last.TryGetValue(execution.Sample, out var sample) && sample.Finish == FinishReason.Stop)
            .OrderBy(execution => execution.Sample)
            .Select(execution => new OpenTrajectory(execution.Sample, [.. execution.Calls.Select(TextOf)]))];
    }

    /// <summary>The texts of a trajectory's turns.</summary>
    public static IReadOnlyList<string> TextsOf(Trajectory sample) =>
        sample.Turns is { } turns ? [.. turns.Select(turn => turn.Text)] : [sample.Text];

    /// <summary>Facts of several streams with whole attempts in place of their turns.</summary>
    /// <param name="facts">With the stream of each, those of a stream in version order.</param>
    public static IReadOnlyList<(string Stream, object Fact)> Whole(IReadOnlyList<(string Stream, object Fact)> facts)
    {
        var several = facts.Where(fact => fact.Fact is TurnTaken).Select(fact => fact.Stream).ToHashSet(StringComparer.Ordinal);
        if (several.Count == 0)
            return facts;
        var byStream = facts.ToLookup(fact => fact.Stream, fact => fact.Fact, StringComparer.Ordinal);
        return
        [
            .. facts.Where(fact => !several.Contains(fact.Stream) || fact.Fact is not (TaskAttempted or TurnTaken)),
            .. several.Select(stream => (stream, (object)Of(byStream[stream])!.Attempted)),
        ];
    }

    /// <summary>Tokens of a trajectory that were sampled.</summary>
    public static int SampledTokens(Trajectory sample) => sample.Turns?.Sum(turn => turn.Length) ?? sample.Tokens.Length;

    /// <summary>Which tokens of a trajectory were sampled; null where all were.</summary>
    public static bool[]? MaskOf(Trajectory sample)
    {
        if (sample.Turns is not { } turns)
            return null;
        var mask = new bool[sample.Tokens.Length];
        foreach (var turn in turns)
            Array.Fill(mask, true, turn.Start, turn.Length);
        return mask;
    }

    /// <summary>What is shown of a call: its result as JSON, or what was wrong.</summary>
    private static string TextOf(CallOutcome call) =>
        call.Status == CallStatus.Succeeded ? call.Result ?? "null" : $"{{\"error\":{System.Text.Json.JsonSerializer.Serialize(call.Error ?? "")}}}";

    private static SampleExecution Joined(int sample, IReadOnlyList<ToolCallsExecuted> executions)
    {
        var own = executions.Select(executed => executed.Samples.FirstOrDefault(e => e.Sample == sample)).OfType<SampleExecution>().ToList();
        return new SampleExecution(sample, [.. own.SelectMany(e => e.Calls)], own.Find(e => e.VoidCause is not null)?.VoidCause);
    }

    private static Trajectory Joined(Trajectory first, int index, IReadOnlyList<TurnTaken> turns, string? voidCause)
    {
        if (first.Finish == FinishReason.Void)
            return first;
        if (voidCause is not null)
            return new Trajectory(first.Seed, [], [], "", FinishReason.Void, voidCause);
        var later = turns.Select(taken => taken.Samples.FirstOrDefault(sample => sample.Sample == index)).OfType<TurnSample>().ToList();
        if (later.Count == 0)
            return first;
        if (later.Find(turn => turn.Sampled.Finish == FinishReason.Void) is { } failed)
            return failed.Sampled with { Seed = first.Seed };

        var known = first.LogProbs.Length > 0;
        List<int> tokens = [.. first.Tokens];
        List<float> logProbs = [.. first.LogProbs];
        var parts = new List<SampledTurn> { new(0, first.Tokens.Length, first.Text) };
        foreach (var turn in later.Where(turn => turn.Sampled.Tokens.Length > 0))
        {
            tokens.AddRange(turn.Appended);
            parts.Add(new SampledTurn(tokens.Count, turn.Sampled.Tokens.Length, turn.Sampled.Text));
            tokens.AddRange(turn.Sampled.Tokens);
            if (!known)
                continue;
            logProbs.AddRange(turn.Appended.Select(_ => 0f));
            logProbs.AddRange(turn.Sampled.LogProbs);
        }

        return first with
        {
            Tokens = [.. tokens],
            LogProbs = [.. logProbs],
            Text = string.Join('\n', parts.Select(part => part.Text)),
            Finish = later[^1].Sampled.Finish,
            Reencoded = first.Reencoded || later.Exists(turn => turn.Sampled.Reencoded),
            Turns = parts,
        };
    }
}
