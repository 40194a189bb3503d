//! Powers of e and their inverses, roots, and what is made of them: exp, log, sqrt, sigmoid, sinh, tanh, ….

use std::f64::consts::{LN_2, LN_10};

use super::float_ops;
use crate::backend::cpu::math;
use crate::error::Result;
use crate::grads;
use crate::tensor::{Scalar, Tensor};

float_ops! {
    /// e to the power of x.
    exp, exp_, "ExpBackward0", |x| math::exp(x),
        from output: |y, g| g.mul(&y), fused |y, g| g * y;
    /// 2 to the power of x.
    exp2, exp2_, "Exp2Backward0", |x| math::exp2(x),
        from output: |y, g| g.mul(&y)?.mul_number(LN_2), fused |y, g| g * y * LN_2 as T;
    /// `exp(x) - 1`, exact near 0.
    expm1, expm1_, "Expm1Backward0", |x| math::expm1(x),
        from output: |y, g| g.mul(&y.add_number(1.0)?), fused |y, g| g * (y + 1.0);
    /// Natural logarithm.
    log, log_, "LogBackward0", |x| math::ln(x),
        from input: |x, g| g.div(&x), fused |x, g| g / x;
    /// Logarithm to base 2.
    log2, log2_, "Log2Backward0", |x| math::log2(x),
        from input: |x, g| g.div(&x.mul_number(LN_2)?), fused |x, g| g / (x * LN_2 as T);
    /// Logarithm to base 10.
    log10, log10_, "Log10Backward0", |x| math::log10(x),
        from input: |x, g| g.div(&x.mul_number(LN_10)?), fused |x, g| g / (x * LN_10 as T);
    /// `log(1 + x)`, exact near 0.
    log1p, log1p_, "Log1PBackward0", |x| math::log1p(x),
        from input: |x, g| g.div(&x.add_number(1.0)?), fused |x, g| g / (x + 1.0);
    /// Square root.
    sqrt, sqrt_, "SqrtBackward0", |x| math::sqrt(x),
        from output: |y, g| g.div(&y.mul_number(2.0)?), fused |y, g| g / (y * 2.0);
    /// `1 / sqrt(x)`
    rsqrt, rsqrt_, "RsqrtBackward0", |x| math::rsqrt(x),
        from output: |y, g| g.mul(&y.pow_scalar(Scalar::Int(3))?.mul_number(-0.5)?), fused |y, g| -0.5 * g * (y * y * y);
    /// `1 / x`
    reciprocal, reciprocal_, "ReciprocalBackward0", |x| 1.0 / x,
        from output: |y, g| g.neg()?.mul(&y.mul(&y)?), fused |y, g| -g * (y * y);
    /// `1 / (1 + exp(-x))`
    sigmoid, sigmoid_, "SigmoidBackward0", |x| math::sigmoid(x),
        from output: |y, g| g.mul(&y.sub_from(1.0)?.mul(&y)?), fused |y, g| g * (1.0 - y) * y;
    /// `(exp(x) - exp(-x)) / 2`
    sinh, sinh_, "SinhBackward0", |x| math::sinh(x),
        from input: |x, g| g.mul(&x.cosh()?);
    /// `(exp(x) + exp(-x)) / 2`
    cosh, cosh_, "CoshBackward0", |x| math::cosh(x),
        from input: |x, g| g.mul(&x.sinh()?);
    /// `sinh(x) / cosh(x)`
    tanh, tanh_, "TanhBackward0", |x| math::tanh(x),
        from output: |y, g| g.mul(&y.mul(&y)?.sub_from(1.0)?), fused |y, g| g * (1.0 - y * y);
    /// Inverse of `sinh`.
    asinh, asinh_, "AsinhBackward0", |x| math::asinh(x),
        from input: |x, g| g.mul(&x.square()?.add_number(1.0)?.rsqrt()?);
    /// Inverse of `cosh`.
    acosh, acosh_, "AcoshBackward0", |x| math::acosh(x),
        from input: |x, g| g.mul(&x.square()?.add_number(-1.0)?.rsqrt()?);
    /// Inverse of `tanh`.
    atanh, atanh_, "AtanhBackward0", |x| math::atanh(x),
        from input: |x, g| g.div(&x.square()?.sub_from(1.0)?);
}
