using System.Runtime.CompilerServices;
using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>One position of an index: a number, a slice, a new dimension, an ellipsis or a tensor of numbers or booleans.</summary>
    public struct TensorIndex
    {
        internal enum Kind
        {
            None,
            Single,
            Null,
            Ellipsis,
            Tensor,
            Slice,
        }

        internal long? Start;
        internal long? Stop;
        internal long? Step;
        internal Kind Of;
        internal Tensor? Indices;

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new() { Of = Kind.Slice, Start = start, Stop = stop, Step = step };

        public static TensorIndex Slice((int? start, int? end) range) => Slice(range.start, range.end);

        public static TensorIndex Slice(Range range) => Slice(
            range.Start.IsFromEnd ? -range.Start.Value : range.Start.Value,
            !range.End.IsFromEnd ? range.End.Value : range.End.Value == 0 ? null : -range.End.Value);

        public static TensorIndex Single(long? index) => new() { Of = Kind.Single, Start = index };

        public static TensorIndex Tensor(Tensor tensor) => new() { Of = Kind.Tensor, Indices = tensor };

        public static readonly TensorIndex Ellipsis = new() { Of = Kind.Ellipsis };
        public static readonly TensorIndex None = new() { Of = Kind.None };
        public static readonly TensorIndex Null = new() { Of = Kind.Null };
        public static readonly TensorIndex Colon = Slice();

        public static implicit operator TensorIndex(long value) => Single(value);

        public static implicit operator TensorIndex((int? start, int? end) range) => Slice(range);

        public static implicit operator TensorIndex(Range range) => Slice(range);

        public static implicit operator TensorIndex(Index index) => Single(index.IsFromEnd ? -index.Value : index.Value);
    }

    public partial class Tensor
    {
        [IndexerName("TensorItems")]
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1]
        {
            get => select(0, i1);
            set => Set([i1], value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2]
        {
            get => index(i1, i2);
            set => Set([i1, i2], value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3]
        {
            get => index(i1, i2, i3);
            set => Set([i1, i2, i3], value);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3, long i4]
        {
            get => index(i1, i2, i3, i4);
            set => Set([i1, i2, i3, i4], value);
        }

        public Tensor index(params TensorIndex[] indices)
        {
            var (view, tensors) = Resolve(indices);
            if (tensors is null)
                return view;
            var result = Aten.Index.Call(view, Arg.Optional(tensors));
            if (!ReferenceEquals(view, this))
                view.Dispose();
            return result;
        }

        public Tensor index(params Tensor[] indices) => Aten.Index.Call(this, Arg.Optional(indices));

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => Put(value, indices, false);

        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false) => Put(value, indices, accumulate);

        public Tensor index_put_(Tensor value, params Tensor[] indices) => index_put_(value, indices, false);

        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
            InPlace(Aten.IndexPut_, Arg.Optional(indices), value, accumulate);

        public Tensor index_put_(Scalar value, params TensorIndex[] indices)
        {
            using var scalar = ScalarLike(value);
            return Put(scalar, indices, false);
        }

        public Tensor index_select(long dim, Tensor index) => Aten.IndexSelect.Call(this, dim, index);

        public Tensor index_copy(long dim, Tensor index, Tensor source) => Aten.IndexCopy.Call(this, dim, index, source);

        public Tensor index_copy_(long dim, Tensor index, Tensor source) => InPlace(Aten.IndexCopy_, dim, index, source);

        /// <summary>this[index] + alpha * source, along one dimension</summary>
        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) => Aten.IndexAdd.Call(this, dim, index, source, alpha);

        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) => InPlace(Aten.IndexAdd_, dim, index, source, alpha);

        public Tensor gather(long dim, Tensor index) => Aten.Gather.Call(this, dim, index);

        public Tensor scatter(long dim, Tensor index, Tensor src) => Aten.Scatter.Call(this, dim, index, src);

        public Tensor scatter_(long dim, Tensor index, Tensor src) => InPlace(Aten.Scatter_, dim, index, src);

        public Tensor scatter_add(long dim, Tensor index, Tensor src) => Aten.ScatterAdd.Call(this, dim, index, src);

        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => InPlace(Aten.ScatterAdd_, dim, index, src);

        private void Set(ReadOnlySpan<long> at, Tensor value)
        {
            var view = this;
            foreach (var index in at)
            {
                var inner = view.select(0, index);
                if (!ReferenceEquals(view, this))
                    view.Dispose();
                view = inner;
            }

            view.copy_(value);
            view.Dispose();
        }

        private Tensor ScalarLike(Scalar value) => Aten.Full.Call((long[])[], value, dtype, Arg.None, device);

        private Tensor Put(Tensor value, TensorIndex[] indices, bool accumulate)
        {
            var (view, tensors) = Resolve(indices);
            if (tensors is not null)
                view.index_put_(value, tensors!, accumulate);
            else
                view.copy_(value);
            if (!ReferenceEquals(view, this))
                view.Dispose();
            return this;
        }

        /// <summary>
        /// Applies numbers, slices, ellipsis and new dimensions as views; what is left are index tensors by dimension of that view, or null when
        /// there are none.
        /// </summary>
        private (Tensor View, Tensor?[]? Tensors) Resolve(TensorIndex[] indices)
        {
            var view = this;
            List<Tensor?>? tensors = null;
            var specified = indices.Sum(index => index.Of switch
            {
                TensorIndex.Kind.Single or TensorIndex.Kind.Slice => 1,
                TensorIndex.Kind.Tensor => index.Indices!.dtype is ScalarType.Bool or ScalarType.Byte ? index.Indices.dim() : 1,
                _ => 0,
            });
            long dim = 0;

            void Step(Tensor next)
            {
                if (!ReferenceEquals(view, this))
                    view.Dispose();
                view = next;
            }

            foreach (var index in indices)
            {
                switch (index.Of)
                {
                    case TensorIndex.Kind.Single:
                        Step(view.select(dim, index.Start ?? 0));
                        break;
                    case TensorIndex.Kind.Slice:
                        if (index.Start is not null || index.Stop is not null || index.Step is not null)
                            Step(Aten.Slice.Call(view, dim, index.Start, index.Stop, index.Step ?? 1));
                        dim++;
                        break;
                    case TensorIndex.Kind.Ellipsis:
                        dim += Dimensions - specified;
                        break;
                    case TensorIndex.Kind.None or TensorIndex.Kind.Null:
                        Step(view.unsqueeze(dim));
                        dim++;
                        break;
                    case TensorIndex.Kind.Tensor:
                        tensors ??= [];
                        while (tensors.Count < dim)
                            tensors.Add(null);
                        tensors.Add(index.Indices);
                        dim++;
                        break;
                }
            }

            if (tensors is null && ReferenceEquals(view, this))
                view = alias();
            return (view, tensors?.ToArray());
        }
    }
}
