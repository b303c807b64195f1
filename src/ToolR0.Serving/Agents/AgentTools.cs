using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Serving.Conversations;
using ToolR0.ToolServers.Sessions;

namespace ToolR0.Serving.Agents;

/// <summary>The tools of an agent.</summary>
/// <param name="servers">Null where it has none. Not owned.</param>
/// <param name="toolTokens">See <see cref="OfferedTools.Of(CatalogueTool, int)"/>.</param>
internal sealed class AgentTools(ToolServerSet? servers, int toolTokens)
{
    /// <summary>What the model is offered.</summary>
    public IReadOnlyList<OfferedTool> Offered { get; } =
        [.. servers?.Catalogue.Tools.Select(tool => OfferedTools.Of(tool, toolTokens)) ?? []];

    /// <summary>False for a tool that is unknown: its call is refused without being made, whoever agrees.</summary>
    public bool ChangesSomething(string name) => servers?.Catalogue.Find(name) is { ReadOnly: false };

    /// <summary>Calls a tool.</summary>
    public Task<CallResult> CallAsync(ToolCall call, CancellationToken cancellation)
    {
        var arguments = new JsonObject();
        foreach (var (name, value) in call.Arguments)
            arguments[name] = JsonNode.Parse(value.GetRawText());
        return servers is null
            ? Task.FromResult(CallResult.Mistake($"there is no tool {call.Name}"))
            : servers.CallAsync(call.Name, JsonSerializer.SerializeToElement(arguments), cancellation);
    }
}
