//! Householder reflections: QR, and products with the orthogonal factor.

use super::axpy;
use crate::dtype::Real;

/// The reflection `I - tau v v'` that turns `(alpha, x)` into `(beta, 0)`: gives beta and tau, and leaves in `x` the
/// vector's elements after its leading 1. Lengths are scaled, so that squares do not overflow.
pub fn reflector<T: Real>(alpha: T, x: &mut [T]) -> (T, T) {
    let zero = T::of(0.0);
    let top = x.iter().fold(zero, |m, x| if x.abs() > m || x.is_nan() { x.abs() } else { m });
    if top == zero {
        return (alpha, zero);
    }
    let top = if alpha.abs() > top { alpha.abs() } else { top };
    let mut sum = (alpha / top) * (alpha / top);
    for &x in x.iter() {
        sum += (x / top) * (x / top);
    }
    let length = top * sum.sqrt();
    let beta = if alpha < zero { length } else { -length };
    let scale = T::of(1.0) / (alpha - beta);
    x.iter_mut().for_each(|x| *x *= scale);
    (beta, (beta - alpha) / beta)
}

/// Columns `from..` of the rows of `a` under the reflection with the vector `v`, one element a row.
pub fn apply<T: Real>(a: &mut [T], width: usize, from: usize, v: &[T], tau: T) {
    if tau == T::of(0.0) || from >= width {
        return;
    }
    let mut sum = vec![T::of(0.0); width - from];
    for (row, &v) in a.chunks_exact(width).zip(v) {
        axpy(v, &row[from..], &mut sum);
    }
    for (row, &v) in a.chunks_exact_mut(width).zip(v) {
        axpy(-(tau * v), &sum, &mut row[from..]);
    }
}

/// R and, below the diagonal, the vectors of the reflections whose product is Q.
pub fn qr<T: Real>(a: &mut [T], m: usize, n: usize, tau: &mut [T]) {
    for j in 0..m.min(n) {
        let mut v: Vec<T> = (j..m).map(|i| a[i * n + j]).collect();
        let (beta, t) = reflector(v[0], &mut v[1..]);
        tau[j] = t;
        v[0] = T::of(1.0);
        apply(&mut a[j * n..], n, j + 1, &v, t);
        a[j * n + j] = beta;
        for i in j + 1..m {
            a[i * n + j] = v[i - j];
        }
    }
}

/// `Q @ C`, or `Q.T @ C`, in place of C, `(m, n)`; the vectors of Q stand below the diagonal of `v`.
pub fn reflect<T: Real>(v: &[T], tau: &[T], c: &mut [T], m: usize, n: usize, transpose: bool) {
    let k = tau.len();
    if m == 0 || n == 0 {
        return;
    }
    let width = v.len() / m;
    for step in 0..k {
        let j = if transpose { step } else { k - 1 - step };
        let one = |i: usize| if i == j { T::of(1.0) } else { v[i * width + j] };
        let column: Vec<T> = (j..m).map(one).collect();
        apply(&mut c[j * n..], n, 0, &column, tau[j]);
    }
}
