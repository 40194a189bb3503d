//! Whole numbers: `floor`, `ceil`, `trunc`, `round`, which leave integers as they are, and `frac`.

use super::{float_unary_row, run, run_inplace};
use crate::backend::Unary;
use crate::backend::cpu::math;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::tensor::Tensor;

const NONE: [f64; 2] = [0.0; 2];

/// `name, name_, "GradName", ROW, |x| value`: a step function, whose derivative is 0 wherever there is one.
macro_rules! step_ops {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident, $grad:literal, $kernel:literal, |$x:ident| $value:expr;)*) => {
        mod rows {
            #![allow(non_upper_case_globals)]
            use super::*;
            $(pub static $name: Unary = float_unary_row!($kernel, |$x, _p| $value);)*
        }

        impl Tensor {
            $($(#[$doc])*
            pub fn $name(&self) -> Result<Tensor> {
                if self.dtype().is_int() {
                    return self.copied(self.dtype(), self.layout().preserved());
                }
                run(&rows::$name, NONE, self)?
                    .record($grad, &[self], |_| |_, g| grads![Some(g.zeros_like()?)])
            }

            pub fn $inplace(&self) -> Result<()> {
                if self.dtype().is_int() {
                    self.check_inplace()?;
                    return self.written(None, false);
                }
                run_inplace(&rows::$name, NONE, self, self.dtype(), |x| x.$name())
            }
            )*
        }
    };
}

step_ops! {
    /// The greatest whole number not above x.
    floor, floor_, "FloorBackward0", "floor_vml_cpu", |x| x.floor();
    /// The least whole number not below x.
    ceil, ceil_, "CeilBackward0", "ceil_vml_cpu", |x| x.ceil();
    /// The whole part of x.
    trunc, trunc_, "TruncBackward0", "trunc_vml_cpu", |x| x.trunc();
    /// The nearest whole number, the even one of two.
    round, round_, "RoundBackward0", "round_vml_cpu", |x| math::round(x);
}

static FRAC: Unary = float_unary_row!("frac_cpu", |x, _p| x - x.trunc());
// `p[0]` is the power of ten: multiplied by for digits after the point, divided by for those before it.
static ROUND_AFTER: Unary = float_unary_row!("round_cpu", |x, p| math::round(x * p[0] as T) / p[0] as T);
static ROUND_BEFORE: Unary = float_unary_row!("round_cpu", |x, p| math::round(x / p[0] as T) * p[0] as T);

impl Tensor {
    /// Rounded to `decimals` digits after the point, or before it if negative.
    pub fn round_decimals(&self, decimals: i64) -> Result<Tensor> {
        if decimals == 0 {
            return self.round();
        }
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "round_cpu".into(), dtype: self.dtype() });
        }
        let row = if decimals < 0 { &ROUND_BEFORE } else { &ROUND_AFTER };
        let ten = 10f64.powi(decimals.unsigned_abs().min(400) as i32);
        run(row, [ten, 0.0], self)?
            .record("RoundBackward1", &[self], |_| |_, g| grads![Some(g.zeros_like()?)])
    }

    /// What `trunc` takes away: the part after the point, with the sign of x.
    pub fn frac(&self) -> Result<Tensor> {
        if self.dtype() != DType::Bool && self.dtype().is_float() {
            return run(&FRAC, NONE, self)?
                .record("FracBackward0", &[self], |_| |_, g| grads![Some(g.clone())]);
        }
        Err(Error::NotImplemented { op: FRAC.name.into(), dtype: self.dtype() })
    }

    pub fn frac_(&self) -> Result<()> {
        run_inplace(&FRAC, NONE, self, self.dtype(), |x| x.frac())
    }
}
