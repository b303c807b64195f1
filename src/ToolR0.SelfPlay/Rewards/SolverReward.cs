using System.Text;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Acting;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.SelfPlay.Rewards;

/// <summary>The Solver's reward r = r_fmt + r_acc.</summary>
public static class SolverReward
{
    /// <summary>Scores of a whole group, advantages included. Attempts whose sampling or execution is void are void.</summary>
    public static IReadOnlyList<AttemptScore> ScoreGroup(ToolTask task, TaskAttempted attempt, ToolCallsExecuted executed, RunOptions options)
    {
        var acts = options.TurnsOf(attempt.Purpose == AttemptPurpose.Evaluate ? GroupKind.Evaluation : GroupKind.Solver) > 1;
        var random = options.Solver.Control == SolverControl.RandomReward && attempt.Purpose == AttemptPurpose.Train;
        var scores = attempt.Samples.Select((sample, i) =>
        {
            if (sample.Finish == FinishReason.Void)
                return Void(i, Reasons.VoidSample);
            var execution = executed.Samples.FirstOrDefault(e => e.Sample == i);
            if (execution?.VoidCause is not null)
                return Void(i, Reasons.VoidExecution);
            var score = Score(i, task, Attempts.TextsOf(sample), options.Solver);
            if (acts)
                score = ActingReward.Add(score, task, Attempts.TextsOf(sample), execution?.Calls ?? [], options.Solver);
            return random ? score with { Total = Random(sample.Seed), Reasons = [.. score.Reasons, Reasons.RandomReward] } : score;
        }).ToArray();
        var advantages = Advantages.Compute(
            [.. scores.Select(s => s.Total)], [.. scores.Select(s => s.Void)], options.Learning.AdvantageEpsilon);
        return [.. scores.Select((score, i) => score with { Advantage = advantages[i] })];
    }

    /// <summary>One completion's score, without an advantage. Format and accuracy each in [0, 1] with the default weights.</summary>
    public static AttemptScore Score(int sample, ToolTask task, string text, SolverOptions options) => Score(sample, task, [text], options);

    /// <summary>
    /// The score of a trajectory. Its format is the mean over its turns; its calls are those of all turns together. After a turn with calls an answer
    /// in plain words, without the answer's tag, is a turn that calls nothing.
    /// </summary>
    /// <param name="turns">What was said in each turn, at least one.</param>
    public static AttemptScore Score(int sample, ToolTask task, IReadOnlyList<string> turns, SolverOptions options)
    {
        var answers = ActingReward.Answers(turns, options.RequireThink);
        var reasons = new List<string>();
        double format = 0;
        for (var turn = 0; turn < answers.Count; turn++)
            format += Format(answers[turn], mayCallNothing: turn > 0 || task.Gold.Count == 0, options, reasons);
        format /= answers.Count;

        var whole = answers.Count == 1 ? answers[0] : ActingReward.Together(answers);
        var exact = whole.Calls is { } predicted && Calls.SameMultiset(predicted, task.Gold);
        var counts = whole is { BlocksPresent: true, Calls: { } made } && (made.Count > 0 || task.Gold.Count == 0);
        var match = counts ? Match(task.Gold, whole.Calls!, options) : CallMatch.None;
        Explain(task, whole, exact, match, reasons);
        return new AttemptScore(
            sample, format, match.Accuracy, match.Name, match.Keys, match.Values, match.ExtraCallFactor, format + match.Accuracy, exact,
            [.. reasons.Distinct()], 0);
    }

    private static double Format(ParsedAnswer answer, bool mayCallNothing, SolverOptions options, List<string> reasons)
    {
        var normalises = answer.Calls is { } calls && (calls.Count > 0 || mayCallNothing);
        if (!answer.HasTag)
            reasons.Add(Reasons.NoAnswerTag);
        else if (!answer.Parses)
            reasons.Add(Reasons.NotParsed);
        else if (!normalises)
            reasons.Add(answer.Calls is null ? Reasons.NotNormalised : Reasons.NoCalls);
        if (options.RequireThink && string.IsNullOrEmpty(answer.Think))
            reasons.Add(Reasons.NoThink);
        return (answer.HasTag ? options.TagWeight : 0) + (answer.Parses ? options.ParseWeight : 0) + (normalises ? options.NormaliseWeight : 0);
    }

    /// <summary>
    /// Each gold call in order takes the best unused prediction by pair score (the first of equals; none that has nothing in common with it); the
    /// mean over gold calls times 1 / (1 + 0.25 · extra calls). Where the gold answer is to call nothing, only calling nothing scores.
    /// </summary>
    public static CallMatch Match(IReadOnlyList<ToolCall> gold, IReadOnlyList<ToolCall> predicted, SolverOptions options)
    {
        var extra = Math.Max(0, predicted.Count - gold.Count);
        var factor = 1 / (1 + options.ExtraCallPenalty * extra);
        if (gold.Count == 0)
            return predicted.Count == 0 ? new CallMatch(1, 1, 1, 1, 1) : new CallMatch(0, 0, 0, 0, factor);

        var used = new bool[predicted.Count];
        double name = 0, keys = 0, values = 0, total = 0;
        foreach (var call in gold)
        {
            var best = -1;
            (double Name, double Keys, double Values, double Score) bestPair = default;
            for (var i = 0; i < predicted.Count; i++)
            {
                if (used[i])
                    continue;
                var pair = Pair(call, predicted[i], options);
                if (pair.Score > bestPair.Score)
                    (best, bestPair) = (i, pair);
            }

            if (best < 0)
                continue;
            used[best] = true;
            name += bestPair.Name;
            keys += bestPair.Keys;
            values += bestPair.Values;
            total += bestPair.Score;
        }

        return new CallMatch(name / gold.Count, keys / gold.Count, values / gold.Count, total / gold.Count * factor, factor);
    }

    /// <summary>Equal; or both numeric (also as strings) and equal; or strings equal after trimming and folding white space; or canonical JSON
    /// equal.</summary>
    public static bool ValuesMatch(JsonElement a, JsonElement b)
    {
        var (numberA, numberB) = (Number(a), Number(b));
        if (numberA is not null && numberB is not null)
            return numberA == numberB;
        if (a.ValueKind == JsonValueKind.String && b.ValueKind == JsonValueKind.String)
            return SameText(CanonicalJson.Text(a), CanonicalJson.Text(b));
        return CanonicalJson.Of(a) == CanonicalJson.Of(b);
    }

    /// <summary>Equal after trimming and folding white space.</summary>
    public static bool SameText(string a, string b) => FoldSpace(a) == FoldSpace(b);

    private static (double Name, double Keys, double Values, double Score) Pair(ToolCall gold, ToolCall predicted, SolverOptions options)
    {
        var name = gold.Name == predicted.Name ? 1.0 : 0;
        var common = gold.Arguments.Keys.Count(predicted.Arguments.ContainsKey);
        var size = gold.Arguments.Count + predicted.Arguments.Count;
        var keys = size == 0 ? 1 : 2.0 * common / size;
        var matching = gold.Arguments.Count(a => predicted.Arguments.TryGetValue(a.Key, out var value) && ValuesMatch(a.Value, value));
        var values = size == 0 ? 1 : common == 0 ? 0 : (double)matching / common;
        return (name, keys, values, options.NameWeight * name + options.KeysWeight * keys + options.ValuesWeight * values);
    }

    private static void Explain(ToolTask task, ParsedAnswer answer, bool exact, CallMatch match, List<string> reasons)
    {
        if (exact || answer.Calls is not { } calls || !answer.BlocksPresent)
            return;
        if (calls.Count > task.Gold.Count)
            reasons.Add(task.Gold.Count == 0 ? Reasons.NotRefused : Reasons.ExtraCalls);
        if (calls.Count < task.Gold.Count && calls.Count > 0)
            reasons.Add(Reasons.MissingCalls);
        if (calls.Count == 0 || task.Gold.Count == 0)
            return;
        if (match.Name < 1)
            reasons.Add(Reasons.WrongTool);
        if (match.Keys < 1)
            reasons.Add(Reasons.WrongArguments);
        if (match.Values < 1)
            reasons.Add(Reasons.WrongValues);
    }

    private static string? Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => NumberText.Normalise(value.GetRawText()),
        JsonValueKind.String => NumberText.Normalise(CanonicalJson.Text(value)),
        _ => null,
    };

    private static string FoldSpace(string text)
    {
        var folded = new StringBuilder(text.Length);
        foreach (var c in text.Trim())
        {
            if (!char.IsWhiteSpace(c))
                folded.Append(c);
            else if (folded[^1] != ' ')
                folded.Append(' ');
        }

        return folded.ToString();
    }

    /// <summary>The control's reward: uniform in [0, 1), from the sample's seed.</summary>
    private static double Random(long seed) => new SplitMix(Seeds.Derive(seed, "random-reward")).NextDouble();

    private static AttemptScore Void(int sample, string cause) => new(sample, 0, 0, 0, 0, 0, 1, 0, false, [cause], 0, Void: true);
}

/// <summary>How predicted calls meet the gold calls: means over gold calls, in [0, 1].</summary>
/// <param name="Accuracy">The weighted pair scores' mean times <paramref name="ExtraCallFactor"/>.</param>
public sealed record CallMatch(double Name, double Keys, double Values, double Accuracy, double ExtraCallFactor)
{
    public static CallMatch None { get; } = new(0, 0, 0, 0, 1);
}
