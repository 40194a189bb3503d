//! Sum, difference, product, quotient, and the forms with a factor: `add(other, alpha=)`, `addcmul`, `addcdiv`.

use super::{apply, apply_as, apply_inplace, apply_into, common, number_row};
use crate::backend::Binary;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::ops::promote::{check_fits, float_type, result_type};
use crate::plain2;
use crate::tensor::{Scalar, Tensor};
use crate::{missing, runtime};

const NONE: [f64; 2] = [0.0; 2];

static ADD: Binary = Binary {
    wide_number: true,
    ..number_row!("add_stub", |a, b, _p| float: a + b, int: a.wrapping_add(b),
        bool: Some(plain2!(bool => bool, |a, b, _p| a | b)))
};
static SUB: Binary = Binary {
    wide_number: true,
    ..number_row!("sub_stub", |a, b, _p| float: a - b, int: a.wrapping_sub(b), bool: None)
};
static MUL: Binary = Binary {
    wide_number: true,
    ..number_row!("mul_cpu", |a, b, _p| float: a * b, int: a.wrapping_mul(b),
        bool: Some(plain2!(bool => bool, |a, b, _p| a & b)))
};
static DIV: Binary = Binary { wide_number: true, ..super::float_row!("div_true_cpu", |a, b, _p| a / b) };
/// `a + alpha * b`, rounded once
static ADD_SCALED: Binary = Binary {
    wide_number: true,
    ..number_row!("add_stub", |a, b, p| float: (p[0] as T).mul_add(b, a),
        int: a.wrapping_add((whole(p) as T).wrapping_mul(b)),
        bool: Some(plain2!(bool => bool, |a, b, p| a | (b & (p[0] != 0.0)))))
};
/// `alpha * a * b`, the middle of `addcmul`.
static MUL_SCALED: Binary = Binary {
    wide_number: true,
    ..number_row!("addcmul_cpu_out", |a, b, p| float: p[0] as T * a * b,
        int: (whole(p) as T).wrapping_mul(a).wrapping_mul(b), bool: None)
};
/// `alpha * a / b`, the middle of `addcdiv`.
static DIV_SCALED: Binary =
    Binary { wide_number: true, ..super::float_row!("addcdiv_cpu_out", |a, b, p| p[0] as T * a / b) };

/// A factor as the two numbers of a row: a float has no use for the second, an integer is the sum of both, so that all
/// 64 bits of it arrive.
fn row(factor: Scalar) -> [f64; 2] {
    match factor {
        Scalar::Float(x) => [x, 0.0],
        n => {
            let n: i64 = n.to();
            let low = n & 0xffff_ffff;
            // Where both halves fit into one float, floats see the number itself.
            if n.unsigned_abs() < 1 << 53 { [n as f64, 0.0] } else { [(n - low) as f64, low as f64] }
        }
    }
}

/// The integer that a row carries.
#[inline(always)]
fn whole(p: &[f64; 2]) -> i64 {
    (p[0] as i64).wrapping_add(p[1] as i64)
}

impl Tensor {
    /// Add into this tensor's memory, without history: how the engine gathers gradients.
    pub(crate) fn add_data(&self, other: &Tensor) -> Result<()> {
        apply_into(&ADD, NONE, self, other, self)
    }

    /// `x + y`
    pub fn add(&self, other: &Tensor) -> Result<Tensor> {
        apply(&ADD, NONE, self, other)?
            .record("AddBackward0", &[self, other], |_| |_, g| grads![Some(g.clone()), Some(g.clone())])
    }

    pub fn add_(&self, other: &Tensor) -> Result<()> {
        apply_inplace(&ADD, NONE, self, other, common(self, other), |x| x.add(other))
    }

    /// `x + alpha * y`
    pub fn add_scaled(&self, other: &Tensor, alpha: Scalar) -> Result<Tensor> {
        check_alpha(common(self, other), alpha)?;
        if is_one(alpha) { self.add(other) } else { self.scaled("AddBackward0", other, alpha) }
    }

    pub fn add_scaled_(&self, other: &Tensor, alpha: Scalar) -> Result<()> {
        let dtype = common(self, other);
        check_alpha(dtype, alpha)?;
        if is_one(alpha) {
            return self.add_(other);
        }
        apply_inplace(&ADD_SCALED, row(alpha), self, other, dtype, |x| x.add_scaled(other, alpha))
    }

    /// `x - y`
    pub fn sub(&self, other: &Tensor) -> Result<Tensor> {
        check_sub(self, other)?;
        apply(&SUB, NONE, self, other)?.record("SubBackward0", &[self, other], |_| {
            |ctx, g| grads![Some(g.clone()), ctx.when(1, || g.neg())?]
        })
    }

    pub fn sub_(&self, other: &Tensor) -> Result<()> {
        check_sub(self, other)?;
        apply_inplace(&SUB, NONE, self, other, common(self, other), |x| x.sub(other))
    }

    /// `x - alpha * y`
    pub fn sub_scaled(&self, other: &Tensor, alpha: Scalar) -> Result<Tensor> {
        check_sub(self, other)?;
        check_alpha(common(self, other), alpha)?;
        if is_one(alpha) { self.sub(other) } else { self.scaled("SubBackward0", other, negated(alpha)) }
    }

    pub fn sub_scaled_(&self, other: &Tensor, alpha: Scalar) -> Result<()> {
        check_sub(self, other)?;
        let dtype = common(self, other);
        check_alpha(dtype, alpha)?;
        if is_one(alpha) {
            return self.sub_(other);
        }
        apply_inplace(&ADD_SCALED, row(negated(alpha)), self, other, dtype, |x| x.sub_scaled(other, alpha))
    }

    /// `y - alpha * x`
    pub fn rsub(&self, other: &Tensor, alpha: Scalar) -> Result<Tensor> {
        check_sub(self, other)?;
        check_alpha(common(self, other), alpha)?;
        let factor = alpha.to_f64();
        let out = apply(&ADD_SCALED, row(negated(alpha)), other, self)?;
        let name = if other.is_wrapped() { "RsubBackward1" } else { "RsubBackward0" };
        out.record(name, &[self, other], |_| {
            move |ctx, g| grads![ctx.when(0, || g.mul_number(-factor))?, Some(g.clone())]
        })
    }

    fn scaled(&self, name: &'static str, other: &Tensor, factor: Scalar) -> Result<Tensor> {
        let out = apply(&ADD_SCALED, row(factor), self, other)?;
        let factor = factor.to_f64();
        out.record(name, &[self, other], |_| {
            move |ctx, g| grads![Some(g.clone()), ctx.when(1, || g.mul_number(factor))?]
        })
    }

    /// `x * y`
    pub fn mul(&self, other: &Tensor) -> Result<Tensor> {
        apply(&MUL, NONE, self, other)?.record("MulBackward0", &[self, other], |save| {
            let (a, b) = (save.input_for(0, 1), save.input_for(1, 0));
            move |ctx, g| {
                let da = b.as_ref().map(|b| g.mul(&b.get(ctx)?)).transpose()?;
                let db = a.as_ref().map(|a| g.mul(&a.get(ctx)?)).transpose()?;
                grads![da, db]
            }
        })
    }

    pub fn mul_(&self, other: &Tensor) -> Result<()> {
        apply_inplace(&MUL, NONE, self, other, common(self, other), |x| x.mul(other))
    }

    /// `x / y`, always a float.
    pub fn div(&self, other: &Tensor) -> Result<Tensor> {
        let out = apply_as(&DIV, NONE, self, other, float_type(common(self, other)))?;
        out.record("DivBackward0", &[self, other], |save| {
            let (a, b) = (save.input_for(0, 1), save.input(1));
            move |ctx, g| {
                let b = b.get(ctx)?;
                let da = g.div(&b)?;
                let db = a.as_ref().map(|a| da.neg()?.mul(&a.get(ctx)?.div(&b)?)).transpose()?;
                grads![Some(da), db]
            }
        })
    }

    pub fn div_(&self, other: &Tensor) -> Result<()> {
        let dtype = float_type(common(self, other));
        apply_inplace(&DIV, NONE, self, other, dtype, |x| x.div(other))
    }

    /// `x + value * a * b`
    pub fn addcmul(&self, a: &Tensor, b: &Tensor, value: Scalar) -> Result<Tensor> {
        let dtype = result_type(&[self, a, b]);
        if dtype == DType::Bool {
            return Err(Error::NotImplemented { op: MUL_SCALED.name.into(), dtype });
        }
        check_fits(value, wide_of(dtype))?;
        let factor = if dtype.is_float() { row(value) } else { row(Scalar::Int(value.to())) };
        let out = self.add_middle(&MUL_SCALED, factor, a, b, dtype)?;
        let value = value.to_f64();
        out.record("AddcmulBackward0", &[self, a, b], |save| {
            let (ka, kb) = (save.input_for(1, 2), save.input_for(2, 1));
            move |ctx, g| {
                let scaled = g.mul_number(value)?;
                let da = kb.as_ref().map(|b| scaled.mul(&b.get(ctx)?)).transpose()?;
                let db = ka.as_ref().map(|a| scaled.mul(&a.get(ctx)?)).transpose()?;
                grads![Some(g.clone()), da, db]
            }
        })
    }

    /// `x + value * a / b`
    pub fn addcdiv(&self, a: &Tensor, b: &Tensor, value: Scalar) -> Result<Tensor> {
        if !a.dtype().is_float() && !b.dtype().is_float() {
            return Err(runtime!(
                "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * tensorrs.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes."
            ));
        }
        let dtype = result_type(&[self, a, b]);
        check_fits(value, wide_of(dtype))?;
        let value = value.to_f64();
        let out = self.add_middle(&DIV_SCALED, [value, 0.0], a, b, dtype)?;
        out.record("AddcdivBackward0", &[self, a, b], |save| {
            let (ka, b) = (save.input_for(1, 2), save.input(2));
            move |ctx, g| {
                let b = b.get(ctx)?;
                let da = g.mul_number(value)?.div(&b)?;
                let db = ka.as_ref().map(|a| da.neg()?.mul(&a.get(ctx)?.div(&b)?)).transpose()?;
                grads![Some(g.clone()), Some(da), db]
            }
        })
    }

    /// `x + middle(a, b)`, rounded once where the dtype is a narrow float.
    fn add_middle(&self, k: &Binary, p: [f64; 2], a: &Tensor, b: &Tensor, dtype: DType) -> Result<Tensor> {
        let wide = wide_of(dtype);
        apply_as(&ADD, NONE, self, &apply_as(k, p, a, b, wide)?, wide)?.cast_data(dtype)
    }

    pub fn addcmul_(&self, a: &Tensor, b: &Tensor, value: Scalar) -> Result<()> {
        self.check_overlap(&[a, b])?;
        self.inplace(|x| x.addcmul(a, b, value))
    }

    pub fn addcdiv_(&self, a: &Tensor, b: &Tensor, value: Scalar) -> Result<()> {
        self.check_overlap(&[a, b])?;
        self.inplace(|x| x.addcdiv(a, b, value))
    }

    /// `x + c` for a number.
    pub fn add_number(&self, c: f64) -> Result<Tensor> {
        self.add(&Tensor::wrapped(Scalar::Float(c))?)
    }

    /// `x * c` for a number.
    pub fn mul_number(&self, c: f64) -> Result<Tensor> {
        self.mul(&Tensor::wrapped(Scalar::Float(c))?)
    }

    /// `c - x` for a number.
    pub fn sub_from(&self, c: f64) -> Result<Tensor> {
        self.rsub(&Tensor::wrapped(Scalar::Float(c))?, Scalar::Int(1))
    }
}

/// Bool has no minus sign.
fn check_sub(a: &Tensor, b: &Tensor) -> Result<()> {
    match (a.dtype(), b.dtype()) {
        (DType::Bool, DType::Bool) => Err(missing!(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        )),
        (DType::Bool, _) | (_, DType::Bool) => Err(missing!(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )),
        _ => Ok(()),
    }
}

/// The dtype that a narrow float is computed in.
fn wide_of(dtype: DType) -> DType {
    if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype }
}

fn is_one(alpha: Scalar) -> bool {
    alpha.to_f64() == 1.0
}

fn negated(alpha: Scalar) -> Scalar {
    match alpha {
        Scalar::Float(x) => Scalar::Float(-x),
        n => Scalar::Int(n.to::<i64>().wrapping_neg()),
    }
}

/// Whether the dtype of the result can have the factor `alpha=`.
fn check_alpha(dtype: DType, alpha: Scalar) -> Result<()> {
    match alpha {
        Scalar::Bool(_) if dtype != DType::Bool => {
            Err(runtime!("Boolean alpha only supported for Boolean results."))
        }
        Scalar::Float(_) if !dtype.is_float() => {
            Err(runtime!("For integral input tensors, argument alpha must not be a floating point number."))
        }
        _ => check_fits(alpha, dtype),
    }
}
