using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Acting;

/// <summary>
/// Gold calls that need the result of an earlier one. Nobody knows the result when the task is written, so an argument says <c>"$1"</c> for what the
/// first call returns; once that call was executed, its result takes the place.
/// </summary>
public static class GoldReferences
{
    /// <summary>The number of the call, from 1, whose result a value stands for; null for a value of its own.</summary>
    public static int? Of(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && value.GetString() is ['$', >= '1' and <= '9' and var digit] ? digit - '0' : null;

    /// <summary>Whether a call refers to an earlier one.</summary>
    public static bool Any(IEnumerable<ToolCall> calls) => calls.Any(call => call.Arguments.Values.Any(value => Of(value) is not null));

    /// <summary>Every reference is to a call before its own.</summary>
    public static bool AreToEarlier(IReadOnlyList<ToolCall> calls) =>
        calls.Select((call, at) => call.Arguments.Values.All(value => Of(value) is not { } number || number <= at)).All(fine => fine);

    /// <summary>
    /// A call with results in the places that refer to them. A result that is an object with one property stands for that property's value; for a
    /// parameter of type string a number becomes its text, for one of type integer or number a numeric text becomes a number.
    /// </summary>
    /// <param name="results">JSON text of what each earlier call returned, null where it returned nothing.</param>
    /// <param name="tool">Whose parameters say what type is wanted; null: the result stays as it is.</param>
    /// <param name="problem">Why a reference has no value; null when all have.</param>
    public static ToolCall Resolve(ToolCall call, IReadOnlyList<string?> results, ToolSpec? tool, out string? problem)
    {
        problem = null;
        if (!Any([call]))
            return call;
        var arguments = new Dictionary<string, JsonElement>();
        foreach (var (name, value) in call.Arguments)
        {
            if (Of(value) is not { } number)
            {
                arguments[name] = value;
                continue;
            }

            if (number > results.Count || results[number - 1] is not { } result)
            {
                problem = $"{call.Name}.{name}: call {number} has no result";
                return call;
            }

            arguments[name] = ValueOf(result, tool?.Parameters.FirstOrDefault(parameter => parameter.Name == name)?.Type);
        }

        return call with { Arguments = arguments };
    }

    /// <summary>A task with the results of its gold calls, and the calls as they were executed.</summary>
    /// <param name="execution">Of the gold calls; where they did not all run, the task stays as it is.</param>
    public static ToolTask Apply(ToolTask task, SampleExecution? execution) =>
        execution is { VoidCause: null } && execution.Calls.Count == task.Gold.Count && execution.Calls.Count > 0
        && execution.Calls.All(call => call.Status is CallStatus.Succeeded or CallStatus.SchemaChecked)
            ? task with
            {
                Gold = Any(task.Gold) ? [.. execution.Calls.Select(call => call.Call)] : task.Gold,
                Results = [.. execution.Calls.Select(call => call.Result)],
            }
            : task;

    private static JsonElement ValueOf(string result, string? type)
    {
        using var document = JsonDocument.Parse(result);
        var value = document.RootElement;
        if (value.ValueKind == JsonValueKind.Object && value.EnumerateObject().ToList() is [var only])
            value = only.Value;
        return (type, value.ValueKind) switch
        {
            ("string", JsonValueKind.Number) => Parsed(JsonSerializer.Serialize(value.GetRawText())),
            ("integer" or "number", JsonValueKind.String) when NumberText.Normalise(value.GetString()!) is { } number => Parsed(number),
            _ => value.Clone(),
        };
    }

    private static JsonElement Parsed(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
