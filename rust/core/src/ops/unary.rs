//! Pointwise functions of one number: a row each, with value and derivative.
//!
//! A row of `float_ops!` reads
//!     name, name_, "GradName", |x| value [, quick test => value], from input|output: |s, g| derivative
//!         [, fused |s, g| derivative];
//! The value is an expression in `x`, the same for f32 and f64; `quick` is one for blocks of f32 that pass a test. The
//! derivative is one in tensors, so that it can be differentiated again; `s` is what it was saved for, the function's
//! input or output. `fused`, the same derivative in numbers, is one loop, and runs when the backward pass is not
//! recorded. Rows are in the files below, a family each.

mod exponential;
mod rounding;
mod sign;
mod special;
mod trigonometric;

pub(crate) use exponential::rows as exponential_rows;

use crate::backend::{Binary, Params, Unary, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::ops::binary::{apply_as, apply_into, direct};
use crate::ops::promote::float_type;
use crate::tensor::{Ctx, Tensor, grad_enabled};

/// A row for floats alone. `T` is the type at hand, `p` the row's parameters.
macro_rules! float_unary_row {
    ($name:expr, |$x:ident, $p:ident| $value:expr $(, quick $test:path => $quick:expr)?) => {
        $crate::backend::Unary {
            name: $name,
            f32: Some($crate::loop1!(f32 => f32, |$x, $p| $value $(, quick $test => $quick)?)),
            f64: Some($crate::loop1!(f64 => f64, |$x, $p| $value)),
            ints: None,
            bool: None,
        }
    };
}

/// A row for floats and integers.
macro_rules! number_unary {
    ($name:expr, |$x:ident, $p:ident| float: $float:expr, int: $int:expr) => {
        $crate::backend::Unary {
            ints: Some($crate::backend::Ints {
                i8: $crate::loop1!(i8 => i8, |$x, $p| $int),
                u8: $crate::loop1!(u8 => u8, |$x, $p| $int),
                i16: $crate::loop1!(i16 => i16, |$x, $p| $int),
                i32: $crate::loop1!(i32 => i32, |$x, $p| $int),
                i64: $crate::loop1!(i64 => i64, |$x, $p| $int),
            }),
            ..$crate::ops::unary::float_unary_row!($name, |$x, $p| $float)
        }
    };
}

/// A derivative in numbers, or none: the last part of a row.
macro_rules! fused_row {
    () => {
        None
    };
    (|$s:ident, $g:ident| $slope:expr) => {{
        static FUSED: $crate::backend::Binary =
            $crate::ops::binary::float_row!("backward", |$s, $g, _p| $slope);
        Some(&FUSED)
    }};
}

/// Functions of floats; integers are converted to the default float type. See the head of this file for a row.
macro_rules! float_ops {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident, $grad:literal, |$x:ident| $value:expr
        $(, quick $test:path => $quick:expr)?,
        from $saved:ident: |$s:ident, $g:ident| $derivative:expr $(, fused |$fs:ident, $fg:ident| $slope:expr)?;)*) => {
        /// The loops of this table, by name.
        #[allow(non_upper_case_globals)]
        pub(crate) mod rows {
            use super::*;
            $(pub(crate) static $name: $crate::backend::Unary =
                $crate::ops::unary::float_unary_row!(
                concat!(stringify!($name), "_cpu"), |$x, _p| $value $(, quick $test => $quick)?);)*
        }

        $(impl Tensor {
            $(#[$doc])*
            pub fn $name(&self) -> Result<Tensor> {
                let fused: Option<&'static $crate::backend::Binary> =
                    $crate::ops::unary::fused_row!($(|$fs, $fg| $slope)?);
                $crate::ops::unary::run_float(&rows::$name, self)?.record($grad, &[self], |save| {
                    let kept = save.$saved(0);
                    move |ctx, $g| {
                        let $s = kept.get(ctx)?;
                        if let Some(dx) = $crate::ops::unary::fused_grad(ctx, fused, [0.0; 2], &$s, $g)? {
                            return grads![Some(dx)];
                        }
                        grads![Some($derivative?)]
                    }
                })
            }

            pub fn $inplace(&self) -> Result<()> {
                let dtype = $crate::ops::promote::float_type(self.dtype());
                $crate::ops::unary::run_inplace(&rows::$name, [0.0; 2], self, dtype, |x| x.$name())
            }
        })*

        /// The functions of this table, by name: what the tests run over.
        #[cfg(test)]
        pub(super) const TABLE: &[(&str, fn(&Tensor) -> Result<Tensor>)] = &[$((stringify!($name), Tensor::$name)),*];
    };
}

pub(crate) use {float_ops, float_unary_row, fused_row, number_unary};

/// Run a row, without history.
pub(crate) fn run(k: &Unary, p: Params, x: &Tensor) -> Result<Tensor> {
    let out = x.empty_like()?;
    backend(x.device()).unary(k, &p, x.raw(), out.raw())?;
    Ok(out)
}

/// As `run`, for a function of floats.
pub(crate) fn run_float(k: &Unary, x: &Tensor) -> Result<Tensor> {
    run(k, [0.0; 2], &x.cast_data(float_type(x.dtype()))?)
}

/// The derivative in one loop, where that may be: nobody wants to differentiate it again.
pub(crate) fn fused_grad(
    ctx: &Ctx,
    k: Option<&Binary>,
    p: Params,
    saved: &Tensor,
    g: &Tensor,
) -> Result<Option<Tensor>> {
    match k {
        Some(k) if !grad_enabled() => match ctx.reuse(g) {
            Some(dx) if (saved.layout(), saved.dtype()) == (g.layout(), g.dtype()) => {
                apply_into(k, p, saved, g, &dx)?;
                Ok(Some(dx))
            }
            _ => apply_as(k, p, saved, g, g.dtype()).map(Some),
        },
        _ => Ok(None),
    }
}

/// The in-place form of a row, whose result has type `dtype`: in the memory of `x` if that is allowed, else by way of
/// `op`.
pub(crate) fn run_inplace(
    k: &Unary,
    p: Params,
    x: &Tensor,
    dtype: DType,
    op: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    if !direct(x, &[], dtype) {
        return x.inplace(op);
    }
    x.check_inplace()?;
    backend(x.device()).unary(k, &p, x.raw(), x.raw())?;
    x.written(None, false)
}

#[cfg(test)]
mod tests;
