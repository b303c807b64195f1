using System.Text.Json;

namespace ToolR0.TinyWorld;

internal static class WorldJson
{
    internal static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
