//! Powers: `pow` of a tensor by a number, of a number by a tensor, of two tensors; `square`, `float_power`.

use super::{apply_as, apply_inplace, common, direct, number_row};
use crate::backend::cpu::math;
use crate::backend::{Binary, Unary, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::ops::promote::default_dtype;
use crate::ops::unary::{exponential_rows, number_unary, run};
use crate::runtime;
use crate::tensor::{Scalar, Tensor};

const NONE: [f64; 2] = [0.0; 2];

static POW: Binary = number_row!("pow", |a, b, _p| float: math::pow(a, b), int: int_pow(i128::from(a), i128::from(b)) as T, bool: None);
static SQUARE: Unary = number_unary!("pow", |x, _p| float: x * x, int: x.wrapping_mul(x));
static CUBE: Unary = number_unary!("pow", |x, _p| float: x * x * x, int: x.wrapping_mul(x).wrapping_mul(x));

/// By squaring; of negative powers only those of 1 and -1 are whole.
#[inline(always)]
fn int_pow(base: i128, power: i128) -> i64 {
    let (mut base, mut left, mut result) = (base as i64, power as i64, 1i64);
    if left < 0 {
        return match base {
            1 => 1,
            -1 if left % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        };
    }
    while left > 0 {
        if left & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        left >>= 1;
    }
    result
}

/// A power a cheaper loop than `pow` computes.
fn shortcut(dtype: DType, exponent: f64) -> Option<&'static Unary> {
    match exponent {
        2.0 if dtype != DType::Bool => Some(&SQUARE),
        3.0 if dtype != DType::Bool => Some(&CUBE),
        0.5 if dtype.is_float() => Some(&exponential_rows::sqrt),
        -0.5 if dtype.is_float() => Some(&exponential_rows::rsqrt),
        -1.0 if dtype.is_float() => Some(&exponential_rows::reciprocal),
        _ => None,
    }
}

impl Tensor {
    /// `x` to the power of `exponent`; a Python number may stand on either side.
    pub fn pow(&self, exponent: &Tensor) -> Result<Tensor> {
        if exponent.is_wrapped() {
            return self.pow_scalar(exponent.item()?);
        }
        if self.is_wrapped() {
            return self.pow_of_number(exponent);
        }
        let dtype = common(self, exponent);
        let out = apply_as(&POW, NONE, self, exponent, dtype)?;
        out.record("PowBackward1", &[self, exponent], |save| {
            let (a, b) = (save.input(0), save.input(1));
            let y = save.needs(1).then(|| save.output(0));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                let zero = Tensor::wrapped(Scalar::Float(0.0))?;
                let da = ctx.when(0, || {
                    let slope = b.mul(&a.pow(&b.add_number(-1.0)?)?)?;
                    Tensor::choose(&b.eq(&zero)?, &zero, &g.mul(&slope)?)
                })?;
                let db = y.as_ref().map(|y| {
                    let still = a.eq(&zero)?.logical_and(&b.ge(&zero)?)?;
                    Tensor::choose(&still, &zero, &g.mul(&y.get(ctx)?.mul(&a.log()?)?)?)
                });
                grads![da, db.transpose()?]
            }
        })
    }

    pub fn pow_(&self, exponent: &Tensor) -> Result<()> {
        if exponent.is_wrapped() || self.is_wrapped() {
            return match exponent.item().map(|e| (e, shortcut(self.dtype(), e.to_f64()))) {
                Ok((e, Some(row))) if direct(self, &[], scalar_type(self, e)) => {
                    self.check_inplace()?;
                    backend(self.device()).unary(row, &NONE, self.raw(), self.raw())?;
                    self.written(None, false)
                }
                _ => self.inplace(|x| x.pow(exponent)),
            };
        }
        apply_inplace(&POW, NONE, self, exponent, common(self, exponent), |x| x.pow(exponent))
    }

    /// `x` to the power of a number.
    pub fn pow_scalar(&self, exponent: Scalar) -> Result<Tensor> {
        let (dtype, e) = (scalar_type(self, exponent), exponent.to_f64());
        if !dtype.is_float() && e < 0.0 {
            return Err(runtime!("Integers to negative integer powers are not allowed."));
        }
        let x = self.cast_data(dtype)?;
        let out = match shortcut(dtype, e) {
            Some(row) => run(row, NONE, &x)?,
            None if e == 0.0 => x.ones_like()?,
            None if e == 1.0 => x.copied(dtype, x.layout().preserved())?,
            None => apply_as(&POW, NONE, &x, &Tensor::wrapped(exponent)?, dtype)?,
        };
        out.record("PowBackward0", &[self], |save| {
            let x = (e != 0.0).then(|| save.input(0));
            move |ctx, g| match &x {
                None => grads![Some(g.zeros_like()?)],
                Some(x) => {
                    let less = match exponent {
                        Scalar::Float(e) => Scalar::Float(e - 1.0),
                        n => Scalar::Int(n.to::<i64>() - 1),
                    };
                    let x = x.get(ctx)?;
                    let slope = match e {
                        1.0 => return grads![Some(g.clone())],
                        2.0 => x.mul_number(e)?,
                        _ => x.pow_scalar(less)?.mul_number(e)?,
                    };
                    grads![Some(g.mul(&slope)?)]
                }
            }
        })
    }

    fn pow_of_number(&self, exponent: &Tensor) -> Result<Tensor> {
        let base = self.item()?.to_f64();
        let dtype = common(self, exponent);
        let out = if base == 1.0 && dtype != DType::Bool {
            Tensor::full_on(exponent.layout().preserved(), Scalar::Int(1), dtype, exponent.device())?
        } else {
            apply_as(&POW, NONE, self, exponent, dtype)?
        };
        out.record("PowBackward2", &[self, exponent], |save| {
            let (b, y) = (save.input(1), save.output(0));
            move |ctx, g| {
                let slope = g.mul(&y.get(ctx)?.mul_number(base.ln())?)?;
                let db = if base == 0.0 {
                    let zero = Tensor::wrapped(Scalar::Float(0.0))?;
                    Tensor::choose(&b.get(ctx)?.ge(&zero)?, &zero, &slope)?
                } else {
                    slope
                };
                grads![None, Some(db)]
            }
        })
    }

    /// `x * x`; of truth values, as integers.
    pub fn square(&self) -> Result<Tensor> {
        self.pow_scalar(Scalar::Int(2))
    }

    pub fn square_(&self) -> Result<()> {
        self.pow_(&Tensor::wrapped(Scalar::Int(2))?)
    }

    /// `x` to the power of `exponent`, computed and returned as float64.
    pub fn float_power(&self, exponent: &Tensor) -> Result<Tensor> {
        let wide = |t: &Tensor| if t.is_wrapped() { Ok(t.clone()) } else { t.to_dtype(DType::F64) };
        if self.is_wrapped() {
            return Tensor::wrapped(Scalar::Float(self.item()?.to_f64()))?.pow(&wide(exponent)?);
        }
        wide(self)?.pow(&wide(exponent)?)
    }

    pub fn float_power_(&self, exponent: &Tensor) -> Result<()> {
        if self.dtype() != DType::F64 {
            return Err(runtime!(
                "the base given to float_power_ has dtype {} but the operation's result requires dtype Double",
                self.dtype().scalar_type()
            ));
        }
        self.inplace(|x| x.float_power(exponent))
    }
}

/// The dtype of a tensor to the power of a number.
fn scalar_type(x: &Tensor, exponent: Scalar) -> DType {
    let number = if let Scalar::Float(_) = exponent { default_dtype() } else { exponent.dtype() };
    if x.dtype().category() >= number.category() { x.dtype() } else { number }
}
