using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor view(params long[] shape) => Aten.View.Call(this, shape);

        /// <summary>Pairs of the last dimension, which must have two neighbouring elements, as complex numbers.</summary>
        public Tensor view_as_complex() => Aten.ViewAsComplex.Call(this);

        /// <param name="storageOffset">Elements from the start of the storage, wherever this tensor begins.</param>
        public Tensor as_strided(long[] size, long[] strides, long storageOffset = 0L) => Aten.AsStrided.Call(this, size, strides, storageOffset);

        public Tensor reshape(params long[] shape) => Aten.Reshape.Call(this, shape);

        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Aten.Flatten.Call(this, start_dim, end_dim);

        public Tensor transpose(long dim0, long dim1) => Aten.Transpose.Call(this, dim0, dim1);

        public Tensor t() => Aten.T.Call(this);

        public Tensor mT => transpose(-2, -1);

        public Tensor permute(params long[] permutation) => Aten.Permute.Call(this, permutation);

        public Tensor contiguous() => Aten.Contiguous.Call(this);

        public Tensor expand(params long[] sizes) => Aten.Expand.Call(this, sizes);

        public Tensor expand_as(Tensor other) => expand(other.shape);

        public Tensor repeat(params long[] sizes) => Aten.Repeat.Call(this, sizes);

        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) =>
            Aten.RepeatInterleave.Call(this, repeats, dim, output_size);

        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) =>
            Aten.RepeatInterleaveTensor.Call(this, repeats, dim, output_size);

        public Tensor unsqueeze(long dim) => Aten.Unsqueeze.Call(this, dim);

        public Tensor squeeze(long? dim = null) => dim is { } one ? Aten.SqueezeDim.Call(this, one) : Aten.Squeeze.Call(this);

        public Tensor narrow(long dim, long start, long length) => Aten.Narrow.Call(this, dim, start, length);

        public Tensor slice(long dim, long start, long finish, long step)
        {
            if (step < 1)
                throw new ArgumentException($"step is {step}, but it should always be positive.");
            return Aten.Slice.Call(this, dim, start, finish, step);
        }

        public Tensor select(long dim, long index) => Aten.Select.Call(this, dim, index);

        public Tensor[] unbind(long dimension = 0L) => Aten.Unbind.List(size((int)dimension), this, dimension);

        public Tensor[] split(long size, int dim = 0) => Aten.Split.List(this.size(dim) + 1, this, size, (long)dim);

        public Tensor[] split(long[] sizes, long dim = 0) => Aten.SplitSizes.List(sizes.Length, this, sizes, dim);

        public Tensor[] chunk(long chunks, long dim = 0L) => Aten.Chunk.List(chunks, this, chunks, dim);

        public Tensor flip(params long[] dims) => Aten.Flip.Call(this, dims);

        public Tensor roll(long shifts, long? dims = null) => Aten.Roll.Call(this, (long[])[shifts], (long[])(dims is { } dim ? [dim] : []));

        public Tensor tril(long diagonal = 0) => Aten.Tril.Call(this, diagonal);

        public Tensor triu(long diagonal = 0) => Aten.Triu.Call(this, diagonal);

        public Tensor clone() => Aten.Clone.Call(this);

        /// <summary>The same memory, out of the gradient graph.</summary>
        public Tensor detach() => Aten.Detach.Call(this);

        public Tensor copy_(Tensor source, bool nonBlocking = false) => InPlace(Aten.Copy_, source, nonBlocking);

        public Tensor fill_(Scalar value) => InPlace(Aten.Fill_, value);

        public Tensor zero_() => InPlace(Aten.Zero_);

        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(type, null, copy, disposeAfter, non_blocking);

        /// <summary>In another element type; another managed tensor over the same native one where it is the same.</summary>
        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(type, null, copy, disposeAfter, non_blocking);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(null, InitializeDevice(device), copy, disposeAfter, non_blocking);

        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(null, InitializeDevice(new Device(deviceType, deviceIndex)), copy, disposeAfter, non_blocking);

        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(device), copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(type, InitializeDevice(device), copy, disposeAfter, non_blocking);

        public Tensor cpu() => To(null, CPU, false, false, false);

        public Tensor cuda(Device? device = null, bool non_blocking = false)
        {
            if (device is not null && device.type != DeviceType.CUDA)
                throw new ArgumentException("Not a CUDA device.", nameof(device));
            return To(null, InitializeDevice(device ?? new Device(DeviceType.CUDA)), false, false, non_blocking);
        }

        public Tensor @bool() => to_type(ScalarType.Bool);

        public Tensor @int() => to_type(ScalarType.Int32);

        public Tensor @long() => to_type(ScalarType.Int64);

        public Tensor half() => to_type(ScalarType.Float16);

        public Tensor bfloat16() => to_type(ScalarType.BFloat16);

        public Tensor @float() => to_type(ScalarType.Float32);

        public Tensor @double() => to_type(ScalarType.Float64);

        private Tensor To(ScalarType? type, Device? device, bool copy, bool disposeAfter, bool non_blocking)
        {
            // to.dtype_layout(self, dtype, layout, device, pin_memory, non_blocking, copy, memory_format)
            var result = Aten.To.Call(this, type, Arg.None, device, Arg.None, non_blocking, copy);
            if (disposeAfter)
                Dispose();
            return result;
        }
    }
}
