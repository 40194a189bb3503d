//! Sine and its kin, angles, and degrees.

use std::f64::consts::PI;

use super::float_ops;
use crate::backend::cpu::math;
use crate::error::Result;
use crate::grads;
use crate::tensor::{Scalar, Tensor};

float_ops! {
    /// Sine of an angle in radians.
    sin, sin_, "SinBackward0", |x| math::sin(x),
        quick math::all_near => math::sin_near(x),
        from input: |x, g| g.mul(&x.cos()?), fused |x, g| g * math::cos(x);
    /// Cosine of an angle in radians.
    cos, cos_, "CosBackward0", |x| math::cos(x),
        quick math::all_near => math::cos_near(x),
        from input: |x, g| g.mul(&x.sin()?.neg()?), fused |x, g| -g * math::sin(x);
    /// Tangent of an angle in radians.
    tan, tan_, "TanBackward0", |x| math::tan(x),
        quick math::all_near => math::tan_near(x),
        from output: |y, g| g.mul(&y.mul(&y)?.add_number(1.0)?);
    /// The angle whose sine is x.
    asin, asin_, "AsinBackward0", |x| math::asin(x),
        from input: |x, g| g.mul(&x.mul(&x)?.sub_from(1.0)?.rsqrt()?);
    /// The angle whose cosine is x.
    acos, acos_, "AcosBackward0", |x| math::acos(x),
        from input: |x, g| g.mul(&x.mul(&x)?.sub_from(1.0)?.rsqrt()?.neg()?);
    /// The angle whose tangent is x.
    atan, atan_, "AtanBackward0", |x| math::atan(x),
        from input: |x, g| g.div(&x.mul(&x)?.add_number(1.0)?);
    /// `sin(pi x) / (pi x)`, 1 at 0.
    sinc, sinc_, "SincBackward0", |x| math::sinc(x),
        from input: |x, g| sinc_grad(&x, g);
    /// Radians of an angle in degrees.
    deg2rad, deg2rad_, "Deg2RadBackward0", |x| x * (PI / 180.0) as T,
        from input: |_x, g| g.deg2rad();
    /// Degrees of an angle in radians.
    rad2deg, rad2deg_, "Rad2DegBackward0", |x| x * (180.0 / PI) as T,
        from input: |_x, g| g.rad2deg();
}

/// `(cos(pi x) - sinc(x)) / x`, 0 at 0.
fn sinc_grad(x: &Tensor, g: &Tensor) -> Result<Tensor> {
    let zero = Tensor::wrapped(Scalar::Float(0.0))?;
    let angle = x.mul_number(PI)?;
    let top = angle.cos()?.mul(&angle)?.sub(&angle.sin()?)?;
    let slope = g.mul(&top.div(&x.mul(&angle)?)?)?;
    Tensor::choose(&x.eq(&zero)?, &zero, &slope)
}
