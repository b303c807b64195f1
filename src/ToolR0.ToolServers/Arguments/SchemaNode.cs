using System.Text.Json;

namespace ToolR0.ToolServers.Arguments;

/// <summary>A place in a JSON Schema, with what is needed to read it without evaluating it. References are followed inside the schema only.</summary>
internal readonly record struct SchemaNode(JsonElement Root, JsonElement At)
{
    private const int MostReferences = 32;

    public bool IsObject => At.ValueKind == JsonValueKind.Object;

    /// <summary>The node that <c>$ref</c> leads to, as far as it goes; this one where it has none or leads nowhere.</summary>
    public SchemaNode Resolved()
    {
        var node = this;
        for (var i = 0; i < MostReferences && node.IsObject; i++)
        {
            if (!node.At.TryGetProperty("$ref", out var reference) || reference.ValueKind != JsonValueKind.String
                || Find(Root, reference.GetString()!) is not { } found)
                break;
            node = this with { At = found };
        }

        return node;
    }

    /// <summary>What a reference inside the schema (<c>#</c> or <c>#/…</c>) leads to, or null.</summary>
    public static JsonElement? Find(JsonElement root, string reference)
    {
        if (reference is not ['#', ..] || reference.Length > 1 && reference[1] != '/')
            return null;
        var at = root;
        foreach (var part in reference.Split('/').Skip(1).Select(p => Uri.UnescapeDataString(p).Replace("~1", "/").Replace("~0", "~")))
        {
            if (at.ValueKind == JsonValueKind.Object && at.TryGetProperty(part, out var member))
                at = member;
            else if (at.ValueKind == JsonValueKind.Array && int.TryParse(part, out var index) && index >= 0 && index < at.GetArrayLength())
                at = at[index];
            else
                return null;
        }

        return at;
    }

    public SchemaNode? Member(string name) => IsObject && At.TryGetProperty(name, out var value) ? this with { At = value } : null;

    /// <summary>The schema of a property by its name, as <c>properties</c> has it.</summary>
    public SchemaNode? Property(string name) => Member("properties")?.Member(name);

    public IEnumerable<(string Name, SchemaNode Schema)> Properties()
    {
        var root = Root;
        return Member("properties") is { IsObject: true } properties
            ? properties.At.EnumerateObject().Select(p => (p.Name, new SchemaNode(root, p.Value)))
            : [];
    }

    public IReadOnlyList<string> Required => Member("required") is { At.ValueKind: JsonValueKind.Array } required
        ? [.. required.At.EnumerateArray().Where(n => n.ValueKind == JsonValueKind.String).Select(n => n.GetString()!)]
        : [];

    public IEnumerable<SchemaNode> Alternatives()
    {
        var root = Root;
        return new[] { Member("anyOf"), Member("oneOf") }
            .Where(list => list is { At.ValueKind: JsonValueKind.Array })
            .SelectMany(list => list!.Value.At.EnumerateArray().Select(branch => new SchemaNode(root, branch)));
    }

    /// <summary>The JSON types that a value may have here, or null where any may stand.</summary>
    public IReadOnlySet<string>? Types(int depth = 0)
    {
        var node = Resolved();
        if (!node.IsObject || depth > MostReferences)
            return null;
        if (node.Member("type") is { } type)
        {
            return type.At.ValueKind switch
            {
                JsonValueKind.String => new HashSet<string> { type.At.GetString()! },
                JsonValueKind.Array => type.At.EnumerateArray().Select(t => t.ToString()).ToHashSet(),
                _ => null,
            };
        }

        if (node.Member("const") is { } constant)
            return new HashSet<string> { TypeOf(constant.At) };
        if (node.Member("enum") is { At.ValueKind: JsonValueKind.Array } values)
            return values.At.EnumerateArray().Select(TypeOf).ToHashSet();
        var types = new HashSet<string>();
        foreach (var branch in node.Alternatives())
        {
            if (branch.Types(depth + 1) is not { } some)
                return null;
            types.UnionWith(some);
        }

        return types.Count > 0 ? types : null;
    }

    public static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.Number => value.TryGetDouble(out var number) && double.IsInteger(number) ? "integer" : "number",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => "null",
    };

    /// <summary>Whether a value's type is among these; an integer is a number too.</summary>
    public static bool Fits(JsonElement value, IReadOnlySet<string> types) =>
        TypeOf(value) is var type && (types.Contains(type) || type == "integer" && types.Contains("number"));
}
