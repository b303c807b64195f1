using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.SelfPlay.Acting;

/// <summary>What is rewarded of a trajectory of several turns besides its calls.</summary>
public static class ActingReward
{
    /// <summary>What each turn says. After a turn with calls plain words are an answer: the calls of that turn are none.</summary>
    public static IReadOnlyList<ParsedAnswer> Answers(IReadOnlyList<string> turns, bool requireThink)
    {
        var answers = new List<ParsedAnswer>(turns.Count);
        foreach (var text in turns)
        {
            var answer = SolverAnswer.Parse(text, requireThink);
            var isWords = answers.Count > 0 && !answer.HasTag && !string.IsNullOrWhiteSpace(text);
            answers.Add(isWords ? new ParsedAnswer(answer.Think ?? text, true, true, [], true) : answer);
        }

        return answers;
    }

    /// <summary>The calls of all turns as one answer: calls that cannot be read in one of them leave it without calls that could be exact, but those
    /// of the others still count.</summary>
    public static ParsedAnswer Together(IReadOnlyList<ParsedAnswer> turns)
    {
        var readable = turns.TakeWhile(turn => turn.Calls is not null).ToList();
        return new ParsedAnswer(
            turns[0].Think,
            turns.All(turn => turn.HasTag),
            turns.All(turn => turn.Parses),
            readable.Count == 0 ? null : [.. readable.SelectMany(turn => turn.Calls!)],
            readable.Count > 0 && readable.All(turn => turn.BlocksPresent));
    }

    /// <summary>The calls of a trajectory; null where a turn cannot be read.</summary>
    public static IReadOnlyList<ToolCall>? CallsOf(Trajectory sample, bool requireThink = false)
    {
        if (sample.Turns is null)
            return SolverAnswer.Parse(sample.Text, requireThink).Calls;
        var turns = Answers(Attempts.TextsOf(sample), requireThink);
        return turns.All(turn => turn.Calls is not null) ? [.. turns.SelectMany(turn => turn.Calls!)] : null;
    }

    /// <summary>
    /// total + <see cref="SolverOptions.SuccessWeight"/>·success + <see cref="SolverOptions.OutcomeWeight"/>·outcome +
    /// <see cref="SolverOptions.AnswerWeight"/>·[answer] − <see cref="SolverOptions.CallPrice"/>·superfluous calls −
    /// <see cref="SolverOptions.TurnPrice"/>·superfluous turns.
    /// </summary>
    /// <param name="turns">What was said in each turn.</param>
    /// <param name="calls">As they were executed.</param>
    public static AttemptScore Add(
        AttemptScore score, ToolTask task, IReadOnlyList<string> turns, IReadOnlyList<CallOutcome> calls, SolverOptions options)
    {
        var answers = Answers(turns, options.RequireThink);
        var acting = new ActingScore(
            answers.Count(answer => answer.Calls is { Count: > 0 }),
            calls.Count,
            Success(calls),
            Outcome(task, calls),
            Says(task, turns));
        var extraCalls = Math.Max(0, calls.Count - task.Gold.Count);
        var extraTurns = Math.Max(0, acting.Turns - Math.Max(1, task.Gold.Count));
        return score with
        {
            Acting = acting,
            Total = score.Total + options.SuccessWeight * acting.Success + options.OutcomeWeight * (acting.Outcome ?? 0)
                + (acting.Answer == true ? options.AnswerWeight : 0) - options.CallPrice * extraCalls - options.TurnPrice * extraTurns,
        };
    }

    /// <summary>Of the calls that could succeed: where a tool was away, that is left out.</summary>
    private static double Success(IReadOnlyList<CallOutcome> calls)
    {
        var counted = calls.Count(call => call.Status != CallStatus.Unavailable);
        return counted == 0 ? 0 : (double)calls.Count(call => call.Status is CallStatus.Succeeded or CallStatus.SchemaChecked) / counted;
    }

    /// <summary>Share of the gold results that were obtained, each result once.</summary>
    private static double? Outcome(ToolTask task, IReadOnlyList<CallOutcome> calls)
    {
        if (task.Results is not { } results || results.Count == 0 || results.Any(result => result is null))
            return null;
        var obtained = calls.Where(call => call.Status == CallStatus.Succeeded).Select(call => Canonical(call.Result)).ToList();
        return (double)results.Count(result => obtained.Remove(Canonical(result))) / results.Count;
    }

    /// <summary>Whether the last turn, if it makes no call, contains what the last gold call returns.</summary>
    private static bool? Says(ToolTask task, IReadOnlyList<string> turns)
    {
        if (task.Results is not [.., { } last])
            return null;
        if (turns.Count < 2 || SolverAnswer.Parse(turns[^1], requireThink: false).Calls is { Count: > 0 })
            return false;
        return RelaxedJson.TryParse(last, out var result) && Grounding.IsGrounded(turns[^1], result);
    }

    private static string Canonical(string? result) => RelaxedJson.TryParse(result, out var json) ? CanonicalJson.Of(json) : result ?? "";
}
