using System.Text.Json;
using System.Text.Json.Nodes;

namespace ToolR0.ToolServers.Configuration;

/// <summary>Reads functions in OpenAI's form, with or without the object around each, or tools as a server lists them.</summary>
internal static class FunctionReader
{
    public static ToolSource Read(JsonElement list, string file)
    {
        var (functions, problems) = (new List<JsonElement>(), new List<SourceProblem>());
        var number = 0;
        foreach (var entry in list.EnumerateArray())
        {
            var place = $"[{number++}]";
            if (entry.ValueKind != JsonValueKind.Object)
            {
                problems.Add(new SourceProblem(file, "", place, "must be an object"));
                continue;
            }

            var function = entry.TryGetProperty("function", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : entry;
            if (!function.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String)
                problems.Add(new SourceProblem(file, "", place, "must have a name"));
            else if (function.TryGetProperty("inputSchema", out _))
                functions.Add(function);
            else
                functions.Add(AsTool(function));
        }

        return new ToolSource(file, [], functions, problems);
    }

    /// <summary>A function without parameters takes none.</summary>
    private static JsonElement AsTool(JsonElement function)
    {
        var tool = new JsonObject();
        foreach (var field in function.EnumerateObject().Where(field => field.Name is "name" or "description"))
            tool[field.Name] = JsonNode.Parse(field.Value.GetRawText());
        tool["inputSchema"] = function.TryGetProperty("parameters", out var schema)
            ? JsonNode.Parse(schema.GetRawText())
            : new JsonObject { ["type"] = "object" };
        return JsonSerializer.SerializeToElement(tool);
    }
}
