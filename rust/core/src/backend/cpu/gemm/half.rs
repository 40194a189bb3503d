//! Products of float16 and bfloat16: widened to float32, multiplied there, rounded once at the end.

use super::blocked::Product;
use super::kernel::Target;
use super::pack::Scratch;
use crate::parallel::{self, GRAIN};
use half::slice::HalfFloatSliceExt;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// Lines of numbers in memory: element p of line i is at `data + i * line + p * step`.
#[derive(Clone, Copy)]
struct Lines<H> {
    data: *const H,
    lines: usize,
    line: isize,
    len: usize,
    step: isize,
}

// SAFETY: only read, as the caller of `product` promises.
unsafe impl<H: Sync> Sync for Lines<H> {}

/// # Safety
/// As for `blocked::product`, and `product32` does a product of float32.
pub(super) unsafe fn product<H: crate::dtype::Float<Acc = f32>>(
    x: Product<H>,
    product32: unsafe fn(Product<f32>),
) where
    [H]: HalfFloatSliceExt,
{
    let t = x.target;
    let c = Scratch::<f32>::new(x.m * x.n);
    // SAFETY: the operands are readable and the scratch has their size.
    unsafe {
        let (a, a_row, a_k) = widen(Lines { data: x.a, lines: x.m, line: x.a_row, len: x.k, step: x.a_k });
        let (b, b_k, b_col) = widen(Lines { data: x.b, lines: x.k, line: x.b_k, len: x.n, step: x.b_col });
        let mut target = Target {
            c: c.ptr(),
            c_row: x.n as isize,
            c_col: 1,
            base: std::ptr::null(),
            base_row: 0,
            base_col: 0,
        };
        if !t.base.is_null() {
            let base = Lines { data: t.base, lines: x.m, line: t.base_row, len: x.n, step: t.base_col };
            widen_into(base, c.ptr());
            target = target.onto_itself();
        }
        let (pa, pb) = (a.ptr().cast_const(), b.ptr().cast_const());
        product32(Product { m: x.m, n: x.n, k: x.k, a: pa, a_row, a_k, b: pb, b_k, b_col, target });
        narrow(c.ptr(), x.m, x.n, t);
    }
}

/// A copy in float32 and its two strides; lines that lie across memory stay so.
///
/// # Safety
/// The lines are readable.
unsafe fn widen<H: crate::dtype::Float<Acc = f32>>(x: Lines<H>) -> (Scratch<f32>, isize, isize)
where
    [H]: HalfFloatSliceExt,
{
    let out = Scratch::new(x.lines * x.len);
    // SAFETY: the caller's promise; `out` has room for all elements.
    unsafe {
        if x.step != 1 && x.line == 1 {
            let across = Lines { lines: x.len, line: x.step, len: x.lines, step: x.line, ..x };
            widen_into(across, out.ptr());
            (out, 1, x.lines as isize)
        } else {
            widen_into(x, out.ptr());
            (out, x.len as isize, 1)
        }
    }
}

/// # Safety
/// The lines are readable, and `out` has room for them, one after the other.
unsafe fn widen_into<H: crate::dtype::Float<Acc = f32>>(x: Lines<H>, out: *mut f32)
where
    [H]: HalfFloatSliceExt,
{
    // SAFETY: the caller's promise.
    let out = unsafe { from_raw_parts_mut(out, x.lines * x.len) };
    let x = &x;
    parallel::rows(out, x.len, (GRAIN / x.len.max(1)).max(1), |first, rows| {
        for (i, row) in rows.chunks_mut(x.len).enumerate() {
            let line = x.data.wrapping_offset((first + i) as isize * x.line);
            // SAFETY: line `first + i` is readable.
            unsafe {
                if x.step == 1 {
                    from_raw_parts(line, x.len).convert_to_f32_slice(row);
                } else {
                    for (p, y) in row.iter_mut().enumerate() {
                        *y = (*line.wrapping_offset(p as isize * x.step)).widen();
                    }
                }
            }
        }
    });
}

/// Round the result into its place.
///
/// # Safety
/// `c` has `m * n` elements, and the target is ours to write.
unsafe fn narrow<H: crate::dtype::Float<Acc = f32>>(c: *const f32, m: usize, n: usize, target: Target<H>)
where
    [H]: HalfFloatSliceExt,
{
    let places = (c as usize, target.c as usize);
    parallel::chunks(m, (GRAIN / n.max(1)).max(1), |rows| {
        for i in rows {
            // SAFETY: the caller's promise; rows are disjoint.
            unsafe {
                let from = from_raw_parts((places.0 as *const f32).add(i * n), n);
                let to = (places.1 as *mut H).wrapping_offset(i as isize * target.c_row);
                if target.c_col == 1 {
                    from_raw_parts_mut(to, n).convert_from_f32_slice(from);
                } else {
                    for (j, &y) in from.iter().enumerate() {
                        *to.wrapping_offset(j as isize * target.c_col) = H::narrow(y);
                    }
                }
            }
        }
    });
}
