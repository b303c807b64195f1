using System.Text;
using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.SelfPlay.World;

/// <summary>The compact JSON of the tiny world: no white space, a parameter as <c>"name":"type"</c>, arguments in the menu's order.</summary>
public static class WorldJson
{
    public static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    public static string Quote(string text) => JsonSerializer.Serialize(text);

    public static string Menu(IEnumerable<ToolSpec> menu)
    {
        var text = new StringBuilder("[");
        foreach (var tool in menu)
        {
            var parameters = tool.Parameters.Select(p => $"{Quote(p.Name)}:{Quote(tool.Required.Contains(p.Name) ? p.Type : p.Type + "?")}");
            text.Append(text.Length > 1 ? "," : "").Append($"{{\"name\":{Quote(tool.Name)},\"parameters\":{{{string.Join(',', parameters)}}}}}");
        }

        return text.Append(']').ToString();
    }

    public static string Calls(IEnumerable<ToolCall> calls) => $"[{string.Join(',', calls.Select(Call))}]";

    private static string Call(ToolCall call) =>
        $"{{\"name\":{Quote(call.Name)},\"arguments\":{{{string.Join(',', call.Arguments.Select(a => $"{Quote(a.Key)}:{a.Value.GetRawText()}"))}}}}}";
}
