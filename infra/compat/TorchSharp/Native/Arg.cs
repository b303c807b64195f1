using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>As in native/bridge.cpp.</summary>
internal enum ArgKind
{
    None = 0,
    Tensor = 1,
    Int = 2,
    Double = 3,
    Bool = 4,
    IntList = 5,
    TensorList = 6,
    OptionalTensorList = 7,
    Device = 8,
    String = 9,
    DoubleList = 10,
    Default = 11,
}

/// <summary>An operator argument as the bridge reads it: 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeArg
{
    internal ArgKind Kind;
    internal int Count;
    internal long Bits;
}

/// <summary>
/// An operator argument. It holds on to what it refers to, so that no finalizer takes a tensor away between reading its handle and the call.
/// </summary>
internal readonly struct Arg
{
    internal readonly object? Owner;
    internal readonly long Bits;
    internal readonly ArgKind Kind;
    internal readonly int Count;

    private Arg(ArgKind kind, long bits = 0, object? owner = null, int count = 0)
    {
        Kind = kind;
        Bits = bits;
        Owner = owner;
        Count = count;
    }

    /// <summary>The schema's default value.</summary>
    internal static Arg Default => new(ArgKind.Default);

    internal static Arg None => new(ArgKind.None);

    /// <summary>How many 8-byte words the bridge needs beside the argument itself.</summary>
    internal int Words => Kind switch
    {
        ArgKind.IntList or ArgKind.TensorList or ArgKind.OptionalTensorList => Count,
        ArgKind.String => (Count + 7) / 8,
        _ => 0,
    };

    internal static Arg Optional(torch.Tensor?[] tensors) => new(ArgKind.OptionalTensorList, 0, tensors, tensors.Length);

    /// <summary>The number as a double whatever its type, for a schema that says <c>float</c>.</summary>
    internal static Arg Real(double value) => new(ArgKind.Double, BitConverter.DoubleToInt64Bits(value));

    public static implicit operator Arg(torch.Tensor? tensor) => tensor is null ? None : new(ArgKind.Tensor, 0, tensor);

    public static implicit operator Arg(torch.Tensor[] tensors) => new(ArgKind.TensorList, 0, tensors, tensors.Length);

    public static implicit operator Arg(long[]? values) => values is null ? None : new(ArgKind.IntList, 0, values, values.Length);

    public static implicit operator Arg(long value) => new(ArgKind.Int, value);

    public static implicit operator Arg(long? value) => value is { } integer ? integer : None;

    public static implicit operator Arg(bool value) => new(ArgKind.Bool, value ? 1 : 0);

    public static implicit operator Arg(torch.ScalarType type) => new(ArgKind.Int, (long)type);

    public static implicit operator Arg(torch.ScalarType? type) => type is { } known ? known : None;

    public static implicit operator Arg(torch.Device? device) =>
        device is null ? None : new(ArgKind.Device, device.index, null, (int)device.type);

    public static implicit operator Arg(Scalar? scalar) => scalar is null ? None : scalar.ToArg();

    public static implicit operator Arg(string? text) =>
        text is null ? None : new(ArgKind.String, 0, text, System.Text.Encoding.UTF8.GetByteCount(text));
}
