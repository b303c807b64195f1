using System.Text.Json;
using System.Text.Json.Nodes;

namespace ToolR0.ToolServers.Arguments;

/// <summary>Makes arguments from a schema's own example values: a call that shows how the tool is called, and that its schema can be
/// satisfied.</summary>
public static class ArgumentExamples
{
    private const int Deepest = 24;

    private static readonly string[] Texts =
    [
        "text", "a", "1", "A", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00Z", "12:00", "#aabbcc", "user@example.com",
        "https://example.com/a", "1.0.0", "10.0.0.1", "10.0.0.0/8", "00000000-0000-4000-8000-000000000000", "aaaaaaaaaaaaaaaaaaaaaaaa",
        "1234:5678", "1:1", "a/b", "a-b", "a_b", "1d", "1h", "primary", "/a", "a.b", "en", "en-US", "US", "us-east-1", "a.png", "a.svg", "a.json",
        "default",
    ];

    /// <summary>Arguments that the schema takes: the required ones, and where that is not enough all that it names; null where none were
    /// found.</summary>
    public static JsonElement? Of(ToolSchema schema)
    {
        foreach (var all in (bool[])[false, true])
        {
            var made = JsonSerializer.SerializeToElement(Make(schema.Node, all, 0));
            if (schema.Check(made).Count == 0)
                return made;
        }

        return null;
    }

    internal static JsonNode? Make(SchemaNode schema, bool all, int depth)
    {
        schema = schema.Resolved();
        if (!schema.IsObject || depth > Deepest)
            return JsonValue.Create("text");
        foreach (var keyword in (string[])["const", "default", "example"])
        {
            if (schema.Member(keyword) is { At.ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } value && depth > 0)
                return JsonNode.Parse(value.At.GetRawText());
        }

        foreach (var keyword in (string[])["examples", "enum"])
        {
            if (schema.Member(keyword) is { At.ValueKind: JsonValueKind.Array } list && list.At.GetArrayLength() > 0)
                return JsonNode.Parse(list.At[0].GetRawText());
        }

        var own = schema;
        if (schema.Alternatives().FirstOrDefault(branch => branch.Types() is not { } t || t.Any(type => type != "null")) is { IsObject: true } first
            && schema.Member("properties") is null)
            return Make(first, all, depth + 1);
        var type = schema.Types()?.FirstOrDefault(t => t != "null") ?? (own.Member("properties") is not null ? "object" : "string");
        return type switch
        {
            "object" => Members(schema, all, depth),
            "array" => Items(schema, all, depth),
            "integer" => JsonValue.Create((long)Number(schema, 1)),
            "number" => JsonValue.Create(Number(schema, 0.5)),
            "boolean" => JsonValue.Create(true),
            "null" => null,
            _ => JsonValue.Create(Text(schema)),
        };
    }

    private static JsonObject Members(SchemaNode schema, bool all, int depth)
    {
        var made = new JsonObject();
        var required = schema.Required;
        foreach (var name in required.Concat(all ? schema.Properties().Select(p => p.Name) : []).Distinct())
            made[name] = schema.Property(name) is { } property ? Make(property, all && depth < 2, depth + 1) : JsonValue.Create("text");
        if (schema.Alternatives().FirstOrDefault() is { IsObject: true } branch)
        {
            foreach (var name in branch.Required.Where(name => !made.ContainsKey(name)))
                made[name] = (branch.Property(name) ?? schema.Property(name)) is { } property ? Make(property, all: false, depth + 1) : "text";
        }

        var least = (int)(Bound(schema, "minProperties") ?? 0);
        for (var i = made.Count; i < least; i++)
            made[$"name{i}"] = schema.Member("additionalProperties") is { IsObject: true } other ? Make(other, all, depth + 1) : "text";
        return made;
    }

    private static JsonArray Items(SchemaNode schema, bool all, int depth)
    {
        var made = new JsonArray();
        var least = Math.Max((int)(Bound(schema, "minItems") ?? 0), 1);
        for (var i = 0; i < least; i++)
            made.Add(schema.Member("items") is { IsObject: true } items ? Make(items, all, depth + 1) : JsonValue.Create("text"));
        return made;
    }

    private static double Number(SchemaNode schema, double step)
    {
        var (low, high) = (Bound(schema, "minimum"), Bound(schema, "maximum"));
        if (Bound(schema, "exclusiveMinimum") is { } above)
            low = Math.Max(low ?? double.MinValue, above + step);
        if (Bound(schema, "exclusiveMaximum") is { } below)
            high = Math.Min(high ?? double.MaxValue, below - step);
        var number = Math.Clamp(1, low ?? double.MinValue, Math.Max(low ?? double.MinValue, high ?? double.MaxValue));
        return Bound(schema, "multipleOf") is > 0 and var multiple ? Math.Ceiling(number / multiple) * multiple : number;
    }

    private static string Text(SchemaNode schema)
    {
        var (least, most) = ((int)(Bound(schema, "minLength") ?? 0), (int)Math.Min(Bound(schema, "maxLength") ?? 1e6, 1e6));
        IEnumerable<string> candidates = schema.Member("format")?.At.ToString() switch
        {
            "uri" or "url" => ["https://example.com/a", .. Texts],
            "uuid" => ["00000000-0000-4000-8000-000000000000", .. Texts],
            "date-time" => ["2026-01-31T12:00:00Z", .. Texts],
            "date" => ["2026-01-31", .. Texts],
            "email" => ["user@example.com", .. Texts],
            "ipv4" => ["10.0.0.1", .. Texts],
            _ => Texts,
        };
        var pattern = schema.Member("pattern") is { At.ValueKind: JsonValueKind.String } p ? p.At.GetString()! : "";
        var found = candidates.Select(text => text.Length < least ? text.PadRight(least, 'a') : text.Length > most ? text[..most] : text)
            .FirstOrDefault(text => pattern.Length == 0
                || System.Text.RegularExpressions.Regex.IsMatch(text, pattern, default, TimeSpan.FromMilliseconds(100)));
        return found ?? "text".PadRight(least, 'a');
    }

    private static double? Bound(SchemaNode schema, string keyword) =>
        schema.Member(keyword) is { At.ValueKind: JsonValueKind.Number } bound && bound.At.TryGetDouble(out var number) ? number : null;
}
