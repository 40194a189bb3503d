//! LU with row exchanges, Cholesky, and solving by triangles.

use super::{axpy, dot, swap_rows, two_rows};
use crate::dtype::Real;

/// `P @ A = L @ U` in place: U and, below the diagonal, L without its ones. `pivots[j]` is the row, counted from 1, that
/// row `j` was exchanged with. Gives the number of the first zero pivot, or 0.
pub fn lu<T: Real>(a: &mut [T], m: usize, n: usize, pivot: bool, pivots: &mut [i32]) -> i32 {
    let mut info = 0;
    for j in 0..m.min(n) {
        let mut best = j;
        if pivot {
            for i in j + 1..m {
                if a[i * n + j].abs() > a[best * n + j].abs() {
                    best = i;
                }
            }
            swap_rows(a, n, j, best);
        }
        pivots[j] = best as i32 + 1;
        let head = a[j * n + j];
        if head == T::of(0.0) {
            if info == 0 {
                info = j as i32 + 1;
            }
            // Without exchanges the division is made all the same: what is below becomes infinite or NaN.
            if pivot {
                continue;
            }
        }
        for i in j + 1..m {
            let (top, row) = two_rows(a, n, j, i);
            let factor = row[j] / head;
            row[j] = factor;
            if factor != T::of(0.0) {
                axpy(-factor, &top[j + 1..], &mut row[j + 1..]);
            }
        }
    }
    info
}

/// `A = L @ L.T` in place, from the lower triangle; the upper one is cleared. Gives the order of the first leading minor
/// that is not positive, or 0.
pub fn cholesky<T: Real>(a: &mut [T], n: usize) -> i32 {
    let zero = T::of(0.0);
    for i in 0..n {
        a[i * n + i + 1..(i + 1) * n].fill(zero);
    }
    for i in 0..n {
        for j in 0..i {
            let (above, row) = two_rows(a, n, j, i);
            row[j] = (row[j] - dot(&row[..j], &above[..j])) / above[j];
        }
        let row = &mut a[i * n..(i + 1) * n];
        let rest = row[i] - dot(&row[..i], &row[..i]);
        if rest > zero {
            row[i] = rest.sqrt();
        } else {
            return i as i32 + 1;
        }
    }
    0
}

/// `A @ X = B` in place of B, `(n, k)`; only one triangle of A is read.
pub fn triangular<T: Real>(a: &[T], b: &mut [T], (n, k): (usize, usize), upper: bool, unit: bool) {
    for step in 0..n {
        let i = if upper { n - 1 - step } else { step };
        let row = &a[i * n..(i + 1) * n];
        let known = if upper { i + 1..n } else { 0..i };
        if k == 1 {
            b[i] -= dot(&row[known.clone()], &b[known]);
        } else {
            for j in known.filter(|&j| row[j] != T::of(0.0)) {
                let (low, high) = two_rows(b, k, i.min(j), i.max(j));
                let (to, from) = if i < j { (low, high) } else { (high, low) };
                axpy(-row[j], from, to);
            }
        }
        if !unit {
            for x in &mut b[i * k..(i + 1) * k] {
                *x /= row[i];
            }
        }
    }
}

/// The rows of `b`, of width `n`, exchanged as `pivots` say, or back.
pub fn exchange<T>(pivots: &[i32], b: &mut [T], n: usize, back: bool) {
    for step in 0..pivots.len() {
        let i = if back { pivots.len() - 1 - step } else { step };
        swap_rows(b, n, i, (pivots[i] - 1).max(0) as usize);
    }
}
