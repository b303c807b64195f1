using TorchSharp.Native;

namespace TorchSharp;

/// <summary>The part of TorchSharp 0.107 that the product uses, over the system's libtorch. See README.md in this folder.</summary>
public static partial class torch
{
    public static readonly ScalarType uint8 = ScalarType.Byte;
    public static readonly ScalarType int8 = ScalarType.Int8;
    public static readonly ScalarType int16 = ScalarType.Int16;
    public static readonly ScalarType int32 = ScalarType.Int32;
    public static readonly ScalarType int64 = ScalarType.Int64;
    public static readonly ScalarType float16 = ScalarType.Float16;
    public static readonly ScalarType half = ScalarType.Float16;
    public static readonly ScalarType float32 = ScalarType.Float32;
    public static readonly ScalarType float64 = ScalarType.Float64;
    public static readonly ScalarType @bool = ScalarType.Bool;
    public static readonly ScalarType bfloat16 = ScalarType.BFloat16;
    public static readonly ScalarType @long = ScalarType.Int64;
    public static readonly ScalarType @int = ScalarType.Int32;
    public static readonly ScalarType @float = ScalarType.Float32;
    public static readonly ScalarType @double = ScalarType.Float64;

    /// <summary>Element types, with libtorch's numbers.</summary>
    public enum ScalarType : sbyte
    {
        Byte = 0,
        Int8 = 1,
        Int16 = 2,
        Int32 = 3,
        Int64 = 4,
        Float16 = 5,
        Float32 = 6,
        Float64 = 7,
        Bool = 11,
        BFloat16 = 15,
    }

    /// <summary>The version of libtorch, such as <c>1.13.1</c>.</summary>
    public static unsafe string __version__ =>
        System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)NativeMethods.tr_version())!;

    public static bool is_integral(ScalarType type) =>
        type is ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64 or ScalarType.Bool;

    public static bool is_floating_point(ScalarType type) =>
        type is ScalarType.Float16 or ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16;

    public static ScalarType get_default_dtype() => ScalarType.Float32;

    public static int get_num_threads() => NativeMethods.Check(NativeMethods.tr_threads());

    /// <summary>How many threads one operator may use; each thread that runs operators takes it over on its first.</summary>
    public static void set_num_threads(int num) => NativeMethods.Check(NativeMethods.tr_set_threads(num));

    /// <summary>Seeds the default generators of all devices.</summary>
    public static Generator manual_seed(long seed)
    {
        NativeMethods.Check(NativeMethods.tr_manual_seed((ulong)seed));
        return Generator.Default;
    }

    /// <summary>A source of random numbers: here only the process's default one.</summary>
    public class Generator : IDisposable
    {
        private Generator()
        {
        }

        public static Generator Default { get; } = new();

        public Device device => CPU;

        public Generator manual_seed(long seed) => torch.manual_seed(seed);

        public void Dispose() => GC.SuppressFinalize(this);
    }

    public static partial class cuda
    {
        public static bool is_available() => device_count() > 0;

        public static int device_count() => NativeMethods.Check(NativeMethods.tr_cuda_devices());

        /// <summary>Waits until the device has done all it was given.</summary>
        public static void synchronize(Device? device = null)
        {
            if (is_available())
                NativeMethods.Check(NativeMethods.tr_cuda_synchronize(device?.index ?? -1));
        }
    }

    internal static Type ElementType(ScalarType type) => type switch
    {
        ScalarType.Byte => typeof(byte),
        ScalarType.Int8 => typeof(sbyte),
        ScalarType.Int16 => typeof(short),
        ScalarType.Int32 => typeof(int),
        ScalarType.Int64 => typeof(long),
        ScalarType.Float16 => typeof(Half),
        ScalarType.Float32 => typeof(float),
        ScalarType.Float64 => typeof(double),
        ScalarType.Bool => typeof(bool),
        ScalarType.BFloat16 => typeof(BFloat16),
        _ => throw new NotSupportedException($"The type {type} is not supported."),
    };

    internal static ScalarType ToScalarType(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.Byte => ScalarType.Byte,
        TypeCode.SByte => ScalarType.Int8,
        TypeCode.Int16 => ScalarType.Int16,
        TypeCode.Int32 => ScalarType.Int32,
        TypeCode.Int64 => ScalarType.Int64,
        TypeCode.Single => ScalarType.Float32,
        TypeCode.Double => ScalarType.Float64,
        TypeCode.Boolean => ScalarType.Bool,
        _ when type == typeof(Half) => ScalarType.Float16,
        _ when type == typeof(BFloat16) => ScalarType.BFloat16,
        _ => throw new NotSupportedException($"The type {type.FullName} is not supported."),
    };
}
