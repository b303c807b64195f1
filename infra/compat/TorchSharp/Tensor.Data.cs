using TorchSharp.Native;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The elements in row-major order; of a copy in host memory where the tensor is elsewhere.</summary>
        /// <exception cref="ArgumentException"><typeparamref name="T"/> is not the tensor's element type</exception>
        public TensorAccessor<T> data<T>() where T : unmanaged
        {
            ValidateType(typeof(T));
            return new TensorAccessor<T>(device_type == DeviceType.CPU ? this : cpu());
        }

        /// <summary>The one element.</summary>
        /// <exception cref="ArgumentException">there are more, or <typeparamref name="T"/> is not the element type</exception>
        public unsafe T item<T>() where T : unmanaged
        {
            if (NumberOfElements != 1)
                throw new ArgumentException("Number of elements in the tensor must be 1");
            ValidateType(typeof(T));
            if (device_type == DeviceType.CPU)
                return Alive(*(T*)Pointer);
            using var host = cpu();
            return host.Alive(*(T*)host.Pointer);
        }

        public Scalar ToScalar() => dtype switch
        {
            ScalarType.Byte => item<byte>(),
            ScalarType.Int8 => item<sbyte>(),
            ScalarType.Int16 => item<short>(),
            ScalarType.Int32 => item<int>(),
            ScalarType.Int64 => item<long>(),
            ScalarType.Float16 => item<Half>(),
            ScalarType.Float32 => item<float>(),
            ScalarType.Float64 => item<double>(),
            ScalarType.Bool => item<bool>(),
            ScalarType.BFloat16 => item<BFloat16>(),
            _ => throw new NotSupportedException($"ToScalar() of {dtype}"),
        };

        public static explicit operator float(Tensor value) => value.ToScalar().ToSingle();

        public static explicit operator double(Tensor value) => value.ToScalar().ToDouble();

        public static explicit operator int(Tensor value) => value.ToScalar().ToInt32();

        public static explicit operator long(Tensor value) => value.ToScalar().ToInt64();

        public static explicit operator bool(Tensor value) => value.ToScalar().ToBoolean();

        /// <summary>The tensor's memory, of a contiguous tensor in host memory of at most 2 GiB.</summary>
        public unsafe Span<byte> bytes
        {
            get
            {
                ValidateContiguousHost();
                return new Span<byte>(Pointer, checked((int)(NumberOfElements * ElementSize)));
            }

            set
            {
                ValidateContiguousHost();
                if (NumberOfElements * ElementSize != value.Length)
                    throw new ArgumentException("Mismatched data sizes in SetBytes().");
                value.CopyTo(new Span<byte>(Pointer, value.Length));
            }
        }

        /// <summary>Writes the tensor's memory, without the 2 GiB limit of <see cref="bytes"/>.</summary>
        public unsafe void WriteBytesToStream(Stream stream, int bufferSize = 1024)
        {
            ValidateContiguousHost();
            var left = NumberOfElements * ElementSize;
            for (var at = (byte*)Pointer; left > 0; at += bufferSize, left -= bufferSize)
                stream.Write(new ReadOnlySpan<byte>(at, (int)Math.Min(left, bufferSize)));
            GC.KeepAlive(this);
        }

        /// <summary>Fills the tensor's memory.</summary>
        /// <exception cref="EndOfStreamException">the stream has fewer bytes</exception>
        public unsafe void ReadBytesFromStream(Stream stream, int bufferSize = 1024)
        {
            ValidateContiguousHost();
            var left = NumberOfElements * ElementSize;
            var at = (byte*)Pointer;
            while (left > 0)
            {
                var read = stream.Read(new Span<byte>(at, (int)Math.Min(left, bufferSize)));
                if (read == 0)
                    throw new EndOfStreamException();
                at += read;
                left -= read;
            }

            GC.KeepAlive(this);
        }

        internal unsafe void* Pointer => NativeMethods.tr_data(Handle);

        internal void ValidateType(Type type)
        {
            if (type != ElementType(dtype))
                throw new ArgumentException($"{type.Name} is not compatible with {dtype}");
        }

        private void ValidateContiguousHost()
        {
            if (!is_contiguous())
                throw new InvalidOperationException("Bytes() called on non-contiguous tensor.");
            if (device_type != DeviceType.CPU)
            {
                throw new InvalidOperationException(
                    "Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
            }
        }
    }
}

public static class TensorExtensionMethods
{
    public static float ToSingle(this torch.Tensor value) => value.ToScalar().ToSingle();

    public static double ToDouble(this torch.Tensor value) => value.ToScalar().ToDouble();

    public static int ToInt32(this torch.Tensor value) => value.ToScalar().ToInt32();

    public static long ToInt64(this torch.Tensor value) => value.ToScalar().ToInt64();

    public static bool ToBoolean(this torch.Tensor value) => value.ToScalar().ToBoolean();
}
