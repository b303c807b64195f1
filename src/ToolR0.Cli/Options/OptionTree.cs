using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace ToolR0.Cli.Options;

/// <summary>
/// An options record as a JSON tree that other trees and single values are laid over, name by name. A name that the record does not have
/// and a value of the wrong type are refused with the name's path and where it came from; nothing is ignored.
/// </summary>
public sealed class OptionTree<T>
    where T : class
{
    private readonly JsonObject _root;

    public OptionTree(T start) => _root = JsonSerializer.SerializeToNode(start, OptionJson.Options)!.AsObject();

    /// <summary>Lays a JSON object over the tree.</summary>
    /// <exception cref="CliError">An unknown name or a value of the wrong type.</exception>
    public void Overlay(JsonObject patch, string source) => OverlayObject(_root, typeof(T), patch, "", source);

    /// <summary>Sets one value, its path separated by dots, in any letter case.</summary>
    /// <exception cref="CliError">An unknown name or a value of the wrong type.</exception>
    public void Set(string path, string value, string source)
    {
        var names = path.Split('.', StringSplitOptions.TrimEntries);
        JsonNode? leaf = ParseValue(value);
        for (var i = names.Length - 1; i >= 0; i--)
            leaf = new JsonObject { [names[i]] = leaf };
        OverlayObject(_root, typeof(T), leaf!.AsObject(), "", source, mergeMaps: true);
    }

    public T Build() => _root.Deserialize<T>(OptionJson.Options)!;

    private static void OverlayObject(JsonObject target, Type type, JsonObject patch, string path, string source, bool mergeMaps = false)
    {
        foreach (var (name, value) in patch)
        {
            var property = OptionJson.Find(type, name) ?? throw Unknown(type, path, name, source);
            var key = OptionJson.Name(property);
            var where = path.Length == 0 ? key : $"{path}.{key}";
            if (OptionJson.IsSection(property.PropertyType))
            {
                if (value is not JsonObject section)
                    throw new CliError($"{where} in {source} is {Show(value)}, but it holds options of its own, so it must be a JSON object");
                OverlayObject(target[key]!.AsObject(), property.PropertyType, section, where, source, mergeMaps);
            }
            else if (mergeMaps && OptionJson.IsMap(property.PropertyType) && value is JsonObject entries && entries.Count == 1)
            {
                var merged = target[key]?.DeepClone().AsObject() ?? [];
                foreach (var (entry, weight) in entries)
                    merged[entry] = weight?.DeepClone();
                target[key] = Checked(merged, property, where, source);
            }
            else
            {
                target[key] = Checked(value, property, where, source);
            }
        }
    }

    private static JsonNode? Checked(JsonNode? value, PropertyInfo property, string where, string source)
    {
        try
        {
            var typed = value.Deserialize(property.PropertyType, OptionJson.Options);
            if (typed is null)
                throw new JsonException();
            return JsonSerializer.SerializeToNode(typed, property.PropertyType, OptionJson.Options);
        }
        catch (Exception e) when (e is JsonException or FormatException or OverflowException or InvalidOperationException or NotSupportedException)
        {
            throw new CliError($"{where} in {source} is {Show(value)}, but must be {OptionJson.Describe(property.PropertyType)}");
        }
    }

    private static CliError Unknown(Type type, string path, string name, string source)
    {
        var full = path.Length == 0 ? name : $"{path}.{name}";
        var nearest = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Select(OptionJson.Name)
            .Select(candidate => (Name: candidate, Distance: Distance(candidate.ToLowerInvariant(), name.ToLowerInvariant())))
            .OrderBy(candidate => candidate.Distance)
            .First();
        var hint = nearest.Distance <= Math.Max(2, name.Length / 3) ? $"; did you mean '{(path.Length == 0 ? "" : path + ".")}{nearest.Name}'?" : "";
        return new CliError($"unknown option '{full}' in {source}{hint}");
    }

    private static JsonNode? ParseValue(string value)
    {
        try
        {
            return JsonNode.Parse(value) ?? JsonValue.Create(value);
        }
        catch (JsonException)
        {
            return JsonValue.Create(value);
        }
    }

    private static string Show(JsonNode? value) => value is null ? "null" : value.ToJsonString(OptionJson.Options);

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var next = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = next;
            }
        }

        return row[^1];
    }
}

/// <summary>How options are written in JSON: camelCase names, enumerations by name.</summary>
public static class OptionJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
        NumberHandling = JsonNumberHandling.Strict,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    internal static string Name(PropertyInfo property) => JsonNamingPolicy.CamelCase.ConvertName(property.Name);

    internal static PropertyInfo? Find(Type type, string name) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .FirstOrDefault(property => property.CanWrite && property.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether values of this type are option records themselves.</summary>
    internal static bool IsSection(Type type) => type.IsClass && type.Namespace == typeof(Contracts.RunOptions).Namespace;

    internal static bool IsMap(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>);

    internal static string Describe(Type type)
    {
        if (type == typeof(bool))
            return "true or false";
        if (type == typeof(int) || type == typeof(long))
            return string.Create(CultureInfo.InvariantCulture, $"a whole number of {(type == typeof(int) ? 32 : 64)} bits");
        if (type == typeof(double))
            return "a number";
        if (type == typeof(string))
            return "a text";
        if (type.IsEnum)
            return "one of " + string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.CamelCase.ConvertName));
        if (IsMap(type))
            return $"an object that gives {Describe(type.GenericTypeArguments[1])} for {Describe(type.GenericTypeArguments[0])}";
        return type.IsGenericType ? $"a list, each entry {Describe(type.GenericTypeArguments[0])}" : type.Name;
    }
}
