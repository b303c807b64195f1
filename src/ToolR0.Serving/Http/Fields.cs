using System.Globalization;
using System.Text.Json;

namespace ToolR0.Serving.Http;

/// <summary>Reads the fields of an object of a request. One that is null counts as left out.</summary>
/// <param name="path">Stands before the fields' names in errors; empty for the request itself.</param>
internal readonly struct Fields(JsonElement value, string path = "")
{
    public static Fields Of(JsonElement value, string path) => value.ValueKind == JsonValueKind.Object
        ? new Fields(value, path)
        : throw ApiException.Rule(path.Length == 0 ? "body" : path, "must be a JSON object");

    public string NameOf(string name) => path.Length == 0 ? name : $"{path}.{name}";

    public bool Has(string name) => Find(name) is not null;

    public JsonElement? Find(string name) =>
        value.TryGetProperty(name, out var found) && found.ValueKind != JsonValueKind.Null ? found : null;

    public double Number(string name, double otherwise, double least, double most)
    {
        if (Find(name) is not { } found)
            return otherwise;
        return found.ValueKind == JsonValueKind.Number && found.TryGetDouble(out var number) && number >= least && number <= most
            ? number
            : throw ApiException.Rule(NameOf(name), string.Create(CultureInfo.InvariantCulture, $"must be a number from {least} to {most}"));
    }

    public long? Whole(string name, long least = long.MinValue, long most = long.MaxValue)
    {
        if (Find(name) is not { } found)
            return null;
        if (found.ValueKind == JsonValueKind.Number && found.TryGetInt64(out var number) && number >= least && number <= most)
            return number;
        var rule = least == long.MinValue ? "must be a whole number"
            : most == long.MaxValue ? $"must be a whole number of at least {least}" : $"must be a whole number from {least} to {most}";
        throw ApiException.Rule(NameOf(name), rule);
    }

    public bool Flag(string name, bool otherwise = false) => Find(name)?.ValueKind switch
    {
        null => otherwise,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw ApiException.Rule(NameOf(name), "must be true or false"),
    };

    public string? Text(string name) => Find(name) is not { } found ? null
        : found.ValueKind == JsonValueKind.String ? found.GetString() : throw ApiException.Rule(NameOf(name), "must be a string");

    public string NeededText(string name) => Text(name) ?? throw ApiException.Rule(NameOf(name), "is missing");

    /// <summary>The items of a list; none where it is left out.</summary>
    public IReadOnlyList<JsonElement> List(string name) => Find(name) is not { } found ? []
        : found.ValueKind == JsonValueKind.Array ? [.. found.EnumerateArray()] : throw ApiException.Rule(NameOf(name), "must be a list");

    public Fields Object(string name) => Of(Find(name) ?? throw ApiException.Rule(NameOf(name), "is missing"), NameOf(name));

    /// <summary>A field that asks for what is not there.</summary>
    /// <param name="isNeutral">Values that ask for nothing.</param>
    public void Refuse(string name, Func<JsonElement, bool> isNeutral)
    {
        if (Find(name) is { } found && !isNeutral(found))
            throw ApiException.Rule(NameOf(name), "is not supported", "unsupported_parameter");
    }
}
