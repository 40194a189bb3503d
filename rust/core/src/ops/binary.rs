//! Pointwise functions of two numbers, with broadcasting and type promotion.

use crate::backend::{Binary, Ints, Params, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::layout;
use crate::loop2;
use crate::ops::promote::result_type;
use crate::shape::broadcast;
use crate::tensor::Tensor;

/// Run a table row on two tensors in a given dtype, without history.
pub(crate) fn apply_as(k: &Binary, p: Params, a: &Tensor, b: &Tensor, dtype: DType) -> Result<Tensor> {
    let shape = broadcast(a.shape(), b.shape())?;
    let out = Tensor::empty_on(layout::elementwise(&shape, &[a.layout(), b.layout()]), dtype, a.device())?;
    apply_into(k, p, a, b, &out)?;
    Ok(out)
}

/// As `apply_as`, into memory that is there; it may be that of an operand with the same layout.
pub(crate) fn apply_into(k: &Binary, p: Params, a: &Tensor, b: &Tensor, out: &Tensor) -> Result<()> {
    let (a, b) = (a.cast_data(out.dtype())?, b.cast_data(out.dtype())?);
    let (a, b) = (a.expand_data(out.shape())?, b.expand_data(out.shape())?);
    backend(out.device()).binary(k, &p, a.raw(), b.raw(), out.raw())
}

/// A row with the same expression for every number type; `$float` for floats, `$int` for integers, `$bool` for bool.
#[macro_export]
macro_rules! binary_row {
    ($name:literal, |$a:ident, $b:ident, $p:ident| float: $float:expr, int: $int:expr, bool: $bool:expr) => {
        Binary {
            name: $name,
            f32: Some(loop2!(f32 => f32, |$a, $b, $p| { type T = f32; let _ = <T>::EPSILON; $float })),
            f64: Some(loop2!(f64 => f64, |$a, $b, $p| { type T = f64; let _ = <T>::EPSILON; $float })),
            ints: Some(Ints {
                i8: loop2!(i8 => i8, |$a, $b, $p| { type T = i8; let _ = <T>::MAX; $int }),
                u8: loop2!(u8 => u8, |$a, $b, $p| { type T = u8; let _ = <T>::MAX; $int }),
                i16: loop2!(i16 => i16, |$a, $b, $p| { type T = i16; let _ = <T>::MAX; $int }),
                i32: loop2!(i32 => i32, |$a, $b, $p| { type T = i32; let _ = <T>::MAX; $int }),
                i64: loop2!(i64 => i64, |$a, $b, $p| { type T = i64; let _ = <T>::MAX; $int }),
            }),
            bool: $bool,
        }
    };
}

static ADD: Binary = binary_row!("add", |a, b, _p| float: a + b, int: a.wrapping_add(b),
    bool: Some(loop2!(bool => bool, |a, b, _p| a | b)));
static MUL: Binary = binary_row!("mul", |a, b, _p| float: a * b, int: a.wrapping_mul(b),
    bool: Some(loop2!(bool => bool, |a, b, _p| a & b)));

static SUB: Binary = binary_row!("sub", |a, b, _p| float: a - b, int: a.wrapping_sub(b), bool: None);

impl Tensor {
    /// Add into this tensor's memory, without history: how the engine gathers gradients.
    pub(crate) fn add_data(&self, other: &Tensor) -> Result<()> {
        apply_into(&ADD, [0.0; 2], self, other, self)
    }

    /// Difference of two tensors.
    pub fn sub(&self, other: &Tensor) -> Result<Tensor> {
        let out = apply_as(&SUB, [0.0; 2], self, other, result_type(&[self, other]))?;
        out.record("SubBackward0", &[self, other], |_| {
            |ctx, g| grads![Some(g.clone()), ctx.when(1, || g.neg())?]
        })
    }

    /// Sum of two tensors.
    pub fn add(&self, other: &Tensor) -> Result<Tensor> {
        let out = apply_as(&ADD, [0.0; 2], self, other, result_type(&[self, other]))?;
        out.record("AddBackward0", &[self, other], |_| |_, g| grads![Some(g.clone()), Some(g.clone())])
    }

    /// Product of two tensors.
    pub fn mul(&self, other: &Tensor) -> Result<Tensor> {
        let out = apply_as(&MUL, [0.0; 2], self, other, result_type(&[self, other]))?;
        out.record("MulBackward0", &[self, other], |save| {
            let (a, b) = (save.input_for(0, 1), save.input_for(1, 0));
            move |ctx, g| {
                let da = b.as_ref().map(|b| g.mul(&b.get(ctx)?)).transpose()?;
                let db = a.as_ref().map(|a| g.mul(&a.get(ctx)?)).transpose()?;
                grads![da, db]
            }
        })
    }
}
