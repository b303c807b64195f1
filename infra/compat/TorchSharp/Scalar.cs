using TorchSharp.Native;

namespace TorchSharp;

/// <summary>A number as libtorch takes it beside tensors: integer, floating point or boolean.</summary>
public sealed class Scalar : IDisposable
{
    private readonly double _real;
    private readonly long _integer;

    private Scalar(torch.ScalarType type, long integer, double real)
    {
        Type = type;
        _integer = integer;
        _real = real;
    }

    public torch.ScalarType Type { get; }

    internal bool IsReal => Type is torch.ScalarType.Float64;

    internal double AsDouble => IsReal ? _real : _integer;

    internal long AsLong => IsReal ? (long)_real : _integer;

    // As at::Scalar does, every integer is kept as Int64 and every real number as Float64.
    private static Scalar Of(long value) => new(torch.ScalarType.Int64, value, 0);

    private static Scalar Of(double value) => new(torch.ScalarType.Float64, 0, value);

    public static implicit operator Scalar(byte value) => Of((long)value);

    public static implicit operator Scalar(sbyte value) => Of((long)value);

    public static implicit operator Scalar(short value) => Of((long)value);

    public static implicit operator Scalar(int value) => Of((long)value);

    public static implicit operator Scalar(long value) => Of(value);

    public static implicit operator Scalar(Half value) => Of((double)value);

    public static implicit operator Scalar(BFloat16 value) => Of((double)value);

    public static implicit operator Scalar(float value) => Of((double)value);

    public static implicit operator Scalar(double value) => Of(value);

    public static implicit operator Scalar(bool value) => new(torch.ScalarType.Bool, value ? 1 : 0, 0);

    internal Arg ToArg() => Type switch
    {
        torch.ScalarType.Bool => (Arg)(_integer != 0),
        torch.ScalarType.Int64 => (Arg)_integer,
        _ => Arg.Real(_real),
    };

    public void Dispose()
    {
    }
}

public static class ScalarExtensionMethods
{
    public static Scalar ToScalar(this int value) => value;

    public static Scalar ToScalar(this long value) => value;

    public static Scalar ToScalar(this float value) => value;

    public static Scalar ToScalar(this double value) => value;

    public static Scalar ToScalar(this bool value) => value;

    public static float ToSingle(this Scalar value) => (float)value.AsDouble;

    public static double ToDouble(this Scalar value) => value.AsDouble;

    public static int ToInt32(this Scalar value) => checked((int)value.AsLong);

    public static long ToInt64(this Scalar value) => value.AsLong;

    public static bool ToBoolean(this Scalar value) => value.AsDouble != 0;
}
