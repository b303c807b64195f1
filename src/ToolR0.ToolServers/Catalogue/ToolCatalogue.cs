using System.Text;
using System.Text.Json;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.ToolServers.Arguments;
using ToolR0.ToolServers.Configuration;

namespace ToolR0.ToolServers.Catalogue;

/// <summary>The tools that one server lists, raw.</summary>
/// <param name="Executable">False where only schemas are known.</param>
public sealed record OfferedTools(ServerDefinition Server, IReadOnlyList<JsonElement> Tools, bool Executable = true);

/// <summary>
/// The tools of all sources: each offered tool is used or refused with a reason, and one that is refused costs no other. Schemas are kept as they
/// were
/// served; the checks are made with them.
/// </summary>
public sealed class ToolCatalogue
{
    private readonly Dictionary<string, (CatalogueTool Tool, ToolSchema Schema)> _tools;

    private ToolCatalogue(List<(CatalogueTool Tool, ToolSchema Schema)> tools, List<RefusedTool> refused)
    {
        _tools = tools.ToDictionary(entry => entry.Tool.Name, StringComparer.Ordinal);
        Tools = [.. tools.Select(entry => entry.Tool)];
        Refused = refused;
    }

    /// <summary>Tools that are used, in the order in which they were offered.</summary>
    public IReadOnlyList<CatalogueTool> Tools { get; }

    public IReadOnlyList<RefusedTool> Refused { get; }

    /// <summary>SHA-256 of the canonical JSON of the used tools and the names of the refused ones: the catalogue's name in the store.</summary>
    public string Digest => _digest ??= Digests.Sha256Hex(Canonical());

    private string? _digest;

    public CatalogueTool? Find(string name) => _tools.TryGetValue(name, out var entry) ? entry.Tool : null;

    /// <summary>The check of a tool's arguments, or null for an unknown tool.</summary>
    public ToolSchema? SchemaOf(string name) => _tools.TryGetValue(name, out var entry) ? entry.Schema : null;

    public static ToolCatalogue Of(IEnumerable<OfferedTools> offers, ToolOptions options)
    {
        var (accepted, refused) = (new List<(CatalogueTool Tool, ToolSchema Schema)>(), new List<RefusedTool>());
        foreach (var offer in offers)
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (var raw in offer.Tools)
            {
                var name = Text(raw, "name");
                if (Refusal(raw, name, offer, options, names) is { } reason)
                    refused.Add(new RefusedTool(offer.Server.Name, name.Length > 0 ? name : "(no name)", reason));
                else if (ToolSchema.TryCreate(raw.GetProperty("inputSchema"), out var schema) is { } invalid)
                    refused.Add(new RefusedTool(offer.Server.Name, name, invalid));
                else
                    accepted.Add((Entry(raw, name, offer), schema!));
            }
        }

        // Names that differ in - and _ or in case only are one name to a model.
        var shared = accepted.GroupBy(entry => Folded(entry.Tool.ServerTool)).Where(g => g.Select(e => e.Tool.Server).Distinct().Count() > 1)
            .Select(g => g.Key).ToHashSet();
        var used = new List<(CatalogueTool, ToolSchema)>();
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (tool, schema) in accepted)
        {
            var name = shared.Contains(Folded(tool.ServerTool)) ? Prefixed(tool) : tool.Name;
            if (!taken.Add(name))
                refused.Add(new RefusedTool(tool.Server, tool.ServerTool, $"its name in the catalogue, {name}, is taken"));
            else if (options.Allow.Count > 0 && !NamePattern.Any(options.Allow, name, tool.ServerTool))
                refused.Add(new RefusedTool(tool.Server, tool.ServerTool, "it is not in tools.allow"));
            else if (NamePattern.Any(options.Deny, name, tool.ServerTool))
                refused.Add(new RefusedTool(tool.Server, tool.ServerTool, "it is in tools.deny"));
            else if (options.ReadOnlyOnly && !tool.ReadOnly && tool.Executable)
                refused.Add(new RefusedTool(tool.Server, tool.ServerTool, "it does not say that it is read-only (tools.readOnlyOnly=false takes it)"));
            else
                used.Add((tool with { Name = name }, schema));
        }

        return new ToolCatalogue(used, refused);
    }

    /// <summary>Why a tool cannot be used whatever its schema says, or null.</summary>
    private static string? Refusal(JsonElement raw, string name, OfferedTools offer, ToolOptions options, HashSet<string> names)
    {
        if (raw.ValueKind != JsonValueKind.Object)
            return "it is not an object";
        if (name.Length is 0 or > 128 || name.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
            return "its name must be text of 1 to 128 characters without spaces";
        if (!names.Add(name))
            return "its server offers two tools of that name; the first is taken";
        if (offer.Server.OnlyTools.Count > 0 && !NamePattern.Any(offer.Server.OnlyTools, name))
            return "the configuration includes other tools only";
        if (NamePattern.Any(offer.Server.HiddenTools, name))
            return "the configuration leaves it out";
        if (raw.TryGetProperty("execution", out var execution) && Text(execution, "taskSupport") == "required")
            return "it can be called as a task only (execution.taskSupport)";
        return raw.TryGetProperty("inputSchema", out _) ? null : "it has no inputSchema";
    }

    private static CatalogueTool Entry(JsonElement raw, string name, OfferedTools offer)
    {
        var annotations = ToolAnnotations.Of(raw);
        var title = Text(raw, "title");
        if (title.Length == 0 && raw.TryGetProperty("annotations", out var said))
            title = Text(said, "title");
        return new CatalogueTool(
            name,
            offer.Server.Name,
            name,
            title,
            Text(raw, "description"),
            raw.GetProperty("inputSchema").GetRawText(),
            Raw(raw, "outputSchema"),
            Raw(raw, "annotations"),
            annotations.ReadOnly,
            annotations.Idempotent,
            offer.Executable);
    }

    /// <summary>Server and tool with one underscore between; signs that no model's call may hold become underscores.</summary>
    private static string Prefixed(CatalogueTool tool) =>
        string.Concat(tool.Server.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '_')) + "_" + tool.ServerTool;

    private static string Folded(string name) => name.Replace('-', '_').ToLowerInvariant();

    private string Canonical()
    {
        var text = new StringBuilder();
        foreach (var tool in Tools)
        {
            var json = JsonSerializer.SerializeToElement(new
            {
                tool.Name,
                tool.Server,
                tool.ServerTool,
                tool.Title,
                tool.Description,
                Schema = Canonical(tool.Schema),
                OutputSchema = Canonical(tool.OutputSchema),
                Annotations = Canonical(tool.Annotations),
                tool.Executable,
            });
            text.Append(CanonicalText.Of(json)).Append('\n');
        }

        foreach (var tool in Refused)
            text.Append(CanonicalText.Of(JsonSerializer.SerializeToElement(new { tool.Server, tool.Name }))).Append('\n');
        return text.ToString();
    }

    private static string Canonical(string json)
    {
        if (json.Length == 0)
            return "";
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = CanonicalText.Depth });
        return CanonicalText.Of(document.RootElement);
    }

    private static string Text(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(field, out var text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : "";

    private static string Raw(JsonElement value, string field) =>
        value.TryGetProperty(field, out var json) && json.ValueKind == JsonValueKind.Object ? json.GetRawText() : "";
}
