//! Pointwise functions of one number: a row each, with value and derivative.
//!
//! A row is `name, "GradName", value, derivative`. The value is an expression in `x` (a `Real`) and the row's
//! parameters `p`; the derivative one in tensors, so that it can be differentiated again.

use crate::backend::{Params, Unary, backend};
use crate::error::Result;
use crate::grads;
use crate::loop1;
use crate::ops::promote::float_type;
use crate::tensor::Tensor;

/// Run a table row on a tensor, without history. Integers are converted to the default float first if `to_float`.
pub(crate) fn apply(k: &Unary, p: Params, x: &Tensor, to_float: bool) -> Result<Tensor> {
    let x = if to_float { x.cast_data(float_type(x.dtype()))? } else { x.clone() };
    let out = x.empty_like()?;
    backend(x.device()).unary(k, &p, x.raw(), out.raw())?;
    Ok(out)
}

/// A row for float inputs; integers are converted to the default float type.
macro_rules! float_unary {
    ($($(#[$doc:meta])* $name:ident, $grad:literal, |$x:ident| $value:expr,
        $saved:ident => |$s:ident, $g:ident| $derivative:expr;)*) => {$(
        impl Tensor {
            $(#[$doc])*
            pub fn $name(&self) -> Result<Tensor> {
                static ROW: Unary = Unary {
                    name: stringify!($name),
                    f32: Some(loop1!(f32 => f32, |$x, _p| $value)),
                    f64: Some(loop1!(f64 => f64, |$x, _p| $value)),
                    ints: None,
                    bool: None,
                };
                apply(&ROW, [0.0; 2], self, true)?.record($grad, &[self], |save| {
                    let kept = save.$saved(0);
                    move |ctx, $g| {
                        let $s = kept.get(ctx)?;
                        grads![Some($derivative?)]
                    }
                })
            }
        }
    )*};
}

float_unary! {
    /// e to the power of each element.
    exp, "ExpBackward0", |x| x.exp(), output => |y, g| g.mul(&y);
}

static NEG: Unary = Unary {
    name: "neg",
    f32: Some(loop1!(f32 => f32, |x, _p| -x)),
    f64: Some(loop1!(f64 => f64, |x, _p| -x)),
    ints: Some(crate::backend::Ints {
        i8: loop1!(i8 => i8, |x, _p| x.wrapping_neg()),
        u8: loop1!(u8 => u8, |x, _p| x.wrapping_neg()),
        i16: loop1!(i16 => i16, |x, _p| x.wrapping_neg()),
        i32: loop1!(i32 => i32, |x, _p| x.wrapping_neg()),
        i64: loop1!(i64 => i64, |x, _p| x.wrapping_neg()),
    }),
    bool: None,
};

impl Tensor {
    /// Each element with the other sign.
    pub fn neg(&self) -> Result<Tensor> {
        apply(&NEG, [0.0; 2], self, false)?.record("NegBackward0", &[self], |_| |_, g| grads![Some(g.neg()?)])
    }
}
