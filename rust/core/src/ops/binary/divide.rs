//! Division that rounds, and what it leaves over: `div(rounding_mode=)`, `floor_divide`, `remainder`, `fmod`.

use super::{apply, apply_inplace, common, number_row};
use crate::backend::Binary;
use crate::backend::cpu::math;
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::runtime;
use crate::tensor::Tensor;

const NONE: [f64; 2] = [0.0; 2];

// Integers are never divided by 0 here: `check_divisor` refuses it.
static FLOOR: Binary = number_row!("div_floor_cpu", |a, b, _p| float: math::floor_divide(a, b), int: {
    let q = a.wrapping_div(b);
    #[allow(unused_comparisons)]
    if a.wrapping_rem(b) != 0 && (a < 0) != (b < 0) { q.wrapping_sub(1) } else { q }
}, bool: None);
static TRUNC: Binary =
    number_row!("div_trunc_cpu", |a, b, _p| float: (a / b).trunc(), int: a.wrapping_div(b), bool: None);
static REMAINDER: Binary = number_row!("remainder_cpu", |a, b, _p| float: math::remainder(a, b), int: {
    let r = a.wrapping_rem(b);
    #[allow(unused_comparisons)]
    if r != 0 && (r < 0) != (b < 0) { r.wrapping_add(b) } else { r }
}, bool: None);
static FMOD: Binary =
    number_row!("fmod_cpu", |a, b, _p| float: math::fmod(a, b), int: a.wrapping_rem(b), bool: None);

/// How a quotient is rounded to a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    Floor,
    Trunc,
}

impl Rounding {
    /// The value of `rounding_mode=`.
    pub fn parse(mode: Option<&str>) -> Result<Option<Rounding>> {
        match mode {
            None => Ok(None),
            Some("floor") => Ok(Some(Rounding::Floor)),
            Some("trunc") => Ok(Some(Rounding::Trunc)),
            Some(other) => Err(runtime!(
                "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{other}'"
            )),
        }
    }

    fn row(self) -> &'static Binary {
        match self {
            Rounding::Floor => &FLOOR,
            Rounding::Trunc => &TRUNC,
        }
    }
}

impl Tensor {
    /// `x / y`, rounded down or towards zero; integers stay integers. Without rounding, `div`.
    pub fn div_rounded(&self, other: &Tensor, rounding: Option<Rounding>) -> Result<Tensor> {
        let Some(rounding) = rounding else {
            return self.div(other);
        };
        check_divisor(self, other)?;
        // A step function: the derivative is 0 wherever there is one.
        apply(rounding.row(), NONE, self, other)?.record("DivBackward1", &[self, other], |_| {
            |_, g| {
                let zero = g.zeros_like()?;
                grads![Some(zero.clone()), Some(zero)]
            }
        })
    }

    pub fn div_rounded_(&self, other: &Tensor, rounding: Option<Rounding>) -> Result<()> {
        let Some(row) = rounding.map(Rounding::row) else {
            return self.div_(other);
        };
        check_divisor(self, other)?;
        apply_inplace(row, NONE, self, other, common(self, other), |x| x.div_rounded(other, rounding))
    }

    /// `x // y`, not differentiable.
    pub fn floor_divide(&self, other: &Tensor) -> Result<Tensor> {
        check_divisor(self, other)?;
        apply(&FLOOR, NONE, self, other)?.not_differentiable("floor_divide", &[self, other])
    }

    pub fn floor_divide_(&self, other: &Tensor) -> Result<()> {
        check_divisor(self, other)?;
        apply_inplace(&FLOOR, NONE, self, other, common(self, other), |x| x.floor_divide(other))
    }

    /// `x % y` with the sign of y.
    pub fn remainder(&self, other: &Tensor) -> Result<Tensor> {
        check_divisor(self, other)?;
        if self.is_wrapped() {
            return apply(&REMAINDER, NONE, self, other)?.not_differentiable("remainder", &[self, other]);
        }
        let name = if other.is_wrapped() { "RemainderBackward0" } else { "RemainderBackward1" };
        let rounding = Rounding::Floor;
        apply(&REMAINDER, NONE, self, other)?.record(name, &[self, other], |save| {
            let kept = save.needs(1).then(|| (save.input(0), save.input(1)));
            move |ctx, g| {
                let db = kept.as_ref().map(|(a, b)| quotient(g, &a.get(ctx)?, &b.get(ctx)?, rounding));
                grads![Some(g.clone()), db.transpose()?]
            }
        })
    }

    pub fn remainder_(&self, other: &Tensor) -> Result<()> {
        check_divisor(self, other)?;
        apply_inplace(&REMAINDER, NONE, self, other, common(self, other), |x| x.remainder(other))
    }

    /// What `x / y` rounded towards zero leaves over: it has the sign of x.
    pub fn fmod(&self, other: &Tensor) -> Result<Tensor> {
        check_divisor(self, other)?;
        let name = if other.is_wrapped() { "FmodBackward0" } else { "FmodBackward1" };
        let rounding = Rounding::Trunc;
        apply(&FMOD, NONE, self, other)?.record(name, &[self, other], |save| {
            let kept = save.needs(1).then(|| (save.input(0), save.input(1)));
            move |ctx, g| {
                let db = kept.as_ref().map(|(a, b)| quotient(g, &a.get(ctx)?, &b.get(ctx)?, rounding));
                grads![Some(g.clone()), db.transpose()?]
            }
        })
    }

    pub fn fmod_(&self, other: &Tensor) -> Result<()> {
        check_divisor(self, other)?;
        apply_inplace(&FMOD, NONE, self, other, common(self, other), |x| x.fmod(other))
    }

    /// For an op PyTorch gives no derivative: its result wants gradients, and refuses them when they come.
    pub(crate) fn not_differentiable(self, op: &'static str, inputs: &[&Tensor]) -> Result<Tensor> {
        self.record("NotImplemented", inputs, |_| {
            move |_, _| Err(runtime!("derivative for aten::{op} is not implemented"))
        })
    }
}

/// The gradient of the divisor of a remainder: each whole time it fits takes one of it away.
fn quotient(g: &Tensor, a: &Tensor, b: &Tensor, rounding: Rounding) -> Result<Tensor> {
    g.neg()?.mul(&a.div_rounded(b, Some(rounding))?)
}

/// The machine cannot divide integers by 0; neither does PyTorch.
fn check_divisor(x: &Tensor, other: &Tensor) -> Result<()> {
    if other.dtype().is_float() || x.dtype().is_float() || !other.has_data() {
        return Ok(());
    }
    let zero = if other.rank() == 0 {
        other.element(&[])?.to::<i64>() == 0
    } else {
        other.cast_data(DType::Bool)?.contiguous_data()?.values::<bool>()?.contains(&false)
    };
    // An empty `x` divides nothing.
    if zero && x.numel() > 0 && common(x, other) != DType::Bool {
        return Err(runtime!("ZeroDivisionError"));
    }
    Ok(())
}
