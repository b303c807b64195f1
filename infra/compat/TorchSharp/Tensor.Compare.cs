using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor eq(Tensor target) => Aten.Eq.Call(this, target);

        public Tensor eq(Scalar target) => Aten.EqScalar.Call(this, target);

        public Tensor ne(Tensor target) => Aten.Ne.Call(this, target);

        public Tensor ne(Scalar target) => Aten.NeScalar.Call(this, target);

        public Tensor lt(Tensor target) => Aten.Lt.Call(this, target);

        public Tensor lt(Scalar target) => Aten.LtScalar.Call(this, target);

        public Tensor le(Tensor target) => Aten.Le.Call(this, target);

        public Tensor le(Scalar target) => Aten.LeScalar.Call(this, target);

        public Tensor gt(Tensor target) => Aten.Gt.Call(this, target);

        public Tensor gt(Scalar target) => Aten.GtScalar.Call(this, target);

        public Tensor ge(Tensor target) => Aten.Ge.Call(this, target);

        public Tensor ge(Scalar target) => Aten.GeScalar.Call(this, target);

        public Tensor logical_and(Tensor other) => Aten.LogicalAnd.Call(this, other);

        public Tensor logical_not() => Aten.LogicalNot.Call(this);

        public Tensor bitwise_and(Tensor other) => Aten.BitwiseAnd.Call(this, other);

        public Tensor bitwise_or(Tensor other) => Aten.BitwiseOr.Call(this, other);

        public Tensor bitwise_xor(Tensor other) => Aten.BitwiseXor.Call(this, other);

        public Tensor bitwise_not() => Aten.BitwiseNot.Call(this);

        public Tensor isfinite() => Aten.IsFinite.Call(this);

        public Tensor isnan() => Aten.IsNan.Call(this);

        public Tensor isclose(Tensor other, double rtol = 1e-05, double atol = 1e-08, bool nanEqual = false) =>
            Aten.IsClose.Call(this, other, Arg.Real(rtol), Arg.Real(atol), nanEqual);

        public bool allclose(Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false)
        {
            using var close = isclose(target, rtol, atol, equal_nan);
            using var every = close.all();
            return every.item<bool>();
        }

        public Tensor all() => Aten.All.Call(this);

        public Tensor all(long dim, bool keepdim = false) => Aten.AllDim.Call(this, dim, keepdim);

        public Tensor any() => Aten.Any.Call(this);

        public Tensor any(long dim, bool keepdim = false) => Aten.AnyDim.Call(this, dim, keepdim);

        /// <summary>This where the condition holds, elsewhere <paramref name="y"/>.</summary>
        /// <exception cref="ArgumentException">the condition is not boolean</exception>
        public Tensor where(Tensor condition, Tensor y)
        {
            if (condition.dtype != ScalarType.Bool)
                throw new ArgumentException("The condition to 'where' must be a boolean tensor.");
            return Aten.Where.Call(condition, this, y);
        }

        public Tensor masked_fill(Tensor mask, Scalar value) => Aten.MaskedFill.Call(this, mask, value);

        public Tensor masked_fill_(Tensor mask, Scalar value) => InPlace(Aten.MaskedFill_, mask, value);

        public Tensor masked_select(Tensor mask) => Aten.MaskedSelect.Call(this, mask);
    }
}
