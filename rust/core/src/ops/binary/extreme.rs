//! The greater and the smaller of two: `maximum`, `minimum`, which keep NaN, and `fmax`, `fmin`, which drop it.

use super::{apply, apply_as, number_row};
use crate::backend::Binary;
use crate::dtype::Element;
use crate::error::Result;
use crate::grads;
use crate::plain2;
use crate::tensor::{Scalar, Tensor};

const NONE: [f64; 2] = [0.0; 2];

static MAXIMUM: Binary = number_row!("maximum_cpu", |a, b, _p| float: if a > b || a.is_nan() { a } else { b },
    int: if a > b { a } else { b }, bool: Some(plain2!(bool => bool, |a, b, _p| a | b)));
static MINIMUM: Binary = number_row!("minimum_cpu", |a, b, _p| float: if a < b || a.is_nan() { a } else { b },
    int: if a < b { a } else { b }, bool: Some(plain2!(bool => bool, |a, b, _p| a & b)));
static FMAX: Binary = number_row!("fmax_cpu", |a, b, _p| float: if a >= b || Element::is_nan(b) { a } else { b },
    int: if a > b { a } else { b }, bool: Some(plain2!(bool => bool, |a, b, _p| a | b)));
static FMIN: Binary = number_row!("fmin_cpu", |a, b, _p| float: if a <= b || Element::is_nan(b) { a } else { b },
    int: if a < b { a } else { b }, bool: Some(plain2!(bool => bool, |a, b, _p| a & b)));

impl Tensor {
    /// The greater of the two, NaN if one of them is. Of equals each gets half the gradient.
    pub fn maximum(&self, other: &Tensor) -> Result<Tensor> {
        apply(&MAXIMUM, NONE, self, other)?.record("MaximumBackward0", &[self, other], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                share(g, &a.eq(&b)?, &a.lt(&b)?, &a.gt(&b)?)
            }
        })
    }

    /// The smaller of the two, NaN if one of them is. Of equals each gets half the gradient.
    pub fn minimum(&self, other: &Tensor) -> Result<Tensor> {
        apply(&MINIMUM, NONE, self, other)?.record("MinimumBackward0", &[self, other], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                share(g, &a.eq(&b)?, &a.gt(&b)?, &a.lt(&b)?)
            }
        })
    }

    /// The greater of the two; of a number and NaN, the number. Of equals each gets half the gradient.
    pub fn fmax(&self, other: &Tensor) -> Result<Tensor> {
        apply(&FMAX, NONE, self, other)?.record("FmaxBackward0", &[self, other], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                split(g, &a.ge(&b)?.logical_or(&b.isnan()?)?, &a.eq(&b)?)
            }
        })
    }

    /// The smaller of the two; of a number and NaN, the number. Of equals each gets half the gradient.
    pub fn fmin(&self, other: &Tensor) -> Result<Tensor> {
        apply(&FMIN, NONE, self, other)?.record("FminBackward0", &[self, other], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                split(g, &a.le(&b)?.logical_or(&b.isnan()?)?, &a.eq(&b)?)
            }
        })
    }

    /// `maximum` and `minimum` in a given dtype, without history: what `clamp` is made of.
    pub(crate) fn at_least_data(&self, bound: &Tensor, dtype: crate::DType) -> Result<Tensor> {
        apply_as(&MAXIMUM, NONE, self, bound, dtype)
    }

    pub(crate) fn at_most_data(&self, bound: &Tensor, dtype: crate::DType) -> Result<Tensor> {
        apply_as(&MINIMUM, NONE, self, bound, dtype)
    }
}

/// Half the gradient where equal; none to the operand that lost.
pub(crate) fn share(
    g: &Tensor,
    equal: &Tensor,
    a_lost: &Tensor,
    b_lost: &Tensor,
) -> Result<crate::tensor::Grads> {
    let zero = Tensor::wrapped(Scalar::Float(0.0))?;
    let g = Tensor::choose(equal, &g.mul_number(0.5)?, g)?;
    grads![Some(Tensor::choose(a_lost, &zero, &g)?), Some(Tensor::choose(b_lost, &zero, &g)?)]
}

/// The gradient to the operand that was taken, half of it to each of two equal ones.
fn split(g: &Tensor, first: &Tensor, equal: &Tensor) -> Result<crate::tensor::Grads> {
    share(g, equal, &first.logical_not()?, &first.logical_and(&equal.logical_not()?)?)
}
