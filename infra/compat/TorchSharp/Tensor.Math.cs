using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public enum RoundingMode
    {
        None,
        trunc,
        floor,
    }

    public partial class Tensor
    {
        public Tensor add(Tensor target) => Aten.Add.Call(this, target);

        /// <summary>this + alpha * target</summary>
        public Tensor add(Tensor target, Scalar alpha) => Aten.Add.Call(this, target, alpha);

        public Tensor add(Scalar scalar) => Aten.AddScalar.Call(this, scalar);

        public Tensor add(Scalar scalar, Scalar alpha) => Aten.AddScalar.Call(this, scalar, alpha);

        public Tensor add_(Tensor target) => InPlace(Aten.Add_, target);

        public Tensor add_(Tensor target, Scalar alpha) => InPlace(Aten.Add_, target, alpha);

        public Tensor add_(Scalar scalar) => InPlace(Aten.AddScalar_, scalar);

        public Tensor add_(Scalar scalar, Scalar alpha) => InPlace(Aten.AddScalar_, scalar, alpha);

        public Tensor sub(Tensor target) => Aten.Sub.Call(this, target);

        public Tensor sub(Scalar target) => Aten.SubScalar.Call(this, target);

        public Tensor sub_(Tensor target) => InPlace(Aten.Sub_, target);

        public Tensor sub_(Scalar target) => InPlace(Aten.SubScalar_, target);

        public Tensor mul(Tensor target) => Aten.Mul.Call(this, target);

        public Tensor mul(Scalar target) => Aten.MulScalar.Call(this, target);

        public Tensor mul_(Tensor target) => InPlace(Aten.Mul_, target);

        public Tensor mul_(Scalar target) => InPlace(Aten.MulScalar_, target);

        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) =>
            rounding_mode == RoundingMode.None ? Aten.Div.Call(this, target) : Aten.DivMode.Call(this, target, rounding_mode.ToString());

        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => rounding_mode == RoundingMode.None
            ? Aten.DivScalar.Call(this, target)
            : Aten.DivScalarMode.Call(this, target, rounding_mode.ToString());

        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => rounding_mode == RoundingMode.None
            ? InPlace(Aten.Div_, target)
            : InPlace(Aten.DivMode_, target, rounding_mode.ToString());

        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => rounding_mode == RoundingMode.None
            ? InPlace(Aten.DivScalar_, target)
            : InPlace(Aten.DivScalarMode_, target, rounding_mode.ToString());

        public Tensor floor_divide(Tensor other) => Aten.FloorDivide.Call(this, other);

        public Tensor floor_divide(Scalar other) => Aten.FloorDivideScalar.Call(this, other);

        public Tensor remainder(Tensor target) => Aten.Remainder.Call(this, target);

        public Tensor remainder(Scalar scalar) => Aten.RemainderScalar.Call(this, scalar);

        /// <summary>this + value * tensor1 / tensor2</summary>
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) => Aten.Addcdiv.Call(this, tensor1, tensor2, value);

        public Tensor addcdiv(Tensor tensor1, Tensor tensor2) => Aten.Addcdiv.Call(this, tensor1, tensor2);

        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) => InPlace(Aten.Addcdiv_, tensor1, tensor2, value);

        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2) => InPlace(Aten.Addcdiv_, tensor1, tensor2);

        /// <summary>this + value * tensor1 * tensor2</summary>
        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) => Aten.Addcmul.Call(this, tensor1, tensor2, value);

        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) => InPlace(Aten.Addcmul_, tensor1, tensor2, value);

        /// <summary>this + weight * (end - this)</summary>
        public Tensor lerp(Tensor end, Tensor weight) => Aten.Lerp.Call(this, end, weight);

        public Tensor lerp_(Tensor end, Tensor weight) => InPlace(Aten.Lerp_, end, weight);

        public Tensor pow(Tensor exponent) => Aten.Pow.Call(this, exponent);

        public Tensor pow(Scalar exponent) => Aten.PowScalar.Call(this, exponent);

        public Tensor square() => pow(2);

        /// <summary>√(this² + other²)</summary>
        public Tensor hypot(Tensor other) => Aten.Hypot.Call(this, other);

        public Tensor abs() => Aten.Abs.Call(this);

        public Tensor neg() => Aten.Neg.Call(this);

        public Tensor negative() => neg();

        public Tensor exp() => Aten.Exp.Call(this);

        public Tensor expm1() => Aten.Expm1.Call(this);

        public Tensor log() => Aten.Log.Call(this);

        public Tensor log1p() => Aten.Log1p.Call(this);

        public Tensor sqrt() => Aten.Sqrt.Call(this);

        public Tensor rsqrt() => Aten.Rsqrt.Call(this);

        public Tensor reciprocal() => Aten.Reciprocal.Call(this);

        public Tensor sin() => Aten.Sin.Call(this);

        public Tensor cos() => Aten.Cos.Call(this);

        public Tensor tanh() => Aten.Tanh.Call(this);

        public Tensor sigmoid() => Aten.Sigmoid.Call(this);

        public Tensor relu() => Aten.Relu.Call(this);

        public Tensor silu() => Aten.Silu.Call(this);

        public Tensor silu_() => InPlace(Aten.Silu_);

        public Tensor floor() => Aten.Floor.Call(this);

        public Tensor ceil() => Aten.Ceil.Call(this);

        public Tensor round(long decimals = 0L) => decimals == 0 ? Aten.Round.Call(this) : Aten.RoundDecimals.Call(this, decimals);

        public Tensor trunc() => Aten.Trunc.Call(this);

        public Tensor sign() => Aten.Sign.Call(this);

        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Aten.Clamp.Call(this, min, max);

        public Tensor clamp(Tensor? min = null, Tensor? max = null) => Aten.ClampTensor.Call(this, min, max);

        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => InPlace(Aten.Clamp_, min, max);

        public Tensor clamp_min(Scalar min) => Aten.ClampMin.Call(this, min);

        public Tensor maximum(Tensor other) => Aten.Maximum.Call(this, other);

        public Tensor minimum(Tensor other) => Aten.Minimum.Call(this, other);

        /// <summary>Matrix product over the last two dimensions, batch dimensions broadcast.</summary>
        public Tensor matmul(Tensor target) => Aten.Matmul.Call(this, target);

        /// <summary>[n, m] x [m, p]</summary>
        public Tensor mm(Tensor target) => Aten.Mm.Call(this, target);

        /// <summary>[b, n, m] x [b, m, p]</summary>
        public Tensor bmm(Tensor batch2) => Aten.Bmm.Call(this, batch2);

        public Tensor dot(Tensor target) => Aten.Dot.Call(this, target);

        public Tensor outer(Tensor vec2) => Aten.Outer.Call(this, vec2);

        /// <summary>beta * this + alpha * mat1 x mat2</summary>
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) =>
            Aten.Addmm.Call(this, mat1, mat2, Arg.Real(beta), Arg.Real(alpha));

        public Tensor addmm_(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) =>
            InPlace(Aten.Addmm_, mat1, mat2, Arg.Real(beta), Arg.Real(alpha));

        /// <summary>beta * this + alpha * batch1 x batch2, [b, n, m] x [b, m, p]</summary>
        public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) =>
            Aten.Baddbmm.Call(this, batch1, batch2, Arg.Real(beta), Arg.Real(alpha));

        private Tensor InPlace(Op op)
        {
            op.Run(this);
            return this;
        }

        private Tensor InPlace(Op op, Arg first)
        {
            op.Run(this, first);
            return this;
        }

        private Tensor InPlace(Op op, Arg first, Arg second)
        {
            op.Run(this, first, second);
            return this;
        }

        private Tensor InPlace(Op op, Arg first, Arg second, Arg third)
        {
            op.Run(this, first, second, third);
            return this;
        }

        private Tensor InPlace(Op op, Arg first, Arg second, Arg third, Arg fourth)
        {
            op.Run(this, first, second, third, fourth);
            return this;
        }
    }
}
