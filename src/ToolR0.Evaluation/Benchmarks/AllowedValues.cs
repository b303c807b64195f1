using System.Text.Json;
using ToolR0.Contracts;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>
/// The AST rules of the Berkeley Function-Calling Leaderboard for Python: the exact tool name; every required argument; no argument that is
/// undeclared or has no allowed values; every other argument unless it may be left out; values of the declared type (an integer may stand for a
/// float) or of the type of the allowed values, and among these. Strings compare in lower case without <c> ,./-_*^</c> and with one kind of quote;
/// lists in order; objects key by key.
/// </summary>
public static class AllowedValues
{
    private enum Kind
    {
        Null,
        Text,
        Integer,
        Float,
        Boolean,
        List,
        Object,
    }

    public static BenchmarkError? Check(AllowedCall allowed, JsonElement schema, ToolCall call)
    {
        if (call.Name != allowed.Name)
            return BenchmarkError.WrongTool($"{call.Name} instead of {allowed.Name}");
        if (schema.TryGetProperty("required", out var required) && required.ValueKind == JsonValueKind.Array
            && required.EnumerateArray().Select(name => name.ToString()).FirstOrDefault(name => !call.Arguments.ContainsKey(name)) is { } missing)
            return BenchmarkError.MissingArgument(missing);

        var declared = schema.TryGetProperty("properties", out var properties) ? properties : default;
        foreach (var (name, value) in call.Arguments)
        {
            if (declared.ValueKind != JsonValueKind.Object || !declared.TryGetProperty(name, out var parameter)
                || !allowed.Arguments.TryGetValue(name, out var values))
                return BenchmarkError.ExtraArgument(name);
            if (Value(parameter, values, value) is { } typed)
                return typed ? BenchmarkError.WrongValue(name, value) : BenchmarkError.WrongType(name, value);
        }

        return allowed.Arguments.FirstOrDefault(argument =>
            !call.Arguments.ContainsKey(argument.Key) && !argument.Value.Any(BenchmarkReader.IsAbsent)).Key is { } left
            ? BenchmarkError.MissingArgument(left)
            : null;
    }

    /// <summary>Null when the value is right; else whether it is of a right type.</summary>
    private static bool? Value(JsonElement parameter, IReadOnlyList<JsonElement> allowed, JsonElement value)
    {
        var type = TypeOf(parameter);
        var expected = Declared(type);
        var kind = KindOf(value) is Kind.Integer && expected == Kind.Float ? Kind.Float : KindOf(value);
        var listed = KindOfFirst(allowed);

        // Allowed values of another type than the declared one stand for a variable: then only they count, as they are written.
        bool variable;
        if (kind == expected)
        {
            variable = listed is not null && listed != expected;
            if (type is "array" or "tuple" && Nested(parameter) is { } nested && !allowed.Any(list => ItemsFit(list, value, nested)))
                return false;
        }
        else if (kind == listed)
        {
            variable = true;
        }
        else
        {
            return false;
        }

        // An integer that stands for a float is compared as one.
        if (kind == Kind.Float && KindOf(value) == Kind.Integer)
        {
            var asFloat = PythonNumber.AsFloat(value);
            return asFloat is not null && allowed.Any(a => PythonNumber.Of(a) is { } number && number.Equals(asFloat)) ? null : true;
        }

        var right = variable ? allowed.Any(a => Same(a, value)) : expected switch
        {
            Kind.Object => allowed.Any(a => !BenchmarkReader.IsAbsent(a) && SameObject(a, value)),
            Kind.List when Nested(parameter) == Kind.Object => allowed.Any(a => SameObjects(a, value)),
            Kind.List => allowed.Any(a => SameList(a, value)),
            Kind.Text => allowed.Any(a => a.ValueKind == JsonValueKind.String && Fold(a.GetString()!) == Fold(value.GetString()!)),
            _ => allowed.Any(a => Same(a, value)),
        };
        return right ? null : true;
    }

    private static bool ItemsFit(JsonElement allowed, JsonElement list, Kind nested)
    {
        if (allowed.ValueKind != JsonValueKind.Array)
            return true;
        var listed = KindOfFirst(allowed.EnumerateArray());
        return list.EnumerateArray().All(item => KindOf(item) == nested || KindOf(item) == listed);
    }

    private static bool SameList(JsonElement allowed, JsonElement list) =>
        BenchmarkReader.IsAbsent(allowed) ? list.GetArrayLength() == 0
        : allowed.ValueKind == JsonValueKind.Array && allowed.GetArrayLength() == list.GetArrayLength()
            && allowed.EnumerateArray().Zip(list.EnumerateArray()).All(pair => SameFolded(pair.First, pair.Second));

    private static bool SameObjects(JsonElement allowed, JsonElement list) =>
        BenchmarkReader.IsAbsent(allowed) ? list.GetArrayLength() == 0
        : allowed.ValueKind == JsonValueKind.Array && allowed.GetArrayLength() == list.GetArrayLength()
            && allowed.EnumerateArray().Zip(list.EnumerateArray()).All(pair => SameObject(pair.First, pair.Second));

    /// <summary>The allowed object lists the allowed values of each key.</summary>
    private static bool SameObject(JsonElement allowed, JsonElement value) =>
        allowed.ValueKind == JsonValueKind.Object && value.ValueKind == JsonValueKind.Object
        && value.EnumerateObject()
            .All(member => allowed.TryGetProperty(member.Name, out var values) && Listed(values).Any(a => SameFolded(a, member.Value)))
        && allowed.EnumerateObject().All(member => value.TryGetProperty(member.Name, out _) || Listed(member.Value).Any(BenchmarkReader.IsAbsent));

    private static IEnumerable<JsonElement> Listed(JsonElement values) =>
        values.ValueKind == JsonValueKind.Array ? values.EnumerateArray() : [values];

    private static bool SameFolded(JsonElement a, JsonElement b) =>
        a.ValueKind == JsonValueKind.String && b.ValueKind == JsonValueKind.String ? Fold(a.GetString()!) == Fold(b.GetString()!) : Same(a, b);

    /// <summary>As Python compares: numbers by value, integers of any size exactly, everything else to the letter.</summary>
    private static bool Same(JsonElement a, JsonElement b) => (a.ValueKind, b.ValueKind) switch
    {
        (JsonValueKind.Array, JsonValueKind.Array) =>
            a.GetArrayLength() == b.GetArrayLength() && a.EnumerateArray().Zip(b.EnumerateArray()).All(pair => Same(pair.First, pair.Second)),
        (JsonValueKind.Object, JsonValueKind.Object) => a.EnumerateObject().Count() == b.EnumerateObject().Count()
            && a.EnumerateObject().All(member => b.TryGetProperty(member.Name, out var other) && Same(member.Value, other)),
        _ when PythonNumber.Of(a) is { } m && PythonNumber.Of(b) is { } n => m.Equals(n),
        _ => JsonElement.DeepEquals(a, b),
    };

    private static string Fold(string text) =>
        string.Concat(text.Where(c => !" ,./-_*^".Contains(c))).ToLowerInvariant().Replace('\'', '"');

    private static Kind? Nested(JsonElement parameter) => parameter.TryGetProperty("items", out var items) ? Declared(TypeOf(items)) : null;

    private static string TypeOf(JsonElement parameter) =>
        parameter.ValueKind == JsonValueKind.Object && parameter.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
            ? type.GetString()! : "";

    private static Kind? KindOfFirst(IEnumerable<JsonElement> values)
    {
        foreach (var value in values)
        {
            if (!BenchmarkReader.IsAbsent(value))
                return KindOf(value);
        }

        return null;
    }

    private static Kind Declared(string type) => type switch
    {
        "integer" => Kind.Integer,
        "float" or "number" => Kind.Float,
        "boolean" => Kind.Boolean,
        "array" or "tuple" => Kind.List,
        "dict" or "object" => Kind.Object,
        _ => Kind.Text,
    };

    private static Kind KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Kind.Text,
        JsonValueKind.Number => PythonNumber.IsInteger(value) ? Kind.Integer : Kind.Float,
        JsonValueKind.True or JsonValueKind.False => Kind.Boolean,
        JsonValueKind.Array => Kind.List,
        JsonValueKind.Object => Kind.Object,
        _ => Kind.Null,
    };
}
