//! Eigenvalues of symmetric matrices: to tridiagonal form by reflections, then the QL iteration with implicit shifts.

use super::reflect::{apply, reflector};
use super::{axpy, dot, swap_rows, two_rows};

/// Iterations allowed for one value.
const PATIENCE: usize = 60;

/// `a`, both triangles given, becomes its eigenvectors (as columns), `w` the eigenvalues in ascending order. Gives 0, or
/// the number of values that were not found.
pub fn eigh(a: &mut [f64], n: usize, w: &mut [f64], vectors: bool) -> i32 {
    if n == 0 {
        return 0;
    }
    if a.iter().any(|x| !x.is_finite()) {
        return n as i32;
    }
    let mut beside = vec![0.0; n];
    let mut basis = tridiagonal(a, n, w, &mut beside, vectors);
    let info = iterate(w, &mut beside, &mut basis, n);
    for i in 0..n {
        let least = (i..n).min_by(|&x, &y| w[x].total_cmp(&w[y])).unwrap_or(i);
        w.swap(i, least);
        if vectors {
            swap_rows(&mut basis, n, i, least);
        }
    }
    if vectors {
        for i in 0..n {
            for j in 0..n {
                a[i * n + j] = basis[j * n + i];
            }
        }
    }
    info
}

/// `A = Q @ T @ Q.T`: the diagonals of T, and the rows of `Q.T`.
fn tridiagonal(a: &mut [f64], n: usize, d: &mut [f64], e: &mut [f64], vectors: bool) -> Vec<f64> {
    let mut basis = vec![0.0; if vectors { n * n } else { 0 }];
    for i in 0..if vectors { n } else { 0 } {
        basis[i * n + i] = 1.0;
    }
    for k in 0..n {
        d[k] = a[k * n + k];
        if k + 1 == n {
            break;
        }
        // The row is the column, by symmetry.
        let mut v = a[k * n + k + 1..(k + 1) * n].to_vec();
        let (beta, tau) = reflector(v[0], &mut v[1..]);
        e[k] = beta;
        v[0] = 1.0;
        if tau == 0.0 {
            continue;
        }
        let rows = |i: usize| (k + 1 + i) * n + k + 1..(k + 2 + i) * n;
        let mut p: Vec<f64> = (0..v.len()).map(|i| tau * dot(&a[rows(i)], &v)).collect();
        let half = -0.5 * tau * dot(&p, &v);
        axpy(half, &v, &mut p);
        for i in 0..v.len() {
            let row = &mut a[rows(i)];
            axpy(-v[i], &p, row);
            axpy(-p[i], &v, row);
        }
        if vectors {
            apply(&mut basis[(k + 1) * n..], n, 0, &v, tau);
        }
    }
    basis
}

/// Diagonalise the tridiagonal matrix; the rows of `basis` are turned along.
fn iterate(d: &mut [f64], e: &mut [f64], basis: &mut [f64], n: usize) -> i32 {
    for low in 0..n {
        for round in 0.. {
            let small = |m: &usize| e[*m].abs() <= f64::EPSILON * (d[*m].abs() + d[*m + 1].abs());
            let m = (low..n - 1).find(small).unwrap_or(n - 1);
            if m == low {
                break;
            }
            if round == PATIENCE {
                return (n - low) as i32;
            }
            // The shift is the eigenvalue of the leading pair that is nearer to its first element.
            let g = (d[low + 1] - d[low]) / (2.0 * e[low]);
            let r = g.hypot(1.0);
            let mut g = d[m] - d[low] + e[low] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut early = false;
            for i in (low..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                let r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    early = true;
                    break;
                }
                s = f / r;
                c = g / r;
                let at = d[i + 1] - p;
                let t = (d[i] - at) * s + 2.0 * c * b;
                p = s * t;
                d[i + 1] = at + p;
                g = c * t - b;
                if !basis.is_empty() {
                    let (x, y) = two_rows(basis, n, i, i + 1);
                    turn(x, y, c, -s);
                }
            }
            if !early {
                d[low] -= p;
                e[low] = g;
                e[m] = 0.0;
            }
        }
    }
    0
}

/// `(x, y) = (c x + s y, c y - s x)`
pub fn turn(x: &mut [f64], y: &mut [f64], c: f64, s: f64) {
    for (x, y) in x.iter_mut().zip(y) {
        (*x, *y) = (c * *x + s * *y, c * *y - s * *x);
    }
}
