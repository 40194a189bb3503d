//! Dense factorisations, in place on batches of contiguous row-major matrices of float32 or float64.
//!
//! Every loop runs along rows, so that its inner part is a dot product or an axpy over neighbours. Matrices of a batch
//! are shared among threads. Eigenvalues and singular values are found in float64, whatever the dtype is.
//! Each kernel's test multiplies the factors back.

mod eigen;
mod ldl;
mod lu;
mod reflect;
mod svd;
#[cfg(test)]
mod tests;

use super::lacks;
use crate::backend::{Factor, View};
use crate::dtype::{DType, Element, Real};
use crate::error::Result;
use crate::parallel::chunks;

/// The sum of products, in eight lanes.
#[inline]
fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::of(0.0); 8];
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let (pa, pb) = (a.chunks_exact(8), b.chunks_exact(8));
    let mut sum = T::of(0.0);
    for (&x, &y) in pa.remainder().iter().zip(pb.remainder()) {
        sum += x * y;
    }
    for (x, y) in pa.zip(pb) {
        for k in 0..8 {
            lanes[k] += x[k] * y[k];
        }
    }
    lanes.into_iter().fold(sum, |s, x| s + x)
}

/// `y += c * x`
#[inline]
fn axpy<T: Real>(c: T, x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += c * x;
    }
}

/// Two rows of a matrix of width `n`, the first above the second.
#[inline]
fn two_rows<T>(a: &mut [T], n: usize, upper: usize, lower: usize) -> (&mut [T], &mut [T]) {
    let (top, rest) = a.split_at_mut(lower * n);
    (&mut top[upper * n..(upper + 1) * n], &mut rest[..n])
}

fn swap_rows<T>(a: &mut [T], n: usize, i: usize, j: usize) {
    if i != j {
        let (x, y) = two_rows(a, n, i.min(j), i.max(j));
        x.swap_with_slice(y);
    }
}

/// The elements of matrix `i` of a batch.
fn item<'a, T: Element>(v: View<'a>, i: usize, batch: usize) -> &'a [T] {
    let size = v.layout.numel() / batch;
    if size == 0 {
        return &[];
    }
    // SAFETY: the op hands over contiguous tensors of type T whose first dimension is the batch.
    unsafe { std::slice::from_raw_parts(v.storage.ptr().cast::<T>().add(v.layout.offset + i * size), size) }
}

/// As `item`, to be written.
fn item_mut<'a, T: Element>(v: View<'a>, i: usize, batch: usize) -> &'a mut [T] {
    let size = v.layout.numel() / batch;
    if size == 0 {
        return &mut [];
    }
    // SAFETY: as in `item`; the op has just made the outputs, and each matrix is taken by one task.
    unsafe {
        std::slice::from_raw_parts_mut(v.storage.ptr().cast::<T>().add(v.layout.offset + i * size), size)
    }
}

fn wide<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

fn narrow<T: Real>(from: &[f64], to: &mut [T]) {
    for (to, &x) in to.iter_mut().zip(from) {
        *to = T::of(x);
    }
}

/// Run a factorisation; what goes in and out stands at `Factor`.
pub(super) fn factor(how: Factor, ins: &[View], outs: &[View]) -> Result<()> {
    match outs[0].dtype {
        DType::F32 => batches::<f32>(how, ins, outs),
        DType::F64 => batches::<f64>(how, ins, outs),
        other => return Err(lacks(how.name(), other)),
    }
    Ok(())
}

fn batches<T: Real>(how: Factor, ins: &[View], outs: &[View]) {
    let shape = &outs[0].layout.shape;
    let (batch, m, n) = (shape[0], shape[1], shape[2]);
    let work = m.max(n) * m.max(n) * m.min(n).max(1);
    chunks(batch, (1usize << 15).div_ceil(work.max(1)), |range| {
        for i in range {
            one::<T>(how, ins, outs, (i, batch), (m, n));
        }
    });
}

fn one<T: Real>(how: Factor, ins: &[View], outs: &[View], at: (usize, usize), (m, n): (usize, usize)) {
    let (i, batch) = at;
    let a = item_mut::<T>(outs[0], i, batch);
    let info = |nr: usize| &mut item_mut::<i32>(outs[nr], i, batch)[0];
    match how {
        Factor::Lu { pivot } => *info(2) = lu::lu(a, m, n, pivot, item_mut(outs[1], i, batch)),
        Factor::Exchange { back } => lu::exchange(item(ins[0], i, batch), a, n, back),
        Factor::Cholesky => *info(1) = lu::cholesky(a, n),
        Factor::Triangular { upper, unit } => lu::triangular(item(ins[0], i, batch), a, (m, n), upper, unit),
        Factor::Qr => reflect::qr(a, m, n, item_mut(outs[1], i, batch)),
        Factor::Reflect { transpose } => {
            let tau = item::<T>(ins[1], i, batch);
            reflect::reflect(item(ins[0], i, batch), tau, a, m, n, transpose);
        }
        Factor::Ldl => *info(2) = ldl::ldl(a, n, item_mut(outs[1], i, batch)),
        Factor::LdlSolve => ldl::solve(item(ins[0], i, batch), item(ins[1], i, batch), a, m, n),
        Factor::Eigh { vectors } => {
            let mut z = wide(a);
            let mut w = vec![0.0; n];
            *info(2) = eigen::eigh(&mut z, n, &mut w, vectors);
            narrow(&z, a);
            narrow(&w, item_mut::<T>(outs[1], i, batch));
        }
        Factor::Svd { vectors } => {
            let x = item::<T>(ins[0], i, batch);
            let cols = ins[0].layout.shape[2];
            let rows = ins[0].layout.shape[1];
            let u = if vectors { m * n } else { 0 };
            let v = if vectors { outs[2].layout.shape[1] } else { 0 };
            let sizes = svd::Sizes { rows, cols, left: if u > 0 { n } else { 0 }, right: v };
            let (found, info_value) = svd::svd(&wide(x), sizes);
            narrow(&found.values, item_mut::<T>(outs[1], i, batch));
            if vectors {
                narrow(&found.u, a);
                narrow(&found.vh, item_mut::<T>(outs[2], i, batch));
            }
            *info(3) = info_value;
        }
    }
}
