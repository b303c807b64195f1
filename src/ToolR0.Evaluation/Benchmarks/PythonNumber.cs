using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace ToolR0.Evaluation.Benchmarks;

/// <summary>A number of JSON as Python reads it: an integer of any size, or a float. An integer and a float are compared exactly.</summary>
internal readonly record struct PythonNumber
{
    /// <summary>Digits of the longest integer that Python reads.</summary>
    private const int LongestInteger = 4300;

    /// <summary>Set where the value is a whole number, whether an integer or a float.</summary>
    private readonly BigInteger? _whole;

    private readonly double _float;

    private PythonNumber(double value)
    {
        if (double.IsInteger(value))
            _whole = new BigInteger(value);
        else
            _float = value;
    }

    private PythonNumber(BigInteger value) => _whole = value;

    /// <summary>Null for what is no number; true is 1 and false 0.</summary>
    public static PythonNumber? Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => new PythonNumber(BigInteger.One),
        JsonValueKind.False => new PythonNumber(BigInteger.Zero),
        JsonValueKind.Number when IsInteger(value) && value.GetRawText().Length <= LongestInteger =>
            new PythonNumber(BigInteger.Parse(value.GetRawText(), CultureInfo.InvariantCulture)),
        JsonValueKind.Number => new PythonNumber(Float(value)),
        _ => null,
    };

    /// <summary>The number as Python's float(…) makes it; null where it is too large for one.</summary>
    public static PythonNumber? AsFloat(JsonElement value) => double.IsFinite(Float(value)) ? new PythonNumber(Float(value)) : null;

    /// <summary>Written without fraction and exponent.</summary>
    public static bool IsInteger(JsonElement value) => !value.GetRawText().AsSpan().ContainsAny('.', 'e', 'E');

    private static double Float(JsonElement value) => double.Parse(value.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture);
}
