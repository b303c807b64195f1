using System.Text.Json;

namespace ToolR0.Tokenization;

/// <summary>A place in a JSON file, which may hold nothing. What is wrong there is said with the file's name and the key's path.</summary>
public readonly struct JsonKey
{
    private readonly string _file;
    private readonly string _path;

    private JsonKey(string file, string path, JsonElement value)
    {
        _file = file;
        _path = path;
        Value = value;
    }

    /// <summary>The element; of kind Undefined if the key is absent.</summary>
    public JsonElement Value { get; }

    /// <summary>Whether there is a value here other than null.</summary>
    public bool Exists => Value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    public JsonKey this[string name]
    {
        get
        {
            if (Exists && Value.ValueKind != JsonValueKind.Object)
                throw Wrong("is not an object");
            return new JsonKey(_file, _path.Length == 0 ? name : $"{_path}.{name}", Exists && Value.TryGetProperty(name, out var value) ? value
                : default);
        }
    }

    public static JsonKey Root(string file, JsonElement value) => new(file, "", value);

    public string Text() => Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Wrong(Exists ? "is not a string" : "is missing");

    public bool Flag(bool fallback) => Value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ when !Exists => fallback,
        _ => throw Wrong("is neither true nor false"),
    };

    /// <summary>An integer of 0 up to <paramref name="limit"/>, exclusive.</summary>
    public int Number(int limit) => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) && number >= 0 && number < limit
        ? number
        : throw Wrong(Exists ? $"is {Short(Value.GetRawText())}, not a whole number below {limit}" : "is missing");

    public IEnumerable<JsonKey> Items()
    {
        if (Value.ValueKind != JsonValueKind.Array)
            throw Wrong(Exists ? "is not a list" : "is missing");
        var (file, path) = (_file, _path);
        return Value.EnumerateArray().Select((item, i) => new JsonKey(file, $"{path}[{i}]", item));
    }

    public IEnumerable<(string Name, JsonKey Key)> Properties()
    {
        if (Value.ValueKind != JsonValueKind.Object)
            throw Wrong(Exists ? "is not an object" : "is missing");
        var (file, path) = (_file, _path);
        return Value.EnumerateObject().Select(p => (p.Name, new JsonKey(file, $"{path}[{Short(p.Name)}]", p.Value)));
    }

    public InvalidDataException Wrong(string what) => new(_path.Length == 0 ? $"{_file}: the file {what}." : $"{_file}: {_path} {what}.");

    private static string Short(string text) => text.Length <= 60 ? text : text[..60] + "...";
}
