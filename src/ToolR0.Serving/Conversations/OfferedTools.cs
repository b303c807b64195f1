using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.SelfPlay.Parsing;
using ToolR0.SelfPlay.Specs;

namespace ToolR0.Serving.Conversations;

/// <summary>Brings tools into the two forms in which models see them.</summary>
public static class OfferedTools
{
    private static readonly JsonElement NoParameters = JsonSerializer.SerializeToElement(new { type = "object", properties = new { } });

    /// <summary>
    /// A function in OpenAI's form. On a menu it stands as a catalogue's tool does in training, shortened where it is long; one that no catalogue
    /// would take stands there as it is.
    /// </summary>
    /// <param name="function">name, and if they are there description and parameters.</param>
    /// <param name="tokens">See <see cref="CatalogueMenus.Of"/>.</param>
    public static OfferedTool Of(JsonElement function, int tokens)
    {
        var name = function.GetProperty("name").GetString()!;
        var description = function.TryGetProperty("description", out var said) && said.ValueKind == JsonValueKind.String ? said.GetString()! : "";
        var isObject = function.TryGetProperty("parameters", out var given) && given.ValueKind == JsonValueKind.Object;
        var schema = (isObject ? given : NoParameters).GetRawText();
        return Of(new CatalogueTool(name, "", name, "", description, schema, "", "", ReadOnly: false, Idempotent: false, Executable: false), tokens);
    }

    /// <inheritdoc cref="Of(JsonElement, int)"/>
    public static OfferedTool Of(CatalogueTool tool, int tokens)
    {
        var function = new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = tool.Name,
                ["description"] = tool.Description.Length > 0 ? tool.Description : tool.Title,
                ["parameters"] = JsonNode.Parse(tool.Schema, documentOptions: new JsonDocumentOptions { MaxDepth = 512 }),
            },
        };
        var json = JsonSerializer.SerializeToElement(function, new JsonSerializerOptions { MaxDepth = 512 });
        if (CatalogueMenus.Of([tool], tokens).Tools is [var fitted])
            return new OfferedTool(fitted.Tool, json);
        var list = JsonSerializer.SerializeToElement(new JsonArray(function), new JsonSerializerOptions { MaxDepth = 512 });
        return new OfferedTool(MenuReader.Read(list, out _)![0], json);
    }
}
