using TorchSharp.Modules;
using TorchSharp.Native;

namespace TorchSharp.Modules
{
    /// <summary>A tensor that a model learns.</summary>
    public class Parameter : torch.Tensor
    {
        /// <param name="data">The values; this tensor becomes empty.</param>
        public Parameter(torch.Tensor data, bool requires_grad = true)
            : base(data.with_requires_grad(requires_grad).MoveHandle(), false) => DisposeScope.ReplaceWith(data, this);
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public enum Reduction : long
            {
                None = 0,
                Mean = 1,
                Sum = 2,
            }

            public static Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);

            public static partial class functional
            {
                public static Tensor silu(Tensor x, bool inplace = false) => inplace ? x.silu_().alias() : x.silu();

                public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

                public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

                /// <summary>input x weights^T + bias; weights [out, in].</summary>
                public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) => Aten.Linear.Call(input, weights, bias);

                public static Tensor cross_entropy(
                    Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean,
                    double label_smoothing = 0.0) =>
                    Aten.CrossEntropy.Call(input, target, weight, (long)reduction, ignore_index, Arg.Real(label_smoothing));

                /// <summary>
                /// softmax(query x key^T / sqrt(head size) + mask) x value; [batch, heads, time, head size]. A boolean mask is true where
                /// attention is allowed.
                /// </summary>
                public static Tensor scaled_dot_product_attention(
                    Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0.0, bool is_casual = false)
                {
                    if (p < 0)
                        throw new ArgumentException("Dropout probability must be greater than or equal to zero.");
                    if (is_casual && attn_mask is not null)
                        throw new ArgumentException("Casual attention masking cannot pass a mask.");
                    // libtorch has the operator from 2.0 on; 1.13 has one of another shape under a private name.
                    return Aten.Sdpa.Exists
                        ? Aten.Sdpa.Call(query, key, value, attn_mask, Arg.Real(p), is_casual)
                        : ComposedAttention(query, key, value, attn_mask, p, is_casual);
                }

                private static Tensor ComposedAttention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask, double p, bool is_casual)
                {
                    using var scope = NewDisposeScope();
                    var scores = query.matmul(key.transpose(-2, -1)).mul(1 / Math.Sqrt(query.shape[^1]));
                    if (is_casual)
                    {
                        attn_mask = ones(query.shape[^2], key.shape[^2], ScalarType.Bool, query.device).tril();
                    }

                    if (attn_mask is not null)
                    {
                        scores = attn_mask.dtype == ScalarType.Bool
                            ? scores.masked_fill(attn_mask.logical_not(), double.NegativeInfinity)
                            : scores.add(attn_mask);
                    }

                    var weights = scores.softmax(-1);
                    if (p > 0)
                        weights = Aten.Dropout.Call(weights, Arg.Real(p), true);
                    return weights.matmul(value).MoveToOuterDisposeScope();
                }
            }
        }
    }
}
