using System.Text.Json;

namespace ToolR0.ToolServers.Arguments;

/// <summary>Finds members that a schema neither names nor allows in general. Where alternatives decide what may stand, they are left to the
/// schema.</summary>
internal static class UnknownNames
{
    private const int MostNames = 12;
    private static readonly string[] Open =
    [
        "additionalProperties", "patternProperties", "unevaluatedProperties", "anyOf", "oneOf", "allOf", "if", "dependentSchemas", "propertyNames",
    ];

    public static void Find(SchemaNode schema, JsonElement value, string place, List<ArgumentProblem> problems, int depth = 0)
    {
        schema = schema.Resolved();
        if (!schema.IsObject || depth > 60)
            return;
        if (value.ValueKind == JsonValueKind.Array && schema.Member("items") is { IsObject: true } items)
        {
            var index = 0;
            foreach (var item in value.EnumerateArray())
                Find(items, item, $"{place}/{index++}", problems, depth + 1);
        }

        if (value.ValueKind != JsonValueKind.Object)
            return;

        // An object without any named property is a free one, but for the arguments as a whole, where it says that there are none.
        var node = schema;
        var isClosed = !Open.Any(keyword => node.At.TryGetProperty(keyword, out _))
            && (depth == 0 ? node.Member("properties") is not null || node.Types() is not null : node.Properties().Any());
        foreach (var member in value.EnumerateObject())
        {
            var at = $"{place}/{member.Name.Replace("~", "~0").Replace("/", "~1")}";
            if (schema.Property(member.Name) is { } property)
                Find(property, member.Value, at, problems, depth + 1);
            else if (isClosed)
                problems.Add(new ArgumentProblem(at, $"is no parameter here; {Known(schema)}"));
        }
    }

    private static string Known(SchemaNode schema)
    {
        List<string> names = [.. schema.Properties().Select(p => p.Name)];
        return names.Count == 0
            ? "there are none"
            : $"there are {string.Join(", ", names.Take(MostNames))}{(names.Count > MostNames ? ", …" : "")}";
    }
}
