using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ToolR0.ToolServers.Arguments;

/// <summary>Arguments that the schema takes, and what was changed for that.</summary>
/// <param name="Changes">One line each with its place; empty where nothing was changed.</param>
public sealed record RepairedArguments(JsonElement Arguments, IReadOnlyList<string> Changes);

/// <summary>
/// Repairs values of which the schema leaves no doubt what was meant: a number, truth value, object or list written as text, one value where a list
/// of
/// such values must stand, and null for a parameter that may be left out. Where text is allowed, text stays.
/// </summary>
public static class ArgumentRepair
{
    private const int Deepest = 60;

    /// <summary>The arguments, repaired where the schema refuses them as they are. Whether it takes them then is for
    /// <see cref="ToolSchema.Check"/> to say.</summary>
    public static RepairedArguments Repair(ToolSchema schema, JsonElement arguments)
    {
        if (arguments.ValueKind != JsonValueKind.Object || schema.Check(arguments).Count == 0)
            return new RepairedArguments(arguments, []);
        var changes = new List<string>();
        var repaired = Mend(schema.Node, arguments, "", changes, 0);
        return changes.Count == 0
            ? new RepairedArguments(arguments, [])
            : new RepairedArguments(JsonSerializer.SerializeToElement(repaired), changes);
    }

    private static JsonNode? Mend(SchemaNode schema, JsonElement value, string place, List<string> changes, int depth)
    {
        schema = schema.Resolved();
        if (!schema.IsObject || depth > Deepest)
            return JsonNode.Parse(value.GetRawText());
        if (schema.Types() is { } types && !SchemaNode.Fits(value, types) && Replacement(schema, value, types, place, depth) is { } better)
        {
            changes.Add($"{place}: {better.Change}");
            value = better.Value;
        }

        return value.ValueKind switch
        {
            JsonValueKind.Object => Members(schema, value, place, changes, depth),
            JsonValueKind.Array => Items(schema, value, place, changes, depth),
            _ => JsonNode.Parse(value.GetRawText()),
        };
    }

    private static JsonObject Members(SchemaNode schema, JsonElement value, string place, List<string> changes, int depth)
    {
        var required = schema.Required;
        var made = new JsonObject();
        foreach (var member in value.EnumerateObject())
        {
            var at = $"{place}/{member.Name}";
            var property = schema.Property(member.Name);
            if (member.Value.ValueKind == JsonValueKind.Null && property is { } known && !required.Contains(member.Name)
                && known.Types() is { } types && !types.Contains("null"))
                changes.Add($"{at}: null is left out");
            else
                made[member.Name] = property is { } node
                    ? Mend(node, member.Value, at, changes, depth + 1)
                    : JsonNode.Parse(member.Value.GetRawText());
        }

        return made;
    }

    private static JsonArray Items(SchemaNode schema, JsonElement value, string place, List<string> changes, int depth)
    {
        var items = schema.Member("items");
        var made = new JsonArray();
        foreach (var item in value.EnumerateArray())
            made.Add(items is { } node ? Mend(node, item, $"{place}/{made.Count}", changes, depth + 1) : JsonNode.Parse(item.GetRawText()));
        return made;
    }

    private static (JsonElement Value, string Change)? Replacement(
        SchemaNode schema, JsonElement value, IReadOnlySet<string> types, string place, int depth)
    {
        if (value.ValueKind == JsonValueKind.String && !types.Contains("string") && FromText(value.GetString()!.Trim(), types) is { } meant)
            return (meant, $"text became {SchemaNode.TypeOf(meant)}");
        var named = types.Where(type => type != "null").ToList();
        if (named is ["array"] && value.ValueKind is not (JsonValueKind.Array or JsonValueKind.Null)
            && schema.Member("items") is { } items && items.Types() is { } itemTypes)
        {
            var changes = new List<string>();
            var item = JsonSerializer.SerializeToElement(Mend(items, value, place, changes, depth + 1));
            if (SchemaNode.Fits(item, itemTypes))
                return (JsonSerializer.SerializeToElement(new[] { item }), "one value became a list of it");
        }

        return null;
    }

    /// <summary>The only value that a text can mean among these types, or null.</summary>
    private static JsonElement? FromText(string text, IReadOnlySet<string> types)
    {
        JsonElement? Read()
        {
            try
            {
                using var document = JsonDocument.Parse(text);
                return document.RootElement.Clone();
            }
            catch (JsonException)
            {
                return null;
            }
        }

        var isNumber = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number);
        var read = text is "True" or "False" ? JsonSerializer.SerializeToElement(text == "True")
            : isNumber ? Read() ?? JsonSerializer.SerializeToElement(number)
            : Read();
        return read is { ValueKind: not (JsonValueKind.String or JsonValueKind.Null) } value && SchemaNode.Fits(value, types) ? value : null;
    }
}
