using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.Contracts;
using ToolR0.Serving.Http;
using ToolR0.Serving.Models;
using ToolR0.TinyWorld;

namespace ToolR0.Serving.Tests;

/// <summary>The shipped base, loaded once and served on a port of its own.</summary>
public sealed class Served : IAsyncLifetime
{
    public const string Name = "base-nano";

    public ServedModel Model { get; private set; } = null!;

    public ModelServer Server { get; private set; } = null!;

    public static IReadOnlyList<HeldOutItem> Items { get; } = HeldOut.Make(HeldOut.Seen, 64, 11);

    public async ValueTask InitializeAsync()
    {
        Policies.TorchRuntime.Configure(Environment.ProcessorCount);
        Model = ServedModel.Load(TinyWorldAssets.BaseNano, Name, ServerOptions.UsualBatch);
        Server = await ModelServer.StartAsync(Model, new ServerOptions(Port: 0));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Model.Dispose();
    }

    /// <summary>A tool as clients of OpenAI's interface offer it.</summary>
    public static JsonObject Function(ToolSpec tool)
    {
        var properties = new JsonObject();
        foreach (var parameter in tool.Parameters)
            properties[parameter.Name] = new JsonObject { ["type"] = parameter.Type };
        return new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = tool.Name,
                ["description"] = tool.Description,
                ["parameters"] = new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = properties,
                    ["required"] = new JsonArray([.. tool.Required.Select(name => (JsonNode)name)]),
                },
            },
        };
    }

    /// <summary>A request that asks an item's question.</summary>
    public static JsonObject Request(HeldOutItem item, params (string Name, JsonNode? Value)[] more)
    {
        var request = new JsonObject
        {
            ["model"] = Name,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = item.Task.Question }),
            ["tools"] = new JsonArray([.. item.Task.Menu.Select(Function)]),
            ["temperature"] = 0,
        };
        foreach (var (name, value) in more)
            request[name] = value;
        return request;
    }

    public static JsonElement Element(JsonNode node) => JsonSerializer.SerializeToElement(node);
}
