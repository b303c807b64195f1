using System.Text.Json;
using System.Text.RegularExpressions;

namespace ToolR0.ToolServers.Arguments;

/// <summary>Looks through a schema for what makes it unusable: references that lead out or nowhere, patterns that are none, too many
/// levels.</summary>
internal static class SchemaWalk
{
    private static readonly string[] Values = ["default", "const", "enum", "examples", "example", "required", "$comment", "description", "title"];
    private static readonly string[] Maps = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

    /// <summary>What is wrong, to be read after "its inputSchema", or null.</summary>
    public static string? Problem(JsonElement root, int deepest) => Problem(root, root, deepest);

    private static string? Problem(JsonElement root, JsonElement at, int left)
    {
        if (left == 0)
            return "is nested too deeply";
        if (at.ValueKind == JsonValueKind.Array)
            return at.EnumerateArray().Select(item => Problem(root, item, left - 1)).FirstOrDefault(found => found is not null);
        if (at.ValueKind != JsonValueKind.Object)
            return null;
        foreach (var member in at.EnumerateObject())
        {
            if (Values.Contains(member.Name))
                continue;
            var problem = member switch
            {
                { Name: "$ref" or "$dynamicRef" or "$recursiveRef", Value.ValueKind: JsonValueKind.String } =>
                    Reference(root, member.Value.GetString()!),
                { Name: "pattern", Value.ValueKind: JsonValueKind.String } => Pattern(member.Value.GetString()!),
                { Value.ValueKind: JsonValueKind.Object } when Maps.Contains(member.Name) => member.Value.EnumerateObject()
                    .Select(entry => Problem(root, entry.Value, left - 2) ?? (member.Name == "patternProperties" ? Pattern(entry.Name) : null))
                    .FirstOrDefault(found => found is not null),
                _ => Problem(root, member.Value, left - 1),
            };
            if (problem is not null)
                return problem;
        }

        return null;
    }

    private static string? Reference(JsonElement root, string reference) =>
        reference is not ['#', ..] ? $"refers to {reference}, and nothing is fetched"
        : reference is ['#', '/', ..] && SchemaNode.Find(root, reference) is null ? $"refers to {reference}, which is not in it"
        : null;

    private static string? Pattern(string pattern)
    {
        try
        {
            _ = new Regex(pattern, RegexOptions.ECMAScript);
            return null;
        }
        catch (ArgumentException)
        {
            try
            {
                _ = new Regex(pattern);
                return null;
            }
            catch (ArgumentException)
            {
                return "has a pattern that is no regular expression";
            }
        }
    }
}
