//! Singular values: to bidiagonal form by reflections, then the QR iteration with implicit shifts (Golub and Kahan
//! 1965; Golub and Van Loan, Matrix Computations, 8.6).

use super::eigen::turn;
use super::reflect::{apply, reflect, reflector};
use super::{axpy, dot, swap_rows, two_rows};

/// Iterations allowed for one value.
const PATIENCE: usize = 75;

/// The matrix, and how many left and right vectors are wanted.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub rows: usize,
    pub cols: usize,
    pub left: usize,
    pub right: usize,
}

/// `u` is `(rows, left)`, `vh` is `(right, cols)`; values descend.
pub struct Found {
    pub u: Vec<f64>,
    pub values: Vec<f64>,
    pub vh: Vec<f64>,
}

fn transposed(a: &[f64], rows: usize, cols: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(a.len());
    for j in 0..cols {
        out.extend((0..rows).map(|i| a[i * cols + j]));
    }
    out
}

/// The parts, and 0 or the number of values that were not found.
pub fn svd(a: &[f64], z: Sizes) -> (Found, i32) {
    if z.rows < z.cols {
        let flipped = Sizes { rows: z.cols, cols: z.rows, left: z.right, right: z.left };
        let (f, info) = svd(&transposed(a, z.rows, z.cols), flipped);
        let u = transposed(&f.vh, z.left, if z.left > 0 { z.rows } else { 0 });
        let vh = transposed(&f.u, if z.right > 0 { z.cols } else { 0 }, z.right);
        return (Found { u, values: f.values, vh }, info);
    }
    let (m, n) = (z.rows, z.cols);
    let top = a.iter().fold(0.0f64, |t, x| t.max(x.abs()));
    let finite = a.iter().all(|x| x.is_finite());
    let scale = if top > 0.0 && finite { top } else { 1.0 };
    let mut b: Vec<f64> = a.iter().map(|x| if finite { x / scale } else { 0.0 }).collect();
    let mut s = Bidiagonal::of(&mut b, m, n, z.left, z.right);
    let failed = s.iterate();
    s.sort();
    let u = transposed(&s.u, z.left, if z.left > 0 { m } else { 0 });
    let values = s.d.iter().map(|d| d * scale).collect();
    (Found { u, values, vh: s.v }, if finite { failed } else { n as i32 + 1 })
}

/// The two diagonals, and both bases by rows.
struct Bidiagonal {
    d: Vec<f64>,
    e: Vec<f64>,
    u: Vec<f64>,
    v: Vec<f64>,
    m: usize,
    n: usize,
}

/// The rotation that turns `(a, b)` into `(r, 0)`.
fn rotation(a: f64, b: f64) -> (f64, f64, f64) {
    let r = a.hypot(b);
    if r == 0.0 { (1.0, 0.0, 0.0) } else { (a / r, b / r, r) }
}

/// The rows of `basis` numbered `i` and `j` under a rotation.
fn turn_rows(basis: &mut [f64], width: usize, i: usize, j: usize, c: f64, s: f64) {
    if basis.is_empty() {
        return;
    }
    let (low, high) = two_rows(basis, width, i.min(j), i.max(j));
    if i < j { turn(low, high, c, s) } else { turn(high, low, c, s) }
}

/// The first `count` rows of the transposed product of reflections, whose vectors are the columns of `v`.
fn basis(v: &[f64], tau: &[f64], size: usize, count: usize) -> Vec<f64> {
    let mut q = vec![0.0; size * count];
    for i in 0..count {
        q[i * count + i] = 1.0;
    }
    reflect(v, tau, &mut q, size, count, false);
    transposed(&q, if count > 0 { size } else { 0 }, count)
}

impl Bidiagonal {
    fn of(a: &mut [f64], m: usize, n: usize, left: usize, right: usize) -> Bidiagonal {
        let (mut d, mut e) = (vec![0.0; n], vec![0.0; n]);
        let mut tau_left = vec![0.0; n];
        let mut tau_right = vec![0.0; n];
        // Column k + 1 of the right vectors holds reflection k; the first row and column are those of the identity.
        let mut vectors = vec![0.0; n * n];
        for k in 0..n {
            let mut v: Vec<f64> = (k..m).map(|i| a[i * n + k]).collect();
            let (beta, tau) = reflector(v[0], &mut v[1..]);
            (d[k], tau_left[k], v[0]) = (beta, tau, 1.0);
            apply(&mut a[k * n..], n, k + 1, &v, tau);
            for i in k + 1..m {
                a[i * n + k] = v[i - k];
            }
            if k + 1 == n {
                break;
            }
            let mut v = a[k * n + k + 1..(k + 1) * n].to_vec();
            let (beta, tau) = reflector(v[0], &mut v[1..]);
            (e[k], tau_right[k + 1], v[0]) = (beta, tau, 1.0);
            for i in k + 1..m {
                let row = &mut a[i * n + k + 1..(i + 1) * n];
                axpy(-tau * dot(row, &v), &v, row);
            }
            for i in k + 1..n {
                vectors[i * n + k + 1] = v[i - k - 1];
            }
        }
        let u = basis(a, &tau_left, m, left);
        let v = basis(&vectors, &tau_right, n, right);
        Bidiagonal { d, e, u, v, m, n }
    }

    fn turn_left(&mut self, i: usize, j: usize, c: f64, s: f64) {
        turn_rows(&mut self.u, self.m, i, j, c, s);
    }

    fn turn_right(&mut self, i: usize, j: usize, c: f64, s: f64) {
        turn_rows(&mut self.v, self.n, i, j, c, s);
    }

    fn iterate(&mut self) -> i32 {
        let Some(mut high) = self.n.checked_sub(1) else { return 0 };
        let size = (0..self.n).fold(0.0f64, |t, i| t.max(self.d[i].abs()).max(self.e[i].abs()));
        let tiny = f64::EPSILON * f64::EPSILON * size;
        let mut rounds = 0;
        while high > 0 {
            let gone = |l: usize| {
                let near = self.d[l].abs() + self.d[l + 1].abs();
                self.e[l].abs() <= f64::EPSILON * near || self.e[l].abs() <= tiny
            };
            let cut = (0..high).rev().find(|&l| gone(l));
            if let Some(cut) = cut {
                self.e[cut] = 0.0;
            }
            let low = cut.map_or(0, |cut| cut + 1);
            if low == high {
                high -= 1;
                rounds = 0;
                continue;
            }
            rounds += 1;
            if rounds > PATIENCE {
                return high as i32;
            }
            if let Some(i) = (low..high).find(|&i| self.d[i].abs() <= tiny) {
                self.clear_row(i, high);
            } else if self.d[high].abs() <= tiny {
                self.clear_column(low, high);
            } else {
                self.step(low, high);
            }
        }
        0
    }

    /// A zero on the diagonal: its row is turned away.
    fn clear_row(&mut self, i: usize, high: usize) {
        self.d[i] = 0.0;
        let mut f = std::mem::take(&mut self.e[i]);
        for j in i + 1..=high {
            let (c, s, r) = rotation(self.d[j], f);
            self.d[j] = r;
            if j < high {
                f = -s * self.e[j];
                self.e[j] *= c;
            }
            self.turn_left(j, i, c, s);
        }
    }

    /// A zero at the end of the diagonal: its column is turned away.
    fn clear_column(&mut self, low: usize, high: usize) {
        self.d[high] = 0.0;
        let mut f = std::mem::take(&mut self.e[high - 1]);
        for j in (low..high).rev() {
            let (c, s, r) = rotation(self.d[j], f);
            self.d[j] = r;
            if j > low {
                f = -s * self.e[j - 1];
                self.e[j - 1] *= c;
            }
            self.turn_right(j, high, c, s);
        }
    }

    /// One sweep, shifted by the eigenvalue of the last pair of `B.T @ B` that is nearer to its last element.
    fn step(&mut self, low: usize, high: usize) {
        let before = if high >= low + 2 { self.e[high - 2] } else { 0.0 };
        let (dm, dn, em) = (self.d[high - 1], self.d[high], self.e[high - 1]);
        let (first, cross, last) = (dm * dm + before * before, dm * em, dn * dn + em * em);
        let half = (first - last) / 2.0;
        let away = half.abs() + half.hypot(cross);
        let shift = if away == 0.0 { last } else { last - (cross * cross / away).copysign(half) };
        let mut y = self.d[low] * self.d[low] - shift;
        let mut z = self.d[low] * self.e[low];
        for k in low..high {
            let (c, s, r) = rotation(y, z);
            if k > low {
                self.e[k - 1] = r;
            }
            let (d, e, next) = (self.d[k], self.e[k], self.d[k + 1]);
            (self.d[k], self.e[k], self.d[k + 1]) = (c * d + s * e, c * e - s * d, c * next);
            self.turn_right(k, k + 1, c, s);
            let (c, t, r) = rotation(self.d[k], s * next);
            let (e, next) = (self.e[k], self.d[k + 1]);
            (self.d[k], self.e[k], self.d[k + 1]) = (r, c * e + t * next, c * next - t * e);
            self.turn_left(k, k + 1, c, t);
            if k + 1 < high {
                (y, z) = (self.e[k], t * self.e[k + 1]);
                self.e[k + 1] *= c;
            }
        }
    }

    /// Values positive and descending.
    fn sort(&mut self) {
        let n = self.n;
        for i in 0..n {
            if self.d[i] < 0.0 {
                self.d[i] = -self.d[i];
                if !self.v.is_empty() {
                    self.v[i * n..(i + 1) * n].iter_mut().for_each(|x| *x = -*x);
                }
            }
        }
        for i in 0..n {
            let most = (i..n).max_by(|&x, &y| self.d[x].total_cmp(&self.d[y]).then(y.cmp(&x))).unwrap_or(i);
            self.d.swap(i, most);
            if !self.u.is_empty() {
                swap_rows(&mut self.u, self.m, i, most);
            }
            if !self.v.is_empty() {
                swap_rows(&mut self.v, n, i, most);
            }
        }
    }
}
