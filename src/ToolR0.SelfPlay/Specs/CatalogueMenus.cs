using System.Text.Json;
using System.Text.RegularExpressions;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;
using ToolR0.SelfPlay.Parsing;

namespace ToolR0.SelfPlay.Specs;

/// <summary>
/// From the tools of a catalogue, with schemas of any size, to tools that stand on a menu: flat parameters of simple types and short texts. The raw
/// schema stays in the catalogue and goes on to check calls.
/// </summary>
public static partial class CatalogueMenus
{
    /// <summary>Characters that a token of such texts has, about.</summary>
    private const int CharactersPerToken = 4;

    private const int LongestMeaning = 60;
    private const int MostValues = 8;

    [GeneratedRegex(@"^[\p{L}_][\w.\-]*$")]
    private static partial Regex ParameterName { get; }

    [GeneratedRegex(@"^[^\s()<>,]+$")]
    private static partial Regex ToolName { get; }

    /// <summary>The tools that can stand on a menu, in the catalogue's order, and the others with the reason.</summary>
    /// <param name="tokens">About so many tokens of a tool at most: optional parameters, then texts are left out.</param>
    public static (IReadOnlyList<MenuTool> Tools, IReadOnlyList<RefusedTool> Refused) Of(IReadOnlyList<CatalogueTool> catalogue, int tokens)
    {
        var (tools, refused) = (new List<MenuTool>(), new List<RefusedTool>());
        foreach (var tool in catalogue)
        {
            var (spec, reason) = Of(tool, tokens);
            if (spec is not null)
                tools.Add(new MenuTool(tool.Server, spec));
            else
                refused.Add(new RefusedTool(tool.Server, tool.Name, reason!));
        }

        return (tools, refused);
    }

    private static (ToolSpec? Spec, string? Reason) Of(CatalogueTool tool, int tokens)
    {
        if (!ToolName.IsMatch(tool.Name))
            return (null, "its name cannot be written on a menu");
        using var document = JsonDocument.Parse(tool.Schema, new JsonDocumentOptions { MaxDepth = 512 });
        var root = document.RootElement;
        List<string> required = [.. Items(root, "required").Where(r => r.ValueKind == JsonValueKind.String).Select(r => r.GetString()!)];
        var parameters = new List<ToolParameter>();
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("properties", out var properties))
        {
            foreach (var property in properties.EnumerateObject())
            {
                var isRequired = required.Contains(property.Name);
                var type = ParameterName.IsMatch(property.Name) ? TypeOf(property.Value, root, 0) : null;
                if (type is not null)
                    parameters.Add(new ToolParameter(property.Name, type, Meaning(property.Value)));
                else if (isRequired)
                    return (null, $"its required parameter {property.Name} is neither simple nor a list of simple values");
            }
        }

        if (required.FirstOrDefault(name => parameters.All(p => p.Name != name)) is { } missing)
            return (null, $"its required parameter {missing} is not described");
        var description = OneLine(tool.Description.Length > 0 ? tool.Description : tool.Title);
        var spec = new ToolSpec(tool.Name, description, parameters, [.. parameters.Select(p => p.Name).Where(required.Contains)]);
        return Fitted(spec, tokens * CharactersPerToken) is { } fitted ? (fitted, null) : (null, "it does not fit into prompts.toolTokens");
    }

    /// <summary>Within the budget: the description is cut to its first sentence and further, then optional parameters go, then all
    /// meanings.</summary>
    private static ToolSpec? Fitted(ToolSpec spec, int characters)
    {
        ToolSpec[] tries =
        [
            spec,
            spec with { Description = Cut(FirstSentence(spec.Description), characters / 3) },
            WithoutOptional(spec with { Description = Cut(FirstSentence(spec.Description), characters / 3) }),
            WithoutMeanings(WithoutOptional(spec with { Description = Cut(FirstSentence(spec.Description), characters / 3) })),
        ];
        return tries.FirstOrDefault(t => SignatureMenu.Write([t]).Length <= characters && ReadsBack(t));

        static ToolSpec WithoutOptional(ToolSpec tool) =>
            tool with { Parameters = [.. tool.Parameters.Where(p => tool.Required.Contains(p.Name))] };

        static ToolSpec WithoutMeanings(ToolSpec tool) => tool with { Parameters = [.. tool.Parameters.Select(p => p with { Description = "" })] };
    }

    /// <summary>What a proposal says of the menu that it was given is what was given.</summary>
    private static bool ReadsBack(ToolSpec tool) =>
        SignatureMenu.Read(SignatureMenu.Write([tool]), out _) is [var read] && MenuReader.ToJson([read]) == MenuReader.ToJson([tool]);

    /// <summary>string, integer, number, boolean or array (of such); null for anything else.</summary>
    private static string? TypeOf(JsonElement schema, JsonElement root, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > 8)
            return null;
        if (schema.TryGetProperty("$ref", out var reference))
            return Resolve(reference, root) is { } target ? TypeOf(target, root, depth + 1) : null;
        foreach (var choice in (string[])["anyOf", "oneOf"])
        {
            var variants = Items(schema, choice).Where(v => !IsNull(v)).ToList();
            if (variants.Count > 0)
                return variants.Select(v => TypeOf(v, root, depth + 1)).Distinct().ToList() is [var same] ? same : null;
        }

        var said = schema.TryGetProperty("type", out var type) ? type.ValueKind == JsonValueKind.Array
            ? [.. type.EnumerateArray().Select(t => t.GetString()).Where(t => t != "null")] : new[] { type.GetString() } : Values(schema);
        if (said is not [{ } one])
            return null;
        if (one != "array")
            return one is "string" or "integer" or "number" or "boolean" ? one : null;
        return schema.TryGetProperty("items", out var items) && TypeOf(items, root, depth + 1) is { } item && item != "array" ? "array" : null;
    }

    private static string?[] Values(JsonElement schema)
    {
        var values = schema.TryGetProperty("const", out var one) ? [one] : Items(schema, "enum");
        return [.. values.Select(v => v.ValueKind switch
        {
            JsonValueKind.String => "string",
            JsonValueKind.Number => "number",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            _ => null,
        }).Distinct()];
    }

    private static JsonElement? Resolve(JsonElement reference, JsonElement root)
    {
        if (reference.ValueKind != JsonValueKind.String || reference.GetString() is not { } path || !path.StartsWith("#/", StringComparison.Ordinal))
            return null;
        var at = root;
        foreach (var part in path[2..].Split('/'))
        {
            if (at.ValueKind != JsonValueKind.Object
                || !at.TryGetProperty(part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal), out at))
                return null;
        }

        return at;
    }

    private static bool IsNull(JsonElement schema) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("type", out var type)
        && type.ValueKind == JsonValueKind.String && type.GetString() == "null";

    private static IEnumerable<JsonElement> Items(JsonElement schema, string field) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(field, out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray() : [];

    /// <summary>A parameter's values where they are few, else what is said of it.</summary>
    private static string Meaning(JsonElement schema)
    {
        var values = Items(schema, "enum").Where(v => v.ValueKind == JsonValueKind.String).Select(v => v.GetString()!).ToList();
        if (values.Count is > 0 and <= MostValues)
            return OneLine($"one of {string.Join(", ", values)}");
        var text = schema.TryGetProperty("description", out var said) && said.ValueKind == JsonValueKind.String ? said.GetString()! : "";
        return Cut(FirstSentence(OneLine(text)), LongestMeaning);
    }

    private static string FirstSentence(string text) => text.IndexOf(". ", StringComparison.Ordinal) is var end and > 0 ? text[..(end + 1)] : text;

    /// <summary>At the end of a word.</summary>
    private static string Cut(string text, int characters)
    {
        if (text.Length <= characters)
            return text;
        var end = text.LastIndexOf(' ', Math.Max(characters, 1) - 1);
        return text[..(end > characters / 2 ? end : char.IsHighSurrogate(text[characters - 1]) ? characters - 1 : characters)].TrimEnd();
    }

    /// <summary>Without signs that would end a menu, its line or a tag of the prompt.</summary>
    private static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        .Replace('[', '(').Replace(']', ')').Replace(';', ',').Replace('<', '(').Replace('>', ')');
}
