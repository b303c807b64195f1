using System.Text.Json;
using System.Text.Json.Nodes;
using ToolR0.ToolServers.Arguments;

namespace ToolR0.ToolServers.Tests;

/// <summary>Calls that break one rule of a schema each, with the kind of mistake and its place.</summary>
internal static class WrongCalls
{
    private const int Most = 10;

    public static IEnumerable<(string Kind, string Place, JsonElement Arguments)> Of(ToolSchema schema)
    {
        var whole = (JsonObject)ArgumentExamples.Make(schema.Node, all: true, depth: 0)!;
        var good = JsonSerializer.SerializeToElement(whole);
        if (schema.Check(good).Count > 0)
            good = ArgumentExamples.Of(schema)!.Value;
        return Raw(schema, (JsonObject)JsonNode.Parse(good.GetRawText())!)
            .Select(w => (w.Kind, w.Place, JsonSerializer.SerializeToElement(w.Arguments)))
            .Take(Most);
    }

    private static IEnumerable<(string Kind, string Place, JsonNode Arguments)> Raw(ToolSchema schema, JsonObject good)
    {
        if (schema.Node.Required is { Count: > 0 } required)
        {
            var less = (JsonObject)good.DeepClone();
            less.Remove(required[0]);
            yield return ("missing", "/" + Escaped(required[0]), less);
        }

        if (schema.Raw.TryGetProperty("additionalProperties", out var more) is false || more.ValueKind == JsonValueKind.False)
        {
            var extra = (JsonObject)good.DeepClone();
            extra["no_such_name"] = 1;
            yield return ("unknown", "/no_such_name", extra);
        }

        foreach (var mistake in Inside(schema.Node, good, good, "", 0))
            yield return mistake;
    }

    private static IEnumerable<(string Kind, string Place, JsonNode Arguments)> Inside(
        SchemaNode schema, JsonNode root, JsonNode at, string place, int depth)
    {
        if (at is not JsonObject members || depth > 3)
            yield break;
        foreach (var (name, property) in schema.Properties().Where(p => members.ContainsKey(p.Name)))
        {
            var node = property.Resolved();
            var here = $"{place}/{Escaped(name)}";
            var kind = depth > 0 ? "nested " : "";
            if (node.Types() is { } types && Wrong(types) is { } wrong)
                yield return (kind + "type", here, With(root, here, wrong));
            if (node.Member("enum") is { } && node.Types()?.Contains("string") == true)
                yield return (kind + "enum", here, With(root, here, "no such value"));
            if (node.Member("minimum") is { At.ValueKind: JsonValueKind.Number } low && low.At.GetDouble() > -1e12)
                yield return (kind + "bound", here, With(root, here, low.At.GetDouble() - 1));
            if (node.Member("maximum") is { At.ValueKind: JsonValueKind.Number } high && high.At.GetDouble() < 1e12)
                yield return (kind + "bound", here, With(root, here, high.At.GetDouble() + 1));
            if (node.Member("minLength") is { } && node.Member("minLength")!.Value.At.GetInt32() > 0)
                yield return (kind + "length", here, With(root, here, ""));
            foreach (var mistake in Inside(node, root, members[name]!, here, depth + 1))
                yield return mistake;
            if (members[name] is JsonArray { Count: > 0 } list && node.Member("items") is { } items)
            {
                foreach (var mistake in Inside(items.Resolved(), root, list[0]!, $"{here}/0", depth + 1))
                    yield return mistake;
            }
        }
    }

    private static JsonNode? Wrong(IReadOnlySet<string> types) =>
        !types.Contains("array") && !types.Contains("object") ? new JsonArray(new JsonObject())
        : !types.Contains("boolean") && !types.Contains("string") ? JsonValue.Create(true)
        : !types.Contains("number") && !types.Contains("integer") ? JsonValue.Create(1.5)
        : null;

    private static JsonNode With(JsonNode root, string place, JsonNode? value)
    {
        var copy = root.DeepClone();
        var at = copy;
        var parts = place.Split('/').Skip(1).Select(p => p.Replace("~1", "/").Replace("~0", "~")).ToList();
        foreach (var part in parts.SkipLast(1))
            at = at is JsonArray list ? list[int.Parse(part)]! : at[part]!;
        at[parts[^1]] = value?.DeepClone();
        return copy;
    }

    private static string Escaped(string name) => name.Replace("~", "~0").Replace("/", "~1");
}
