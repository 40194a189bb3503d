//! Pointwise functions of two numbers, with broadcasting and type promotion.
//!
//! This file has what all of them share: the macros that make a row of loops, and how a row is run. Paths:
//!   same shape and dtype, row-major  -> the loop at once
//!   one operand is zero-dim          -> the loop with a number in its place: nothing is expanded or converted
//!   anything else                    -> converted to the common dtype, expanded to the common shape
//! The ops are in the files below, a family each.

pub use divide::Rounding;

mod arith;
mod bits;
mod divide;
pub(crate) mod extreme;
mod power;
mod special;

use crate::backend::{Binary, Number, Params, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::layout;
use crate::ops::promote::{common_device, result_type};
use crate::shape::{broadcast, expandable};
use crate::tensor::{Scalar, Tensor, grad_enabled};

/// A row for every number type: one expression for floats, one for integers, a loop or `None` for bool. In the
/// expressions `T` is the type at hand and `p` the row's parameters.
macro_rules! number_row {
    ($name:literal, |$a:ident, $b:ident, $p:ident| float: $float:expr, int: $int:expr, bool: $bool:expr) => {
        $crate::backend::Binary {
            ints: Some($crate::ops::binary::int_loops!(|$a, $b, $p| $int)),
            bool: $bool,
            ..$crate::ops::binary::float_row!($name, |$a, $b, $p| $float)
        }
    };
}

/// A row for floats alone.
macro_rules! float_row {
    ($name:expr, |$a:ident, $b:ident, $p:ident| $value:expr) => {
        $crate::backend::Binary {
            name: $name,
            wide_number: false,
            f32: Some($crate::loop2!(f32 => f32, |$a, $b, $p| $value)),
            f64: Some($crate::loop2!(f64 => f64, |$a, $b, $p| $value)),
            ints: None,
            bool: None,
        }
    };
}

/// A row for integers, and bool if a loop is given.
macro_rules! int_row {
    ($name:literal, |$a:ident, $b:ident, $p:ident| $value:expr, bool: $bool:expr) => {
        $crate::backend::Binary {
            name: $name,
            wide_number: false,
            f32: None,
            f64: None,
            ints: Some($crate::ops::binary::int_loops!(|$a, $b, $p| $value)),
            bool: $bool,
        }
    };
}

/// The loops of the integer types. The two that indices and counts have get vectors, the small ones plain code.
macro_rules! int_loops {
    (|$a:ident, $b:ident, $p:ident| $value:expr) => {
        $crate::backend::Ints {
            i8: $crate::plain2!(i8 => i8, |$a, $b, $p| $value),
            u8: $crate::plain2!(u8 => u8, |$a, $b, $p| $value),
            i16: $crate::plain2!(i16 => i16, |$a, $b, $p| $value),
            i32: $crate::loop2!(i32 => i32, |$a, $b, $p| $value),
            i64: $crate::loop2!(i64 => i64, |$a, $b, $p| $value),
        }
    };
}

pub(crate) use {float_row, int_loops, int_row, number_row};

/// Run a row on two tensors in a given dtype, without history.
pub(crate) fn apply_as(k: &Binary, p: Params, a: &Tensor, b: &Tensor, dtype: DType) -> Result<Tensor> {
    if a.shape() == b.shape() && a.device() == b.device() {
        let ready = |t: &Tensor| t.dtype() == dtype && t.is_contiguous();
        if ready(a) && ready(b) {
            let out = a.new_empty(a.shape(), dtype)?;
            backend(out.device()).binary(k, &p, a.raw(), b.raw(), out.raw())?;
            return Ok(out);
        }
    }
    let shape = broadcast(a.shape(), b.shape())?;
    let out = Tensor::empty_on(
        layout::elementwise(&shape, &[a.layout(), b.layout()]),
        dtype,
        common_device(&[a, b])?,
    )?;
    apply_into(k, p, a, b, &out)?;
    Ok(out)
}

/// As `apply_as` in the dtype the operands are promoted to.
pub(crate) fn apply(k: &Binary, p: Params, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    apply_as(k, p, a, b, common(a, b))
}

/// As `apply_as`, into memory that is there; it may be that of an operand with the same layout.
pub(crate) fn apply_into(k: &Binary, p: Params, a: &Tensor, b: &Tensor, out: &Tensor) -> Result<()> {
    let (backend, dtype) = (backend(out.device()), out.dtype());
    let whole = |t: &Tensor| t.cast_data(dtype)?.expand_data(out.shape());
    if let Some(number) = as_number(b) {
        return backend.binary_number(k, &p, whole(a)?.raw(), number, false, out.raw());
    }
    if let Some(number) = as_number(a) {
        return backend.binary_number(k, &p, whole(b)?.raw(), number, true, out.raw());
    }
    backend.binary(k, &p, whole(a)?.raw(), whole(b)?.raw(), out.raw())
}

/// The number that a zero-dim tensor holds.
pub(crate) fn as_number(t: &Tensor) -> Option<Number> {
    if t.rank() != 0 {
        return None;
    }
    Some(match t.element(&[]).ok()? {
        Scalar::Float(x) => Number::Float(x),
        n => Number::Int(n.to()),
    })
}

/// The dtype two operands are promoted to.
#[inline]
pub(crate) fn common(a: &Tensor, b: &Tensor) -> DType {
    if a.dtype() == b.dtype() && !a.is_wrapped() && !b.is_wrapped() {
        return a.dtype();
    }
    result_type(&[a, b])
}

/// Whether `op_(x, others)` may write its result, of dtype `dtype`, straight into the memory of `x`: nobody wants its
/// history, it fits, and no operand is another window on the same memory.
pub(crate) fn direct(x: &Tensor, others: &[&Tensor], dtype: DType) -> bool {
    let apart = |t: &&Tensor| {
        expandable(t.shape(), x.shape())
            && (t.is(x) || !t.storage().same(x.storage()) || t.layout() == x.layout())
    };
    let recorded = || x.requires_grad() || others.iter().any(|t| t.requires_grad());
    dtype == x.dtype() && others.iter().all(apart) && !(grad_enabled() && recorded())
}

/// The in-place form of a row: into the memory of `x` if that is allowed, else by way of `op`.
pub(crate) fn apply_inplace(
    k: &Binary,
    p: Params,
    x: &Tensor,
    other: &Tensor,
    dtype: DType,
    op: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    if !direct(x, &[other], dtype) {
        x.check_overlap(&[other])?;
        return x.inplace(op);
    }
    x.check_inplace()?;
    apply_into(k, p, x, other, x)?;
    x.written(None, false)
}
