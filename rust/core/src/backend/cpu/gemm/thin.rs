//! Products with one to four rows: the right operand is streamed from memory, nothing is packed.

#![allow(clippy::needless_range_loop)] // indices with constant bounds: every register keeps its name

use super::blocked::Product;
use super::kernel::Target;
use crate::dtype::Real;
use crate::parallel::{self, GRAIN};
use crate::simd::Vector;
use std::ops::Range;

/// The most rows that are thin.
pub(super) const ROWS: usize = 4;

/// Columns whose dot products are taken together.
const TOGETHER: usize = 4;

/// Columns of eight rows that stay in the first cache until all rows of the result have used them.
const STRETCH: usize = 512;

/// Do the product here if the right operand can be streamed and is large enough; false if nothing was done.
///
/// # Safety
/// As for `blocked::product`.
pub(super) unsafe fn product<V: Vector>(x: Product<V::E>) -> bool
where
    V::E: Real,
{
    let along = x.b_k == 1 && x.a_k == 1;
    let across = x.b_col == 1 && x.target.c_col == 1;
    if x.m > ROWS || !(along || across) || x.n * x.k < 256 {
        return false;
    }
    // Pieces of about `GRAIN` elements: whole groups of columns, or long stretches of rows.
    let grain = (GRAIN / x.k.max(1)).max(1).next_multiple_of(if along { TOGETHER } else { STRETCH });
    parallel::chunks(x.n, grain, |cols| {
        // SAFETY: the machine has the instructions, and pieces write to columns of their own.
        unsafe {
            V::enter(
                #[inline(always)]
                || match along {
                    true => dots::<V>(&x, cols),
                    false => cols
                        .clone()
                        .step_by(STRETCH)
                        .for_each(|c| sums::<V>(&x, c..(c + STRETCH).min(cols.end))),
                },
            )
        };
    });
    true
}

/// Columns that lie along memory: one dot product for each.
///
/// # Safety
/// See `product`.
#[inline(always)]
unsafe fn dots<V: Vector>(x: &Product<V::E>, cols: Range<usize>)
where
    V::E: Real,
{
    for first in cols.clone().step_by(TOGETHER) {
        let b = x.b.wrapping_offset(first as isize * x.b_col);
        for row in 0..x.m {
            let (a, target) = (x.a.wrapping_offset(row as isize * x.a_row), x.target.at(row, 0));
            // SAFETY: the columns from here on are inside the operand and the target.
            unsafe {
                if first + TOGETHER <= cols.end {
                    put(dot::<V, TOGETHER, 2>(x, a, b), target, first);
                } else {
                    for col in first..cols.end {
                        let b = x.b.wrapping_offset(col as isize * x.b_col);
                        put(dot::<V, 1, 8>(x, a, b), target, col);
                    }
                }
            }
        }
    }
}

/// # Safety
/// The columns from `col` on are inside the target.
#[inline(always)]
unsafe fn put<E: Real, const C: usize>(sums: [E; C], target: Target<E>, col: usize) {
    for (j, sum) in sums.into_iter().enumerate() {
        let t = target.at(0, col + j);
        // SAFETY: the caller's promise.
        unsafe { *t.c = if t.base.is_null() { sum } else { *t.base + sum } };
    }
}

/// `C` dot products of `a` with columns from `b` on, each in `U` registers.
///
/// # Safety
/// See `dots`.
#[inline(always)]
unsafe fn dot<V: Vector, const C: usize, const U: usize>(
    x: &Product<V::E>,
    a: *const V::E,
    b: *const V::E,
) -> [V::E; C]
where
    V::E: Real,
{
    let columns: [*const V::E; C] = std::array::from_fn(|j| b.wrapping_offset(j as isize * x.b_col));
    let step = U * V::N;
    let whole = x.k / step * step;
    // SAFETY: all reads are below `k`.
    unsafe {
        let mut acc = [[V::splat(V::E::ZERO); U]; C];
        for p in (0..whole).step_by(step) {
            for u in 0..U {
                let a = V::load(a.add(p + u * V::N));
                for j in 0..C {
                    acc[j][u] = a.mul_add(V::load(columns[j].add(p + u * V::N)), acc[j][u]);
                }
            }
        }
        std::array::from_fn(|j| {
            let mut sum = acc[j][0];
            for u in 1..U {
                sum = sum.add(acc[j][u]);
            }
            // The most numbers a register has.
            let mut lanes = [V::E::ZERO; 16];
            sum.store(lanes.as_mut_ptr());
            let mut sum = lanes[..V::N].iter().fold(V::E::ZERO, |sum, &x| sum + x);
            for p in whole..x.k {
                sum += *a.add(p) * *columns[j].add(p);
            }
            sum
        })
    }
}

/// Rows that lie along memory: their sum, each times an element of the left operand, eight rows at a time.
///
/// # Safety
/// The columns of `b` and of the target are next to each other; see `product`.
#[inline(always)]
unsafe fn sums<V: Vector>(x: &Product<V::E>, cols: Range<usize>)
where
    V::E: Real,
{
    let n = cols.len();
    // SAFETY: this piece of the target is ours and the base has the same columns; then see `add_rows`.
    unsafe {
        for i in 0..x.m {
            for j in cols.clone() {
                let t = x.target.at(i, j);
                *t.c = if t.base.is_null() { V::E::ZERO } else { *t.base };
            }
        }
        let row = |p: usize| x.b.wrapping_offset(p as isize * x.b_k).wrapping_add(cols.start);
        let factor = |i: usize, p: usize| *x.a.wrapping_offset(i as isize * x.a_row + p as isize * x.a_k);
        let whole = x.k / 8 * 8;
        for p in (0..whole).step_by(8) {
            for i in 0..x.m {
                let rows = std::array::from_fn(|q| (factor(i, p + q), row(p + q)));
                add_rows::<V, 8>(n, x.target.at(i, cols.start).c, rows);
            }
        }
        for p in whole..x.k {
            for i in 0..x.m {
                add_rows::<V, 1>(n, x.target.at(i, cols.start).c, [(factor(i, p), row(p))]);
            }
        }
    }
}

/// # Safety
/// `c` and the rows have `n` elements.
#[inline(always)]
unsafe fn add_rows<V: Vector, const R: usize>(n: usize, c: *mut V::E, rows: [(V::E, *const V::E); R])
where
    V::E: Real,
{
    // SAFETY: all accesses are below `n`.
    unsafe {
        let factors: [V; R] = std::array::from_fn(|i| V::splat(rows[i].0));
        let whole = n / V::N * V::N;
        for j in (0..whole).step_by(V::N) {
            let mut sum = V::load(c.add(j));
            for i in 0..R {
                sum = factors[i].mul_add(V::load(rows[i].1.add(j)), sum);
            }
            sum.store(c.add(j));
        }
        for j in whole..n {
            for row in rows {
                *c.add(j) += row.0 * *row.1.add(j);
            }
        }
    }
}
