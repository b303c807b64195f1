using System.Globalization;
using System.Text.Json;

namespace ToolR0.Contracts;

/// <summary>The arguments do not make sense to the tool, e.g. an unknown unit: the call's fault, not the harness's.</summary>
public sealed class ToolArgumentException(string message) : Exception(message);

/// <summary>What the calls of one sample share: nothing outlives the sample.</summary>
public sealed class ToolState
{
    /// <summary>The key-value store of the memory tools.</summary>
    public Dictionary<string, string> Entries { get; } = new(StringComparer.Ordinal);
}

/// <summary>Typed access to arguments whose types were checked before.</summary>
public readonly struct ToolArguments(IReadOnlyDictionary<string, JsonElement> values)
{
    public string Text(string name) => values[name].GetString()!;

    public double Number(string name) => values[name].GetDouble();

    public bool Flag(string name) => values[name].GetBoolean();

    /// <summary>A whole number of at most 15 digits; 3.0 counts as 3.</summary>
    public long Integer(string name) => Number(name) is > -1e15 and < 1e15 and var value
        ? (long)value
        : throw new ToolArgumentException($"{name} is {Number(name)}: must have at most 15 digits");

    /// <summary>A whole number in [low, high].</summary>
    public int Integer(string name, int low, int high)
    {
        var value = Number(name);
        return value >= low && value <= high ? (int)value : throw new ToolArgumentException($"{name} is {value}: must be from {low} to {high}");
    }

    /// <summary>Numbers separated by spaces or commas; at least one.</summary>
    public double[] Items(string name)
    {
        var parts = Text(name).Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0)
            throw new ToolArgumentException($"{name} is empty: must hold numbers separated by spaces");
        return [.. parts.Select(part => double.TryParse(part, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new ToolArgumentException($"{name} holds '{part}': must hold numbers separated by spaces"))];
    }

    /// <summary>The table's entry for a name.</summary>
    public T Lookup<T>(string name, IReadOnlyDictionary<string, T> table) =>
        table.TryGetValue(Text(name), out var found)
            ? found
            : throw new ToolArgumentException($"{name} is '{Text(name)}': must be one of {string.Join(", ", table.Keys)}");
}

/// <summary>
/// A real tool. <paramref name="Parameters"/> maps each required parameter to its JSON Schema primitive; <paramref name="Run"/> returns a
/// value that serialises to JSON, throws <see cref="ToolArgumentException"/> when the arguments make no sense to it, and watches the token
/// if it may take long. Any other exception is taken for a failure of the harness.
/// </summary>
public sealed record ToolImplementation(
    string Name, IReadOnlyDictionary<string, string> Parameters, Func<ToolArguments, ToolState, CancellationToken, object?> Run);
