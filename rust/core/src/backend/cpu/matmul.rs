//! The `matmul` verb: batches of matrices of any strides, handed to `gemm` by dtype.

use std::ops::Range;

use super::gemm::{Gemm, Mat, MatMut, Whole, gemm_batch, gemm_onto, matmul_any};
use super::lacks;
use crate::backend::View;
use crate::dtype::{DType, Element};
use crate::error::Result;

/// `out = base + a @ b` on `(batch, rows, cols)` operands.
pub(super) fn matmul(a: View, b: View, base: Option<View>, out: View) -> Result<()> {
    match out.dtype {
        DType::F32 => floats::<f32>(a, b, base, out),
        DType::F64 => floats::<f64>(a, b, base, out),
        DType::F16 => floats::<half::f16>(a, b, base, out),
        DType::BF16 => floats::<half::bf16>(a, b, base, out),
        DType::U8 => whole::<u8>(a, b, base, out)?,
        DType::I8 => whole::<i8>(a, b, base, out)?,
        DType::I16 => whole::<i16>(a, b, base, out)?,
        DType::I32 => whole::<i32>(a, b, base, out)?,
        DType::I64 => whole::<i64>(a, b, base, out)?,
        DType::Bool => return Err(lacks("addmm_impl", DType::Bool)),
    }
    Ok(())
}

/// Matrix `i` of a batch.
fn matrix<'a, T: Element>(v: View<'a>, i: usize) -> Mat<'a, T> {
    let (l, at) = (v.layout, v.layout.offset + i * v.layout.strides[0]);
    // SAFETY: the layout lies inside the storage; an empty matrix is not read.
    unsafe {
        Mat::from_ptr(
            v.storage.ptr().cast::<T>().add(at),
            l.shape[1],
            l.shape[2],
            l.strides[1] as isize,
            l.strides[2] as isize,
        )
    }
}

fn matrix_mut<'a, T: Element>(v: View<'a>, i: usize) -> MatMut<'a, T> {
    let (l, at) = (v.layout, v.layout.offset + i * v.layout.strides[0]);
    // SAFETY: as in `matrix`; `out` was just made by the op, and each matrix of its batch is taken once.
    unsafe {
        MatMut::from_ptr(
            v.storage.ptr().cast::<T>().add(at),
            l.shape[1],
            l.shape[2],
            l.strides[1] as isize,
            l.strides[2] as isize,
        )
    }
}

fn batch(out: View) -> Range<usize> {
    0..if out.layout.numel() == 0 { 0 } else { out.layout.shape[0] }
}

fn floats<T: Gemm>(a: View, b: View, base: Option<View>, out: View) {
    match base {
        None => gemm_batch::<T>(batch(out).end, false, |i| (matrix(a, i), matrix(b, i), matrix_mut(out, i))),
        Some(base) => batch(out)
            .for_each(|i| gemm_onto::<T>(matrix(a, i), matrix(b, i), matrix(base, i), matrix_mut(out, i))),
    }
}

fn whole<T: Whole>(a: View, b: View, base: Option<View>, out: View) -> Result<()> {
    if base.is_some() {
        return Err(lacks("addmm with a base", out.dtype));
    }
    batch(out).for_each(|i| matmul_any::<T>(matrix(a, i), matrix(b, i), matrix_mut(out, i)));
    Ok(())
}
