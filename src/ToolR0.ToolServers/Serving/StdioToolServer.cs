using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using ToolR0.Contracts;
using ToolR0.ToolServers.Arguments;

namespace ToolR0.ToolServers.Serving;

/// <summary>Tools with an implementation here, as a server of the Model Context Protocol on standard input and output.</summary>
public sealed class StdioToolServer
{
    private readonly Dictionary<string, (ToolImplementation Run, ToolSchema Schema)> _tools = new(StringComparer.Ordinal);
    private readonly List<Tool> _listed = [];
    private readonly ToolState _state = new();

    /// <param name="readOnly">Whether a tool, by its name, changes nothing that another call sees.</param>
    public StdioToolServer(IEnumerable<ToolSpec> specs, IEnumerable<ToolImplementation> implementations, Func<string, bool> readOnly)
    {
        var runs = implementations.ToDictionary(i => i.Name);
        foreach (var spec in specs.Where(spec => runs.ContainsKey(spec.Name)))
        {
            var raw = SchemaOf(spec);
            if (ToolSchema.TryCreate(raw, out var schema) is { } problem)
                throw new ArgumentException($"{spec.Name}: {problem}", nameof(specs));
            _tools[spec.Name] = (runs[spec.Name], schema!);
            var isReadOnly = readOnly(spec.Name);
            _listed.Add(new Tool
            {
                Name = spec.Name,
                Description = spec.Description.Length > 0 ? spec.Description : null,
                InputSchema = raw,
                Annotations = new() { ReadOnlyHint = isReadOnly, DestructiveHint = !isReadOnly, OpenWorldHint = false },
            });
        }
    }

    /// <summary>The JSON Schema of a flat list of parameters.</summary>
    public static JsonElement SchemaOf(ToolSpec spec)
    {
        var properties = new JsonObject();
        foreach (var parameter in spec.Parameters)
        {
            var property = new JsonObject { ["type"] = parameter.Type };
            if (parameter.Description.Length > 0)
                property["description"] = parameter.Description;
            properties[parameter.Name] = property;
        }

        return JsonSerializer.SerializeToElement(new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["required"] = new JsonArray([.. spec.Required.Select(name => JsonValue.Create(name))]),
            ["additionalProperties"] = false,
        });
    }

    /// <summary>Serves until the input ends.</summary>
    public async Task RunAsync(string name, CancellationToken cancellation)
    {
        var options = new McpServerOptions
        {
            ServerInfo = new Implementation { Name = name, Version = "1" },
            Capabilities = new ServerCapabilities { Tools = new ToolsCapability() },
            Handlers = new McpServerHandlers
            {
                ListToolsHandler = (_, _) => ValueTask.FromResult(new ListToolsResult { Tools = _listed }),
                CallToolHandler = (request, token) => ValueTask.FromResult(Call(request.Params!, token)),
            },
        };
        await using var transport = new StdioServerTransport(options);
        await using var server = McpServer.Create(transport, options);
        await server.RunAsync(cancellation);
    }

    private CallToolResult Call(CallToolRequestParams call, CancellationToken cancellation)
    {
        if (!_tools.TryGetValue(call.Name, out var tool))
            return Answer($"there is no tool {call.Name}", isError: true);
        var arguments = JsonSerializer.SerializeToElement(call.Arguments ?? new Dictionary<string, JsonElement>());
        if (tool.Schema.Check(arguments) is { Count: > 0 } problems)
            return Answer(string.Join("; ", problems), isError: true);
        try
        {
            var values = arguments.EnumerateObject().ToDictionary(member => member.Name, member => member.Value);
            lock (_state)
                return Answer(JsonSerializer.Serialize(tool.Run.Run(new ToolArguments(values), _state, cancellation)), isError: false);
        }
        catch (ToolArgumentException wrong)
        {
            return Answer(wrong.Message, isError: true);
        }
    }

    private static CallToolResult Answer(string text, bool isError) =>
        new() { Content = [new TextContentBlock { Text = text }], IsError = isError };
}
