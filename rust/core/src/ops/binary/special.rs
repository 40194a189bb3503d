//! Functions of two floats: `atan2`, `hypot`, `copysign`, `nextafter`, `ldexp`, `xlogy`, `logaddexp`, `heaviside`.

use super::{apply, apply_as, common, number_row};
use crate::backend::Binary;
use crate::backend::cpu::math;
use crate::error::Result;
use crate::grads;
use crate::ops::promote::float_type;
use crate::plain2;
use crate::runtime;
use crate::tensor::{Scalar, Tensor};

const NONE: [f64; 2] = [0.0; 2];

static ATAN2: Binary = super::float_row!("atan2_cpu", |a, b, _p| math::atan2(a, b));
static HYPOT: Binary = super::float_row!("hypot_cpu", |a, b, _p| math::hypot(a, b));
static COPYSIGN: Binary = super::float_row!("copysign_cpu", |a, b, _p| math::copysign(a, b));
static NEXTAFTER: Binary = super::float_row!("nextafter_cpu", |a, b, _p| math::nextafter(a, b));
static XLOGY: Binary = super::float_row!("xlogy_cpu", |a, b, _p| math::xlogy(a, b));
static LOGADDEXP: Binary = super::float_row!("logaddexp_cpu", |a, b, _p| math::logaddexp(a, b));
// log2(2^a + 2^b), by the greater of the two.
static LOGADDEXP2: Binary = super::float_row!("logaddexp2_cpu", |a, b, _p| {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    let sum = high + math::log1p(math::exp2(low - high)) * (std::f64::consts::LOG2_E as T);
    if a == b && !a.is_finite() { a } else { sum }
});
static HEAVISIDE: Binary = number_row!("heaviside_cpu",
    |a, b, _p| float: if a == 0.0 { b } else if a > 0.0 { 1.0 } else { 0.0 },
    int: if a == 0 { b } else { T::from(a > 0) }, bool: Some(plain2!(bool => bool, |a, b, _p| a | b)));

impl Tensor {
    /// The angle of the point `(other, self)`.
    pub fn atan2(&self, other: &Tensor) -> Result<Tensor> {
        let dtype = float_type(common(self, other));
        apply_as(&ATAN2, NONE, self, other, dtype)?.record("Atan2Backward0", &[self, other], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                // 1 / (a² + b²), 0 at the origin.
                let inverse = a.mul(&a)?.add(&b.mul(&b)?)?.reciprocal()?;
                let zero = Tensor::wrapped(Scalar::Float(0.0))?;
                let scaled = g.mul(&Tensor::choose(&inverse.isinf()?, &zero, &inverse)?)?;
                let db = ctx.when(1, || scaled.mul(&a.neg()?))?;
                grads![ctx.when(0, || scaled.mul(&b))?, db]
            }
        })
    }

    /// `sqrt(x² + y²)`
    pub fn hypot(&self, other: &Tensor) -> Result<Tensor> {
        apply(&HYPOT, NONE, self, other)?.record("HypotBackward0", &[self, other], |save| {
            let (a, b, y) = (save.input(0), save.input(1), save.output(0));
            move |ctx, g| {
                let scale = |t: &Tensor| g.mul(&t.div(&y.get(ctx)?)?);
                grads![ctx.when(0, || scale(&a.get(ctx)?))?, ctx.when(1, || scale(&b.get(ctx)?))?]
            }
        })
    }

    /// The size of x with the sign of y.
    pub fn copysign(&self, other: &Tensor) -> Result<Tensor> {
        let name = if other.is_wrapped() { "CopysignBackward1" } else { "CopysignBackward0" };
        let dtype = float_type(common(self, other));
        apply_as(&COPYSIGN, NONE, self, other, dtype)?.record(name, &[self, other], |save| {
            let (a, y) = (save.input(0), save.output(0));
            move |ctx, g| {
                // What became of the size of x: the derivative, 0 at 0.
                let slope = || {
                    let (a, zero) = (a.get(ctx)?, Tensor::wrapped(Scalar::Int(0))?);
                    y.get(ctx)?.div(&a)?.masked_fill(&a.eq(&zero)?, &zero)
                };
                grads![ctx.when(0, || g.mul(&slope()?))?, ctx.when(1, || g.zeros_like())?]
            }
        })
    }

    /// The next number after x in the direction of y.
    pub fn nextafter(&self, other: &Tensor) -> Result<Tensor> {
        apply(&NEXTAFTER, NONE, self, other)?.record("NextafterBackward0", &[self, other], |save| {
            let (x, y) = (save.input(0), save.input(1));
            move |ctx, g| {
                let moves = || g.mul(&x.get(ctx)?.ne(&y.get(ctx)?)?);
                grads![ctx.when(0, moves)?, ctx.when(1, || g.zeros_like())?]
            }
        })
    }

    /// `x * 2^y`
    pub fn ldexp(&self, other: &Tensor) -> Result<Tensor> {
        let out = Tensor::wrapped(Scalar::Float(2.0))?.pow(other)?.mul(self)?;
        // A whole exponent does not widen.
        let narrow = self.dtype().is_float() && !other.dtype().is_float();
        if narrow { out.to_dtype(self.dtype()) } else { Ok(out) }
    }

    /// `x * log(y)`, 0 where x is 0.
    pub fn xlogy(&self, other: &Tensor) -> Result<Tensor> {
        let name = match (self.is_wrapped(), other.is_wrapped()) {
            (true, _) => "XlogyBackward1",
            (_, true) => "XlogyBackward2",
            _ => "XlogyBackward0",
        };
        let dtype = float_type(common(self, other));
        apply_as(&XLOGY, NONE, self, other, dtype)?.record(name, &[self, other], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                let zero = Tensor::wrapped(Scalar::Float(0.0))?;
                let da = ctx.when(0, || {
                    // 0 log(0) is flat; elsewhere the slope is log(y).
                    let flat = a.eq(&zero)?.logical_and(&b.le(&zero)?)?;
                    g.mul(&Tensor::choose(&flat, &zero, &b.log()?)?)
                })?;
                grads![da, ctx.when(1, || g.mul(&a)?.div(&b))?]
            }
        })
    }

    /// `log(exp(x) + exp(y))`
    pub fn logaddexp(&self, other: &Tensor) -> Result<Tensor> {
        apply(&LOGADDEXP, NONE, self, other)?.record("LogaddexpBackward0", &[self, other], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                let da = ctx.when(0, || g.mul(&a.sub(&b)?.sigmoid()?))?;
                grads![da, ctx.when(1, || g.mul(&b.sub(&a)?.sigmoid()?))?]
            }
        })
    }

    /// `log2(2^x + 2^y)`
    pub fn logaddexp2(&self, other: &Tensor) -> Result<Tensor> {
        apply(&LOGADDEXP2, NONE, self, other)?.record("Logaddexp2Backward0", &[self, other], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                let share = |t: Tensor| g.mul(&t.mul_number(std::f64::consts::LN_2)?.sigmoid()?);
                grads![ctx.when(0, || share(a.sub(&b)?))?, ctx.when(1, || share(b.sub(&a)?))?]
            }
        })
    }

    /// 0 below zero, 1 above, `values` at zero.
    pub fn heaviside(&self, values: &Tensor) -> Result<Tensor> {
        if self.dtype() != values.dtype() {
            return Err(runtime!("heaviside is not yet implemented for tensors with different dtypes."));
        }
        apply(&HEAVISIDE, NONE, self, values)?.not_differentiable("heaviside", &[self, values])
    }
}

/// In-place forms by way of the op.
macro_rules! inplace {
    ($($name:ident, $inplace:ident;)*) => {
        impl Tensor {
            $(pub fn $inplace(&self, other: &Tensor) -> Result<()> {
                self.inplace(|x| x.$name(other))
            })*
        }
    };
}

inplace! {
    atan2, atan2_; hypot, hypot_; copysign, copysign_; nextafter, nextafter_; ldexp, ldexp_; xlogy, xlogy_;
    heaviside, heaviside_;
}
