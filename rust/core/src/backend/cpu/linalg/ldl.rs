//! Symmetric indefinite matrices: `A = L @ D @ L.T` with blocks of 1 and 2 on the diagonal (Bunch and Kaufman 1977).

use super::{axpy, swap_rows, two_rows};
use crate::dtype::Real;

/// In place, from the lower triangle. A positive entry of `pivots` is the row, counted from 1, that was exchanged; two
/// equal negative ones mark a block of 2. Gives the number of the first block that is zero, or 0.
pub fn ldl<T: Real>(a: &mut [T], n: usize, pivots: &mut [i32]) -> i32 {
    let alpha = T::of((1.0 + 17f64.sqrt()) / 8.0);
    let zero = T::of(0.0);
    for i in 0..n {
        a[i * n + i + 1..(i + 1) * n].fill(zero);
    }
    let mut info = 0;
    let mut k = 0;
    while k < n {
        let size = a[k * n + k].abs();
        let (mut far, mut column) = (k, zero);
        for i in k + 1..n {
            if a[i * n + k].abs() > column {
                (far, column) = (i, a[i * n + k].abs());
            }
        }
        let (mut with, mut step) = (k, 1);
        if size == zero && column == zero {
            if info == 0 {
                info = k as i32 + 1;
            }
        } else if size < alpha * column {
            let along = (k..far).map(|j| a[far * n + j].abs());
            let below = (far + 1..n).map(|i| a[i * n + far].abs());
            let row = along.chain(below).fold(zero, |m, x| if x > m { x } else { m });
            if size < alpha * column * (column / row) {
                with = far;
                if a[far * n + far].abs() < alpha * row {
                    step = 2;
                }
            }
        }
        let last = k + step - 1;
        exchange(a, n, last, with);
        if step == 2 && with != last {
            a.swap((k + 1) * n + k, with * n + k);
        }
        if step == 1 {
            if a[k * n + k] != zero {
                eliminate_one(a, n, k);
            }
            pivots[k] = with as i32 + 1;
        } else {
            eliminate_two(a, n, k);
            pivots[k..k + 2].fill(-(with as i32 + 1));
        }
        k += step;
    }
    info
}

/// Rows and columns `i` and `j > i` of the trailing part, of which the lower triangle is kept.
fn exchange<T: Real>(a: &mut [T], n: usize, i: usize, j: usize) {
    if i == j {
        return;
    }
    for r in j + 1..n {
        a.swap(r * n + i, r * n + j);
    }
    for r in i + 1..j {
        a.swap(r * n + i, j * n + r);
    }
    a.swap(i * n + i, j * n + j);
}

fn eliminate_one<T: Real>(a: &mut [T], n: usize, k: usize) {
    let by = T::of(1.0) / a[k * n + k];
    let column: Vec<T> = (k + 1..n).map(|i| a[i * n + k]).collect();
    for (at, &x) in column.iter().enumerate() {
        let i = k + 1 + at;
        axpy(-(by * x), &column[..=at], &mut a[i * n + k + 1..=i * n + i]);
        a[i * n + k] = x * by;
    }
}

fn eliminate_two<T: Real>(a: &mut [T], n: usize, k: usize) {
    let off = a[(k + 1) * n + k];
    let (d11, d22) = (a[(k + 1) * n + k + 1] / off, a[k * n + k] / off);
    let scale = T::of(1.0) / (d11 * d22 - T::of(1.0)) / off;
    for j in k + 2..n {
        let (x, y) = (a[j * n + k], a[j * n + k + 1]);
        let (wx, wy) = (scale * (d11 * x - y), scale * (d22 * y - x));
        for i in j..n {
            a[i * n + j] = a[i * n + j] - a[i * n + k] * wx - a[i * n + k + 1] * wy;
        }
        (a[j * n + k], a[j * n + k + 1]) = (wx, wy);
    }
}

/// `A @ X = B` in place of B, `(n, k)`, from the factors.
pub fn solve<T: Real>(a: &[T], pivots: &[i32], b: &mut [T], n: usize, k: usize) {
    let at = |i: usize, j: usize| a[i * n + j];
    let row_of = |i: usize| pivots[i].unsigned_abs() as usize - 1;
    let mut i = 0;
    while i < n {
        if pivots[i] > 0 {
            swap_rows(b, k, i, row_of(i));
            for r in i + 1..n {
                let (from, to) = two_rows(b, k, i, r);
                axpy(-at(r, i), from, to);
            }
            b[i * k..(i + 1) * k].iter_mut().for_each(|x| *x /= at(i, i));
            i += 1;
            continue;
        }
        swap_rows(b, k, i + 1, row_of(i));
        for r in i + 2..n {
            for c in [i, i + 1] {
                let (from, to) = two_rows(b, k, c, r);
                axpy(-at(r, c), from, to);
            }
        }
        let off = at(i + 1, i);
        let (first, second) = (at(i, i) / off, at(i + 1, i + 1) / off);
        let scale = first * second - T::of(1.0);
        let (x, y) = two_rows(b, k, i, i + 1);
        for (x, y) in x.iter_mut().zip(y) {
            let (p, q) = (*x / off, *y / off);
            (*x, *y) = ((second * p - q) / scale, (first * q - p) / scale);
        }
        i += 2;
    }
    let mut i = n;
    while i > 0 {
        let block = if pivots[i - 1] > 0 { 1 } else { 2 };
        for c in i - block..i {
            for r in i..n {
                let (to, from) = two_rows(b, k, c, r);
                axpy(-at(r, c), from, to);
            }
        }
        swap_rows(b, k, i - 1, row_of(i - 1));
        i -= block;
    }
}
