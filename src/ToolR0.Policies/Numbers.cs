using TorchSharp;

namespace ToolR0.Policies;

/// <summary>Numbers as arguments of tensor operations.</summary>
/// <remarks>
/// TorchSharp reads the native handle of a <see cref="Scalar"/> and hands that on. Nothing else refers to one that was just converted from a number
/// (or that <c>ToDouble</c> reads), so a garbage collection at that moment frees what libtorch is about to read. An operation that takes a scalar is
/// therefore given one that is held, and a sum of two tensors its factor <see cref="One"/>, which TorchSharp would convert otherwise.
/// </remarks>
internal static class Numbers
{
    public static readonly Scalar Zero = 0;
    public static readonly Scalar One = 1;

    private const int Places = 32;

    [ThreadStatic]
    private static Scalar?[]? _held;

    [ThreadStatic]
    private static int _last;

    /// <summary>The same scalar, which stays alive while this thread asks for fewer than 32 others.</summary>
    public static Scalar Held(Scalar value)
    {
        _held ??= new Scalar?[Places];
        _last = (_last + 1) % Places;
        return _held[_last] = value;
    }
}
