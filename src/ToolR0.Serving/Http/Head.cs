using System.Text.Json.Nodes;
using ToolR0.Serving.Models;

namespace ToolR0.Serving.Http;

/// <summary>What stands at the head of an answer and of each of its chunks.</summary>
internal sealed record Head(string Id, ServedModel Model, string Kind)
{
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    public JsonObject ToJson(JsonArray choices, string suffix = "") => new()
    {
        ["id"] = Id,
        ["object"] = Kind + suffix,
        ["created"] = _created,
        ["model"] = Model.Name,
        ["system_fingerprint"] = $"toolr0-{Model.Sha256[..12]}",
        ["choices"] = choices,
    };
}
