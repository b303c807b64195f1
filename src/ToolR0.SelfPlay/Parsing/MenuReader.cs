using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.SelfPlay.Parsing;

/// <summary>
/// Reads and writes menus. Read: a JSON list of tools with <c>name</c>, <c>description</c>, <c>parameters</c> (name → {type, description}; a
/// JSON-Schema object with <c>properties</c>; or the compact shorthand name → "type", "type?" for optional) and <c>required</c>, which may
/// stand beside or inside <c>parameters</c>. A JSON-Schema object without <c>properties</c>, as <c>{"type":"object"}</c>, has no parameters.
/// OpenAI's <c>{"type":"function","function":{…}}</c> wrapper is opened.
/// </summary>
public static class MenuReader
{
    public const string NotList = "tools_not_list";
    public const string ToolNotObject = "tool_not_object";

    private static readonly string[] ObjectTypes = ["object", "dict"];

    /// <summary>What JSON Schema says of an object beside its properties: no names of parameters where the schema says that it is an
    /// object's.</summary>
    private static readonly HashSet<string> Keywords = new(StringComparer.Ordinal)
    {
        "type", "required", "title", "description", "default", "example", "examples", "enum", "const", "format", "nullable",
        "propertyOrdering", "minProperties", "maxProperties", "dependentRequired", "allOf", "anyOf", "oneOf", "deprecated", "readOnly", "writeOnly",
        "strict", "optional",
    };

    /// <summary>Those of them that hold schemas.</summary>
    private static readonly HashSet<string> SchemaKeywords = new(StringComparer.Ordinal)
    {
        "properties", "additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames", "dependencies", "dependentSchemas",
            "definitions",
        "not", "if", "then", "else",
    };

    private static readonly JsonSerializerOptions AsWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The menu, or null with the problem: <see cref="NotList"/> (an empty list too) or <see cref="ToolNotObject"/>.</summary>
    public static IReadOnlyList<ToolSpec>? Read(JsonElement parsed, out string? problem)
    {
        problem = NotList;
        if (parsed.ValueKind != JsonValueKind.Array || parsed.GetArrayLength() == 0)
            return null;
        var menu = new List<ToolSpec>();
        foreach (var item in parsed.EnumerateArray())
        {
            if (Tool(item) is not { } tool)
            {
                problem = ToolNotObject;
                return null;
            }

            menu.Add(tool);
        }

        problem = null;
        return menu;
    }

    /// <summary>The menu in full: name, description, parameters with type and description, required.</summary>
    public static string ToJson(IEnumerable<ToolSpec> menu) => $"[{string.Join(',', menu.Select(tool => ToJson(tool, null)))}]";

    /// <summary>
    /// One tool in the same form, where there is more to say about its parameters than <see cref="ToolParameter"/> holds (enum, default, items,
    /// properties, …): that stands behind type and description, as <paramref name="written"/> has it.
    /// </summary>
    /// <param name="tool">As <see cref="Read"/> gave it.</param>
    /// <param name="written">The JSON that it was read from.</param>
    public static string ToJson(ToolSpec tool, JsonElement? written)
    {
        var text = new StringBuilder("{\"name\":");
        CanonicalJson.WriteString(text, tool.Name);
        text.Append(",\"description\":");
        CanonicalJson.WriteString(text, tool.Description);
        text.Append(",\"parameters\":{");
        var schemas = written is { } json ? Schemas(json) : default;
        foreach (var parameter in tool.Parameters)
        {
            if (text[^1] != '{')
                text.Append(',');
            CanonicalJson.WriteString(text, parameter.Name);
            text.Append(":{\"type\":");
            CanonicalJson.WriteString(text, parameter.Type);
            if (parameter.Description.Length > 0)
            {
                text.Append(",\"description\":");
                CanonicalJson.WriteString(text, parameter.Description);
            }

            if (schemas.ValueKind == JsonValueKind.Object && schemas.TryGetProperty(parameter.Name, out var schema)
                && schema.ValueKind == JsonValueKind.Object)
            {
                foreach (var member in schema.EnumerateObject().Where(IsDetail))
                {
                    text.Append(',');
                    CanonicalJson.WriteString(text, member.Name);
                    text.Append(':').Append(JsonSerializer.Serialize(member.Value, AsWritten));
                }
            }

            text.Append('}');
        }

        text.Append("},\"required\":[");
        foreach (var name in tool.Required)
        {
            if (text[^1] != '[')
                text.Append(',');
            CanonicalJson.WriteString(text, name);
        }

        return text.Append("]}").ToString();
    }

    /// <summary>The menu in the compact form: name and shorthand parameters only.</summary>
    public static string ToCompactJson(IEnumerable<ToolSpec> menu)
    {
        var text = new StringBuilder("[");
        foreach (var tool in menu)
        {
            text.Append(text.Length > 1 ? ",{\"name\":" : "{\"name\":");
            CanonicalJson.WriteString(text, tool.Name);
            text.Append(",\"parameters\":{");
            foreach (var parameter in tool.Parameters)
            {
                if (text[^1] != '{')
                    text.Append(',');
                CanonicalJson.WriteString(text, parameter.Name);
                text.Append(':');
                CanonicalJson.WriteString(text, tool.Required.Contains(parameter.Name) ? parameter.Type : parameter.Type + "?");
            }

            text.Append("}}");
        }

        return text.Append(']').ToString();
    }

    private static bool IsDetail(JsonProperty member) =>
        member.Name is not ("type" or "description")
            && !(member.Name == "required" && member.Value.ValueKind is JsonValueKind.True or JsonValueKind.False);

    /// <summary>A tool's parameters by name.</summary>
    private static JsonElement Schemas(JsonElement tool)
    {
        if (tool.TryGetProperty("function", out var inner) && inner.ValueKind == JsonValueKind.Object)
            return Schemas(inner);
        if (!tool.TryGetProperty("parameters", out var written) || written.ValueKind != JsonValueKind.Object)
            return default;
        return written.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object ? properties : written;
    }

    private static ToolSpec? Tool(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object)
            return null;
        if (item.TryGetProperty("function", out var inner) && inner.ValueKind == JsonValueKind.Object)
            return Tool(inner);

        var name = Text(item, "name").Trim();
        var parameters = new List<ToolParameter>();
        var required = new List<string>();
        if (item.TryGetProperty("parameters", out var written) && written.ValueKind == JsonValueKind.Object)
        {
            var schema = written.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object;
            Required(written, required);
            var isObject = !schema && SaysObject(written);
            foreach (var member in (schema ? properties : written).EnumerateObject())
            {
                if (schema || !IsKeyword(member, isObject))
                    Parameter(member, parameters, required);
            }
        }

        Required(item, required);
        return new ToolSpec(name, Text(item, "description").Trim(), parameters, required);
    }

    /// <summary>The schema is that of an object: no parameter has that for its type.</summary>
    private static bool SaysObject(JsonElement schema) => schema.TryGetProperty("type", out var type) && type.ValueKind switch
    {
        JsonValueKind.String => ObjectTypes.Contains(CanonicalJson.Text(type).Trim(), StringComparer.OrdinalIgnoreCase),
        JsonValueKind.Array => type.EnumerateArray().Any(t => t.ValueKind == JsonValueKind.String && ObjectTypes.Contains(CanonicalJson.Text(t))),
        _ => false,
    };

    /// <summary>A member that speaks of all parameters and is none of them.</summary>
    private static bool IsKeyword(JsonProperty member, bool isObject) =>
        isObject && (SchemaKeywords.Contains(member.Name) || Keywords.Contains(member.Name) && !IsParameter(member.Value))
        || member.Name.StartsWith('$')
        || member.Name is "required" or "properties" && member.Value.ValueKind is JsonValueKind.Array or JsonValueKind.Null
        || member.Name is "additionalProperties" && member.Value.ValueKind is JsonValueKind.True or JsonValueKind.False;

    private static bool IsParameter(JsonElement value) => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out _);

    private static void Parameter(JsonProperty member, List<ToolParameter> parameters, List<string> required)
    {
        parameters.RemoveAll(p => p.Name == member.Name);
        var value = member.Value;
        if (value.ValueKind == JsonValueKind.String)
        {
            var type = CanonicalJson.Text(value).Trim();
            var optional = type.EndsWith('?');
            parameters.Add(new ToolParameter(member.Name, TypeName(optional ? type[..^1] : type)));
            if (!optional)
                AddOnce(required, member.Name);
            return;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            parameters.Add(new ToolParameter(member.Name, ""));
            return;
        }

        parameters.Add(new ToolParameter(member.Name, TypeName(Type(value)), Text(value, "description").Trim()));
        if (value.TryGetProperty("required", out var flag) && flag.ValueKind == JsonValueKind.True)
            AddOnce(required, member.Name);
    }

    private static string Type(JsonElement parameter)
    {
        if (!parameter.TryGetProperty("type", out var type))
            return "";
        if (type.ValueKind == JsonValueKind.Array)
        {
            type = type.EnumerateArray().FirstOrDefault(t => t.ValueKind == JsonValueKind.String && CanonicalJson.Text(t) != "null");
        }

        return type.ValueKind == JsonValueKind.String ? CanonicalJson.Text(type) : "";
    }

    internal static string TypeName(string written) => written.Trim().ToLowerInvariant() switch
    {
        "str" => "string",
        "int" => "integer",
        "float" or "double" => "number",
        "bool" => "boolean",
        var other => other,
    };

    private static void Required(JsonElement holder, List<string> required)
    {
        if (!holder.TryGetProperty("required", out var names) || names.ValueKind != JsonValueKind.Array)
            return;
        foreach (var name in names.EnumerateArray())
        {
            if (name.ValueKind == JsonValueKind.String)
                AddOnce(required, CanonicalJson.Text(name));
        }
    }

    private static void AddOnce(List<string> names, string name)
    {
        if (!names.Contains(name))
            names.Add(name);
    }

    private static string Text(JsonElement holder, string name) =>
        holder.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? CanonicalJson.Text(value) : "";
}
