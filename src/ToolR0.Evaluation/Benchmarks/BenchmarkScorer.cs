using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Rewards;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>What is wrong with an answer. <paramref name="Class"/> is one of structural, semantic, format; <paramref name="Kind"/> says what
/// exactly.</summary>
public sealed record BenchmarkError(string Class, string Kind, string Detail)
{
    public const string Structural = "structural", Semantic = "semantic", Format = "format";

    public static BenchmarkError WrongTool(string detail) => new(Structural, "wrong_tool", detail);

    public static BenchmarkError CallCount(int right, int given) => new(Structural, "call_count", $"{given} calls instead of {right}");

    public static BenchmarkError MissingArgument(string name) => new(Structural, "missing_argument", name);

    public static BenchmarkError ExtraArgument(string name) => new(Structural, "extra_argument", name);

    public static BenchmarkError WrongValue(string name, JsonElement value) => new(Semantic, "wrong_value", $"{name}: {value.GetRawText()}");

    public static BenchmarkError WrongType(string name, JsonElement value) => new(Semantic, "wrong_type", $"{name}: {value.GetRawText()}");

    public static BenchmarkError NotParsed(string detail) => new(Format, "not_parsed", detail);

    public static BenchmarkError PromptTooLong(int tokens, int limit) => new(Format, "prompt_too_long", $"{tokens} tokens, the limit is {limit}");

    /// <summary>How far the answer got: the tool, its arguments, their values.</summary>
    internal int Progress => Kind switch
    {
        "wrong_tool" => 0,
        "missing_argument" or "extra_argument" => 1,
        _ => 2,
    };
}

/// <summary>
/// Scores answers by each set's own rules. As many calls as the gold answer has, in any order, each the gold call's tool with its arguments. Sets
/// that list allowed values follow the leaderboard's AST rules (<see cref="AllowedValues"/>); elsewhere values match as in the Solver's reward,
/// except that an argument whose declared type is text is compared as text: 02134 is not 2134.
/// </summary>
public static class BenchmarkScorer
{
    private static readonly string[] TextTypes =
        ["string", "str", "text", "char", "date", "time", "datetime", "date-time", "uri", "url", "email", "uuid", "phone"];

    /// <summary>Null for a right answer.</summary>
    /// <param name="calls">Null where the answer did not parse.</param>
    public static BenchmarkError? Score(BenchmarkItem item, IReadOnlyList<ToolCall>? calls)
    {
        var gold = item.Allowed?.Count ?? item.Task.Gold.Count;

        // Where no tool fits, an answer that calls nothing is right, whatever else it says.
        if (gold == 0)
            return calls is { Count: > 0 } ? BenchmarkError.CallCount(0, calls.Count) : null;
        if (calls is null)
            return BenchmarkError.NotParsed("no list of calls in the answer");
        if (calls.Count != gold)
            return BenchmarkError.CallCount(gold, calls.Count);

        var left = calls.ToList();
        for (var i = 0; i < gold; i++)
        {
            BenchmarkError? nearest = null;
            var match = left.FindIndex(call =>
            {
                var error = item.Allowed is { } allowed ? AllowedValues.Check(allowed[i], item.Schemas![allowed[i].Name], call)
                    : Check(item.Task, item.Task.Gold[i], call);
                if (error is not null && (nearest is null || error.Progress > nearest.Progress))
                    nearest = error;
                return error is null;
            });
            if (match < 0)
                return nearest;
            left.RemoveAt(match);
        }

        return null;
    }

    private static BenchmarkError? Check(ToolTask task, ToolCall gold, ToolCall call)
    {
        if (call.Name != gold.Name)
            return BenchmarkError.WrongTool($"{call.Name} instead of {gold.Name}");
        if (gold.Arguments.Keys.FirstOrDefault(name => !call.Arguments.ContainsKey(name)) is { } missing)
            return BenchmarkError.MissingArgument(missing);
        if (call.Arguments.Keys.FirstOrDefault(name => !gold.Arguments.ContainsKey(name)) is { } extra)
            return BenchmarkError.ExtraArgument(extra);
        var texts = task.Menu.FirstOrDefault(tool => tool.Name == gold.Name)?.Parameters.Where(parameter => IsText(parameter.Type))
            .Select(parameter => parameter.Name).ToHashSet();
        var wrong = gold.Arguments.FirstOrDefault(argument =>
            !Match(argument.Value, call.Arguments[argument.Key], texts?.Contains(argument.Key) == true)).Key;
        return wrong is null ? null : BenchmarkError.WrongValue(wrong, call.Arguments[wrong]);
    }

    private static bool Match(JsonElement gold, JsonElement value, bool isText) =>
        isText && Written(gold) is { } a && Written(value) is { } b ? SolverReward.SameText(a, b) : SolverReward.ValuesMatch(gold, value);

    /// <summary>A text, or a number as it is written; null for what is neither.</summary>
    private static string? Written(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => CanonicalJson.Text(value),
        JsonValueKind.Number => value.GetRawText(),
        _ => null,
    };

    /// <summary>The declared type is one whose values are texts; some sets write "str, optional".</summary>
    private static bool IsText(string type) => TextTypes.Contains(type.Split(',')[0].Trim(), StringComparer.OrdinalIgnoreCase);
}
