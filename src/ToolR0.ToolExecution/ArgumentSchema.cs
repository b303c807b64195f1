using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.ToolExecution;

/// <summary>Checks a call's arguments by name and primitive type.</summary>
public static class ArgumentSchema
{
    /// <summary>The first thing wrong with a call by its menu entry, in one line, or null.</summary>
    public static string? Problem(ToolCall call, ToolSpec tool) =>
        Problem(call, tool.Parameters.ToDictionary(p => p.Name, p => p.Type), tool.Required);

    /// <summary>The first thing wrong with a call by a list of parameters and their types, in one line, or null.</summary>
    public static string? Problem(ToolCall call, IReadOnlyDictionary<string, string> types, IEnumerable<string> required)
    {
        if (required.FirstOrDefault(name => !call.Arguments.ContainsKey(name)) is { } missing)
            return $"argument '{missing}' of {call.Name} is missing";
        foreach (var (name, value) in call.Arguments)
        {
            if (!types.TryGetValue(name, out var type))
                return $"{call.Name} has no parameter '{name}'";
            if (!Fits(value, type))
                return $"argument '{name}' of {call.Name} is {value.GetRawText()}: must be {type}";
        }

        return null;
    }

    private static bool Fits(JsonElement value, string type) => type switch
    {
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "number" => value.ValueKind == JsonValueKind.Number && double.IsFinite(value.GetDouble()),
        "integer" => value.ValueKind == JsonValueKind.Number && value.GetDouble() is var number && double.IsInteger(number),
        _ => true,
    };
}
