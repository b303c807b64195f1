using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.Options;

/// <summary>Options that can not be read. The message is one line that names the field, the value and the rule.</summary>
public sealed class OptionsException(string message) : Exception(message.ReplaceLineEndings(" "));

/// <summary>
/// Options as JSON: camelCase names, enums by camelCase name, strict. What a document says overrides the preset's value; what it does not say stays;
/// lists and distributions are replaced as a whole. A property that does not exist is an error.
/// </summary>
public static class RunOptionsJson
{
    internal static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    private static readonly JsonDocumentOptions Reading =
        new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };

    /// <summary>All options, the preset's and the changed ones.</summary>
    public static string Write(RunOptions options) => JsonSerializer.Serialize(options, Format);

    /// <summary>One option's value as <see cref="Set"/> reads it.</summary>
    public static string Text<T>(T value) => JsonSerializer.Serialize(value, Format);

    /// <summary>
    /// The preset (the document's own <c>preset</c> wins over <paramref name="basePreset"/>) with the document's values.
    /// </summary>
    /// <param name="presets">Presets by name.</param>
    /// <param name="preset">Where a later source names one, it wins over the document's own.</param>
    /// <exception cref="OptionsException">Not JSON, an unknown preset or property, or a value of the wrong kind.</exception>
    public static RunOptions Load(string json, IReadOnlyDictionary<string, RunOptions> presets, string basePreset, string? preset = null)
    {
        try
        {
            if (Repeated(json) is { } twice)
                throw new OptionsException($"{twice}: stands twice; each name may stand once");
            return Merge(JsonNode.Parse(json, documentOptions: Reading), presets, basePreset, preset);
        }
        catch (JsonException e)
        {
            throw new OptionsException($"the options are not JSON: line {e.LineNumber + 1}: {FirstSentence(e.Message)}");
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            throw new OptionsException("the options are not JSON: they hold half of a surrogate pair");
        }
    }

    /// <summary>The path of the first name that an object holds twice, null if there is none. Letter case makes no difference, except in the names of
    /// a distribution.</summary>
    private static string? Repeated(string json)
    {
        using var document = JsonDocument.Parse(json, Reading with { AllowDuplicateProperties = true });
        return In(document.RootElement, "", typeof(RunOptions));

        static string? In(JsonElement value, string path, Type? type)
        {
            if (value.ValueKind != JsonValueKind.Object)
                return null;
            var names = new HashSet<string>(type is null ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase);
            foreach (var member in value.EnumerateObject())
            {
                var inner = Join(path, member.Name);
                if (!names.Add(member.Name))
                    return inner;
                var group = type is null ? null
                    : Properties(type).FirstOrDefault(p => string.Equals(p.Name, member.Name, StringComparison.OrdinalIgnoreCase))?.PropertyType;
                if (In(member.Value, inner, group is not null && IsGroup(group) ? group : null) is { } repeated)
                    return repeated;
            }

            return null;
        }
    }

    private static RunOptions Merge(JsonNode? document, IReadOnlyDictionary<string, RunOptions> presets, string basePreset, string? givenPreset)
    {
        if (document is not JsonObject overrides)
            throw new OptionsException("the options are not a JSON object");
        var (presetKey, presetNode) = overrides.FirstOrDefault(m => string.Equals(m.Key, "preset", StringComparison.OrdinalIgnoreCase));
        var name = givenPreset is not null ? givenPreset : presetKey is null ? basePreset : presetNode?.GetValueKind() == JsonValueKind.String
            ? presetNode.GetValue<string>() : Text(presetNode);
        var preset = presets.GetValueOrDefault(name)
            ?? throw new OptionsException($"preset: '{name}' is unknown; it is one of {string.Join(", ", presets.Keys)}");
        var merged = JsonSerializer.SerializeToNode(preset, Format)!.AsObject();
        if (presetKey is not null)
            overrides.Remove(presetKey);
        Merge(merged, overrides, typeof(RunOptions), "");
        return Deserialise(merged);
    }

    /// <summary>One option by its path, as a flag or an environment variable gives it: <c>Set(options, "solver.learningRate", "3e-4")</c>.</summary>
    /// <param name="path">Names in any letter case, separated by dots. An entry of a distribution is named too: <c>specs.domains.finance</c>.</param>
    /// <param name="value">A number, a name, true or false; a list as JSON or separated by commas; a distribution as JSON or
    /// <c>1=0.5,2=0.5</c>.</param>
    /// <exception cref="OptionsException">The path does not exist or the value does not fit.</exception>
    public static RunOptions Set(RunOptions options, string path, string value)
    {
        var root = JsonSerializer.SerializeToNode(options, Format)!.AsObject();
        var node = root;
        var type = typeof(RunOptions);
        var names = path.Split('.');
        if (names is [var only] && only.Equals("preset", StringComparison.OrdinalIgnoreCase))
            throw new OptionsException(
                "preset: is where the options start from, not one of them; give it as --preset, TOOLR0_PRESET or at the top of the options file");
        for (var i = 0; ; i++)
        {
            var prefix = string.Join('.', names[..i]);
            var key = IsDistribution(type) ? names[i] : "";
            var target = IsDistribution(type) ? typeof(double) : Property(type, names[i], prefix, out key).PropertyType;
            if (i == names.Length - 1)
            {
                if (IsGroup(target))
                    throw new OptionsException($"{path}: is a group of options, not one; it has {string.Join(", ", Names(target))}");
                node[key] = FromText(target, path, value);
                return Deserialise(root);
            }

            if (!IsGroup(target) && !IsDistribution(target))
                throw new OptionsException($"{path}: {string.Join('.', names[..(i + 1)])} has no options inside");
            node = node[key]!.AsObject();
            type = target;
        }
    }

    /// <summary>Whether there is an option of that path, an entry of a distribution included. Letter case makes no difference.</summary>
    public static bool Has(string path)
    {
        var type = typeof(RunOptions);
        foreach (var name in path.Split('.'))
        {
            if (IsDistribution(type))
                type = typeof(double);
            else if (Properties(type).FirstOrDefault(p => string.Equals(p.Name, name, StringComparison.OrdinalIgnoreCase)) is { } property)
                type = property.PropertyType;
            else
                return false;
        }

        return !IsGroup(type);
    }

    /// <summary>Paths of all single options, e.g. <c>solver.learningRate</c>.</summary>
    public static IReadOnlyList<string> Paths() => [.. Walk(typeof(RunOptions), "")];

    private static IEnumerable<string> Walk(Type type, string prefix) => Properties(type).SelectMany(property =>
    {
        var path = Join(prefix, Camel(property.Name));
        return IsGroup(property.PropertyType) ? Walk(property.PropertyType, path) : [path];
    });

    private static void Merge(JsonObject into, JsonObject from, Type type, string prefix)
    {
        foreach (var (name, value) in from)
        {
            var property = Property(type, name, prefix, out var key);
            var path = Join(prefix, key);
            if (IsGroup(property.PropertyType))
            {
                if (value is not JsonObject group)
                    throw new OptionsException($"{path}: {Text(value)} is not an object");
                Merge(into[key]!.AsObject(), group, property.PropertyType, path);
            }
            else
            {
                into[key] = Checked(property.PropertyType, path, value);
            }
        }
    }

    private static JsonNode? Checked(Type type, string path, JsonNode? value)
    {
        try
        {
            if (value is null)
                throw new JsonException();
            value.Deserialize(type, Format);
            return value.DeepClone();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NotSupportedException or OverflowException)
        {
            throw new OptionsException($"{path}: {Text(value)} is not {Kind(type)}");
        }
    }

    private static JsonNode? FromText(Type type, string path, string value)
    {
        var text = value.Trim();
        JsonNode? node = null;
        try
        {
            if (type == typeof(string) || type.IsEnum)
                node = JsonValue.Create(text);
            else if (type == typeof(bool))
                node = JsonNode.Parse(text.ToLowerInvariant());
            else if (IsList(type) && !text.StartsWith('['))
                node = new JsonArray(
                    [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(t => (JsonNode)t)]);
            else if (IsDistribution(type) && !text.StartsWith('{'))
                node = Distribution(text);
            else
                node = JsonNode.Parse(text);
        }
        catch (Exception e) when (e is JsonException or FormatException or ArgumentException)
        {
            throw new OptionsException($"{path}: '{value}' is not {Kind(type)}");
        }

        return Checked(type, path, node);
    }

    private static JsonObject Distribution(string text)
    {
        var weights = new JsonObject();
        foreach (var entry in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var at = entry.LastIndexOf('=');
            weights[at < 0 ? entry : entry[..at].Trim()] = at < 0 ? 1.0 : double.Parse(entry[(at + 1)..], CultureInfo.InvariantCulture);
        }

        return weights;
    }

    private static RunOptions Deserialise(JsonObject merged)
    {
        try
        {
            return merged.Deserialize<RunOptions>(Format)!;
        }
        catch (JsonException e)
        {
            throw new OptionsException($"{e.Path}: {FirstSentence(e.Message)}");
        }
    }

    private static PropertyInfo Property(Type type, string name, string prefix, out string key)
    {
        var property = Properties(type).FirstOrDefault(p => string.Equals(p.Name, name, StringComparison.OrdinalIgnoreCase));
        key = property is null ? "" : Camel(property.Name);
        if (property is not null)
            return property;

        var near = Spelling.Nearest(Names(type), name, 3);
        throw new OptionsException(
            $"{Join(prefix, name)}: there is no such option; the nearest are {string.Join(", ", near.Select(n => Join(prefix, n)))}");
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite);

    private static IEnumerable<string> Names(Type type) => Properties(type).Select(p => Camel(p.Name));

    private static bool IsGroup(Type type) => type.IsClass && type != typeof(string) && !typeof(IEnumerable).IsAssignableFrom(type);

    private static bool IsDistribution(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>);

    private static bool IsList(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>);

    private static string Kind(Type type) => type switch
    {
        _ when type.IsEnum => "one of " + string.Join(", ", Enum.GetNames(type).Select(name => WireName(type, name))),
        _ when type == typeof(int) || type == typeof(long) => "an integer",
        _ when type == typeof(double) => "a number",
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(string) => "a text",
        _ when IsList(type) => "a list of texts",
        _ => "a distribution: names or sizes with numbers as weights",
    };

    private static string Text(JsonNode? value) => value?.ToJsonString() ?? "null";

    private static string WireName(Type type, string name) =>
        type.GetField(name)!.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? Camel(name);

    private static string Camel(string name) => JsonNamingPolicy.CamelCase.ConvertName(name);

    private static string Join(string prefix, string name) => prefix.Length == 0 ? name : $"{prefix}.{name}";

    private static string FirstSentence(string message) => message.Split(". ")[0].Split(" Path:")[0];
}
