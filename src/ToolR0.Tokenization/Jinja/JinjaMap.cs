using System.Numerics;

namespace ToolR0.Tokenization.Jinja;

/// <summary>A dictionary; keeps the order of its keys, as Python's does.</summary>
internal sealed class JinjaMap : OrderedDictionary<JinjaKey, object?>;

/// <summary>A dictionary's key, equal and hashed as in Python: 1, 1.0 and true are one key.</summary>
internal readonly struct JinjaKey : IEquatable<JinjaKey>
{
    private JinjaKey(object? value) => Value = value;

    public object? Value { get; }

    public static implicit operator JinjaKey(string name) => new(name);

    /// <exception cref="JinjaException">The value cannot be a key: a list or a dict.</exception>
    public static JinjaKey Of(object? value) =>
        IsHashable(value) ? new(value) : throw new JinjaException($"a {JinjaValues.TypeOf(value)} cannot be a key");

    public bool Equals(JinjaKey other) => JinjaValues.Equals(Value, other.Value);

    public override bool Equals(object? obj) => obj is JinjaKey other && Equals(other);

    public override int GetHashCode() => Hash(Value);

    private static bool IsHashable(object? value) => value switch
    {
        JinjaTuple tuple => tuple.All(IsHashable),
        List<object?> or JinjaMap or JinjaUndefined => false,
        _ => true,
    };

    private static int Hash(object? value) => value switch
    {
        null => 0,
        string text => text.GetHashCode(StringComparison.Ordinal),
        long or bool or double or BigInteger => JinjaValues.ToDouble(value).GetHashCode(),
        JinjaTuple tuple => tuple.Aggregate(tuple.Count, (hash, item) => HashCode.Combine(hash, Hash(item))),
        _ => value.GetHashCode(),
    };
}
