using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.Evaluation.Scoring;

/// <summary>A case that can not be scored: the message names the field, the value and the rule.</summary>
public sealed class CaseException(string message) : Exception(message);

/// <summary>
/// Scores completions from elsewhere by the same rules as a run's. A solver case has <c>completion</c> and <c>gold</c>; a generator case has
/// <c>completion</c> and, where they are known, <c>spec</c>, <c>solverCalls</c> (the K sampled answers) and <c>judge</c> (1 to 5). Other fields are
/// not looked at. Nothing is executed: gold calls count as runnable.
/// </summary>
public static class CaseScorer
{
    /// <summary>The components of a Solver completion.</summary>
    /// <exception cref="CaseException">The case is not one.</exception>
    public static AttemptScore Solver(JsonElement item, SolverOptions options) => Read(() => SolverCase(item, options));

    /// <summary>
    /// The components of a Generator completion. Without <c>solverCalls</c> the difficulty is not known and counts as 0
    /// (<see cref="Reasons.NotProbed"/>); without <c>judge</c> coherence is null and counts as 0, unless <see cref="JudgeOptions.OnFailure"/> makes
    /// it the middle score. What is given counts even where a run would not have asked, unless <see cref="GeneratorRewardOptions.StrictGate"/> says
    /// otherwise; nothing counts for a placeholder.
    /// </summary>
    /// <exception cref="CaseException">The case is not one.</exception>
    public static ProposalScore Generator(JsonElement item, RunOptions options) => Read(() => GeneratorCase(item, options));

    private static T Read<T>(Func<T> scored)
    {
        try
        {
            return scored();
        }
        catch (InvalidOperationException)
        {
            // What System.Text.Json says of an escaped name that is no text.
            throw new CaseException("a name holds half a surrogate pair: must be Unicode text");
        }
    }

    private static AttemptScore SolverCase(JsonElement item, SolverOptions options)
    {
        var completion = Completion(item);
        if (!item.TryGetProperty("gold", out var gold))
            throw new CaseException("gold: is missing: must be a list of calls");
        return SolverReward.Score(0, new ToolTask("", [], CallsOf(gold, "gold")), completion, options);
    }

    private static ProposalScore GeneratorCase(JsonElement item, RunOptions options)
    {
        var reward = options.Generator.Reward;
        var proposal = ProposalParser.ParseForReward(Completion(item));
        var spec = Given(item, "spec") is { } asked ? Spec(asked, reward.SpecObedience) : null;
        var answers = Given(item, "solverCalls") is { } sampled ? Answers(sampled) : [];
        var coherence = (Given(item, "judge") is { } said ? Score(said) : Judge.Unreadable(options.Judge)) is { } score ? Judge.Coherence(score)
            : (double?)null;
        if (Placeholder.IsPlaceholder(proposal.Question, reward.MinQuestionLength))
            return GeneratorReward.Compose(0, proposal, spec, null, answers.Count, null, 1, reward) with { Coherence = 0 };

        // A gold answer that is none is agreed with by nobody.
        var gold = proposal.Gold is { } calls && (calls.Count > 0 || spec?.Calls == 0) ? calls : null;
        if (answers.Count == 0)
            return GeneratorReward.Compose(0, proposal, spec, null, 0, coherence, 1, reward, gold is null ? [] : [Reasons.NotProbed]);
        var probes = Difficulty.Probe(gold ?? [], answers);
        if (gold is null)
            probes = probes with { PassRate = 0, GoldIsMode = false };
        return GeneratorReward.Compose(0, proposal, spec, probes, answers.Count, coherence, 1, reward);
    }

    private static string Completion(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object)
            throw new CaseException($"the line is {Kind(item)}: must be a JSON object");
        if (!item.TryGetProperty("completion", out var completion))
            throw new CaseException("completion: is missing: must be a text");
        return Text(completion, "completion");
    }

    private static List<IReadOnlyList<ToolCall>?> Answers(JsonElement sampled)
    {
        if (sampled.ValueKind != JsonValueKind.Array)
            throw new CaseException($"solverCalls: is {Kind(sampled)}: must be a list of lists of calls");
        return [.. sampled.EnumerateArray()
            .Select((answer, i) => answer.ValueKind == JsonValueKind.Null ? null : CallsOf(answer, $"solverCalls[{i}]"))];
    }

    private static IReadOnlyList<ToolCall> CallsOf(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.Array)
            throw new CaseException($"{field}: is {Kind(value)}: must be a list of calls");
        var i = 0;
        var calls = new List<ToolCall>();
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object || !Calls.TryNormalise(item, out var call, ellipsis: true))
                throw new CaseException($"{field}[{i}]: is not a call: must have a name and an object of arguments");
            calls.AddRange(call);
            i++;
        }

        return calls;
    }

    /// <param name="spec">The case's.</param>
    /// <param name="obeyed">Whether its numbers are compared with the proposal's; elsewhere one that is missing is not missed.</param>
    private static TaskSpec Spec(JsonElement spec, bool obeyed)
    {
        if (spec.ValueKind != JsonValueKind.Object)
            throw new CaseException($"spec: is {Kind(spec)}: must be an object with menuSize and calls");
        var context = Given(spec, "context");
        return new TaskSpec(
            Given(spec, "domain") is { } domain ? Text(domain, "spec.domain") : "",
            context is null ? TaskContext.SingleTurn : Text(context.Value, "spec.context").Replace("_", "").ToLowerInvariant() switch
            {
                "singleturn" => TaskContext.SingleTurn,
                "multiturn" => TaskContext.MultiTurn,
                _ => throw new CaseException($"spec.context: {Short(context.Value)} must be single_turn or multi_turn"),
            },
            Number(spec, "menuSize", least: 1, obeyed),
            Number(spec, "calls", least: 0, obeyed));
    }

    private static int Number(JsonElement spec, string name, int least, bool needed)
    {
        if (Given(spec, name) is not { } value)
            return !needed ? 1 : throw new CaseException($"spec.{name}: is missing: must be an integer of at least {least}");
        return Integer(value) is { } number && number >= least
            ? number
            : throw new CaseException($"spec.{name}: {Short(value)} must be an integer of at least {least}");
    }

    private static int Score(JsonElement judge) =>
        Integer(judge) is { } score and >= Judge.LowestScore and <= Judge.HighestScore
            ? score
            : throw new CaseException($"judge: {Short(judge)} must be an integer from {Judge.LowestScore} to {Judge.HighestScore}, or null");

    /// <summary>A whole number however it is written: tables with gaps write 3 as 3.0.</summary>
    private static int? Integer(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == Math.Floor(number)
            && Math.Abs(number) <= int.MaxValue
            ? (int)number
            : null;

    private static string Text(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw new CaseException($"{field}: is {Kind(value)}: must be a text");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new CaseException($"{field}: holds half a surrogate pair: must be Unicode text");
        }
    }

    /// <summary>A field that is there and not null.</summary>
    private static JsonElement? Given(JsonElement holder, string name) =>
        holder.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string Short(JsonElement value) => value.GetRawText() is { Length: > 40 } text ? text[..40] + "…" : value.GetRawText();

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "a truth value",
    };
}
