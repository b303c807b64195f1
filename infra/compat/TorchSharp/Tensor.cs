using System.Runtime.InteropServices;
using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// A libtorch tensor. Its memory is native: dispose it, or let a <see cref="DisposeScope"/> do so. The finalizer is only a safety net.
    /// </summary>
    public partial class Tensor : IDisposable
    {
        private static long _totalCount;
        private nint _handle;

        internal Tensor(nint handle, bool register = true)
        {
            _handle = handle;
            Interlocked.Increment(ref _totalCount);
            if (register)
                DisposeScopeManager.ThreadSingleton.CurrentDisposeScope?.Add(this);
        }

        ~Tensor() => Dispose(false);

        internal DisposeScope? OwningDisposeScope { get; set; }

        /// <summary>Where its scope keeps it.</summary>
        internal int ScopeIndex { get; set; }

        /// <summary>How many tensors managed code holds in this process.</summary>
        public static long TotalCount => Interlocked.Read(ref _totalCount);

        public bool IsInvalid => _handle == 0;

        /// <exception cref="InvalidOperationException">the tensor was disposed</exception>
        public IntPtr Handle
        {
            get
            {
                var handle = _handle;
                if (handle == 0)
                    ThrowEmpty();
                return handle;
            }
        }

        private static void ThrowEmpty() => throw new InvalidOperationException("Tensor invalid -- empty handle.");

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            var handle = Interlocked.Exchange(ref _handle, 0);
            if (handle == 0)
                return;
            // From the finalizer the scope is as unreachable as the tensor.
            if (disposing)
                OwningDisposeScope?.Remove(this);
            Interlocked.Decrement(ref _totalCount);
            NativeMethods.tr_free(handle);
        }

        /// <summary>Gives the native tensor away and leaves this one empty.</summary>
        internal nint MoveHandle()
        {
            var handle = Interlocked.Exchange(ref _handle, 0);
            if (handle != 0)
                Interlocked.Decrement(ref _totalCount);
            return handle;
        }

        public Tensor MoveToOuterDisposeScope()
        {
            OwningDisposeScope?.MoveToOuter(this);
            return this;
        }

        public Tensor DetachFromDisposeScope()
        {
            OwningDisposeScope?.Detach(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.OwningDisposeScope);

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            if (OwningDisposeScope is null && other is not null)
                other.Attach(this);
            else
                OwningDisposeScope?.MoveToOther(other, this);
            return this;
        }

        /// <summary>Another managed tensor over the same native one; each is disposed on its own.</summary>
        public Tensor alias()
        {
            var copy = new Tensor(NativeMethods.tr_alias(Handle));
            GC.KeepAlive(this);
            return copy;
        }

        public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

        /// <summary>Whether both have the same shape and the same elements.</summary>
        public bool Equals(Tensor target)
        {
            if (!shape.AsSpan().SequenceEqual(target.shape))
                return false;
            using var same = eq(target);
            using var all = same.all();
            return all.item<bool>();
        }

        public override int GetHashCode() => base.GetHashCode();

        public override string ToString() => $"[{string.Join("x", shape)}], type = {dtype}, device = {device}";

        public long Dimensions => Alive(NativeMethods.tr_dimensions(Handle));

        public long dim() => Dimensions;

        public long ndim => Dimensions;

        public long NumberOfElements => Alive(NativeMethods.tr_elements(Handle));

        public long numel() => NumberOfElements;

        public long ElementSize => Alive(NativeMethods.tr_element_size(Handle));

        public long element_size() => ElementSize;

        public ScalarType dtype => (ScalarType)Alive(NativeMethods.tr_dtype(Handle));

        public DeviceType device_type => (DeviceType)Alive(NativeMethods.tr_device_type(Handle));

        public int device_index => Alive(NativeMethods.tr_device_index(Handle));

        public Device device => device_type == DeviceType.CPU ? new Device(DeviceType.CPU) : new Device(device_type, device_index);

        public bool is_cuda => device_type == DeviceType.CUDA;

        public bool is_cpu() => device_type == DeviceType.CPU;

        public bool is_integral() => torch.is_integral(dtype);

        public bool is_floating_point() => torch.is_floating_point(dtype);

        public bool is_contiguous() => Alive(NativeMethods.tr_is_contiguous(Handle)) != 0;

        public unsafe long[] shape
        {
            get
            {
                var sizes = new long[NativeMethods.tr_dimensions(Handle)];
                fixed (long* pinned = sizes)
                    NativeMethods.tr_sizes(Handle, pinned);
                GC.KeepAlive(this);
                return sizes;
            }
        }

        public long[] size() => shape;

        public unsafe long size(int dim)
        {
            const int Most = 64;
            var dimensions = NativeMethods.tr_dimensions(Handle);
            var at = dim < 0 ? dim + dimensions : dim;
            if (dimensions > Most || at < 0 || at >= dimensions)
            {
                throw new ExternalException(
                    $"Dimension out of range (expected to be in range of [{-dimensions}, {dimensions - 1}], but got {dim})");
            }

            var sizes = stackalloc long[dimensions];
            NativeMethods.tr_sizes(Handle, sizes);
            GC.KeepAlive(this);
            return sizes[at];
        }

        public unsafe long[] stride()
        {
            var strides = new long[NativeMethods.tr_dimensions(Handle)];
            fixed (long* pinned = strides)
                NativeMethods.tr_strides(Handle, pinned);
            GC.KeepAlive(this);
            return strides;
        }

        public long stride(int dim)
        {
            var strides = stride();
            return strides[dim < 0 ? dim + strides.Length : dim];
        }

        /// <summary>Keeps this tensor from its finalizer until a value was read off it.</summary>
        private T Alive<T>(T value)
        {
            GC.KeepAlive(this);
            return value;
        }
    }
}
