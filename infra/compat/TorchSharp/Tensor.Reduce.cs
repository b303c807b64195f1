using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor sum(ScalarType? type = null) => Aten.Sum.Call(this, type);

        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => Aten.SumDim.Call(this, dim, keepdim, type);

        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) => sum(dim.ToArray(), keepdim, type);

        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);

        public Tensor mean() => Aten.Mean.Call(this);

        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
            Aten.MeanDim.Call(this, dimensions, keepdim, type);

        public Tensor std(bool unbiased = true) => Aten.Std.Call(this, unbiased);

        public Tensor max() => Aten.Max.Call(this);

        public Tensor max(Tensor other) => maximum(other);

        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => Aten.MaxDim.Pair(this, dim, keepdim);

        public Tensor min() => Aten.Min.Call(this);

        public Tensor min(Tensor other) => minimum(other);

        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => Aten.MinDim.Pair(this, dim, keepdim);

        public Tensor amax(params long[] dims) => Aten.Amax.Call(this, dims);

        public Tensor argmax() => Aten.Argmax.Call(this);

        public Tensor argmax(long dim, bool keepdim = false) => Aten.Argmax.Call(this, dim, keepdim);

        public Tensor cumsum(long dim, ScalarType? type = null) => Aten.Cumsum.Call(this, dim, type);

        public Tensor logsumexp(long dim, bool keepdim = false) => Aten.Logsumexp.Call(this, (long[])[dim], keepdim);

        public Tensor norm(float p = 2.0f) => Aten.Norm.Call(this, Arg.Real(p));

        public Tensor norm(int dim, bool keepdim = false, float p = 2.0f) => Aten.NormDim.Call(this, Arg.Real(p), (long[])[dim], keepdim);

        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) =>
            Aten.Sort.Pair(this, stable, dim, descending);

        public Tensor argsort(long dim = -1, bool descending = false) => Aten.Argsort.Call(this, dim, descending);

        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) =>
            Aten.Topk.Pair(this, (long)k, (long)dim, largest, sorted);

        public Tensor nonzero() => Aten.Nonzero.Call(this);

        public Tensor softmax(long dim, ScalarType? dtype = null) => Aten.Softmax.Call(this, dim, dtype);

        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Aten.LogSoftmax.Call(this, dim, dtype);
    }
}
