//! Layer normalisation: a mean and a variance for each row. Two sweeps over a row in either direction, the second from
//! L1; the gradients of weight and bias are summed in the second, over blocks of rows that depend on the shape only.

use super::{Affine, GRAIN, Grads, Moments, PIECE, Saved, column_sums};
use crate::backend::cpu::lanes::{LANES, RUNS, ask_ahead, sums};
use crate::dtype::Real;
use crate::parallel::{Out, rows};
use crate::simd::{prefetch, vectorize};

/// A contiguous tensor of `rows * width` elements with one mean and one variance per row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    pub rows: usize,
    pub width: usize,
}

/// `y = (x - mean) * rstd * weight + bias` per row, with the mean and `rstd = 1 / sqrt(var + eps)` of that row, which
/// are returned for the backward pass.
pub fn layer_norm<T: Real>(
    d: Rows,
    x: &[T],
    affine: Affine<T>,
    eps: f64,
    y: &mut [T],
    mean: &mut [T],
    rstd: &mut [T],
) {
    let (mean, rstd) = (Out::new(mean), Out::new(rstd));
    per_row(
        d,
        y,
        #[inline(always)]
        |row, y| {
            let x = &x[row * d.width..][..d.width];
            let all = x.chunks(PIECE).fold(Moments::default(), |all, x| all.join(Moments::of(x)));
            let (m, r) = (T::of(all.mean), T::of(all.invstd(eps)));
            // SAFETY: every row is worked on by one thread.
            unsafe {
                mean.range(row..row + 1)[0] = m;
                rstd.range(row..row + 1)[0] = r;
            }
            ask_ahead(x, d.width);
            match (affine.weight, affine.bias) {
                (None, None) => {
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y = (x - m) * r;
                    }
                }
                (Some(w), None) => {
                    for (y, (&x, &w)) in y.iter_mut().zip(x.iter().zip(w)) {
                        *y = (x - m) * r * w;
                    }
                }
                (None, Some(b)) => {
                    for (y, (&x, &b)) in y.iter_mut().zip(x.iter().zip(b)) {
                        *y = (x - m) * r + b;
                    }
                }
                (Some(w), Some(b)) => {
                    for (y, (&x, (&w, &b))) in y.iter_mut().zip(x.iter().zip(w.iter().zip(b))) {
                        *y = (x - m) * r * w + b;
                    }
                }
            }
        },
    );
}

/// The gradients of `layer_norm`. With `g = dy * weight` and `xhat = (x - mean) * rstd`:
/// `dx = rstd * (g - mean(g) - xhat * mean(g * xhat))`, `dweight = sum(dy * xhat)`, `dbias = sum(dy)` over the rows.
pub fn layer_norm_backward<T: Real>(d: Rows, saved: Saved<T, T>, dy: &[T], grads: Grads<T>) {
    let ones = saved.weight.is_none().then(|| vec![T::ONE; d.width]);
    let weight = saved.weight.or(ones.as_deref()).unwrap_or_default();
    let dx = grads.dx.map(Out::new);
    let sums = column_sums::<T>(
        d.rows,
        d.width,
        #[inline(always)]
        |rows, sums, products| {
            let mut spare = vec![T::ZERO; if dx.is_none() { d.width } else { 0 }];
            for row in rows {
                let at = row * d.width..(row + 1) * d.width;
                let dx = match &dx {
                    // SAFETY: every row is worked on once, by one thread.
                    Some(dx) => unsafe { dx.range(at.clone()) },
                    None => &mut spare[..],
                };
                let (x, dy, mean, rstd) = (&saved.x[at.clone()], &dy[at], saved.mean[row], saved.invstd[row]);
                let slope = Slope::of(x, dy, weight, mean, rstd);
                row_backward(slope, [x, dy, weight], sums, products, dx);
            }
        },
    );
    if let Some(dweight) = grads.dweight {
        for (dw, sum) in dweight.iter_mut().zip(&sums) {
            *dw = T::of(sum[1]);
        }
    }
    if let Some(dbias) = grads.dbias {
        for (db, sum) in dbias.iter_mut().zip(&sums) {
            *db = T::of(sum[0]);
        }
    }
}

/// `dx = rstd * dy * weight + slope * (x - mean) + shift` of a row.
#[derive(Clone, Copy)]
struct Slope<T> {
    mean: T,
    rstd: T,
    slope: T,
    shift: T,
}

impl<T: Real> Slope<T> {
    #[inline(always)]
    fn of(x: &[T], dy: &[T], weight: &[T], mean: T, rstd: T) -> Self {
        // The products of a piece stay in L1.
        let (mut along, mut across) = (0.0, 0.0);
        let mut products = [T::ZERO; LANES * RUNS];
        let pieces = x.chunks(products.len()).zip(dy.chunks(products.len()));
        for ((x, dy), w) in pieces.zip(weight.chunks(products.len())) {
            let products = &mut products[..x.len()];
            multiply(dy, w, products);
            let [sum, product] = sums(
                x,
                products,
                #[inline(always)]
                |x, g| [g, g * (x - mean)],
            );
            (along, across) = (along + sum, across + product);
        }
        let (n, r) = (x.len() as f64, rstd.to_f64());
        Slope { mean, rstd, slope: T::of(-(r * r * r) * across / n), shift: T::of(-r * along / n) }
    }

    #[inline(always)]
    fn step(&self, x: T, dy: T, w: T, sum: &mut T, product: &mut T, dx: &mut T) {
        let (x, g) = (x - self.mean, dy * self.rstd);
        *sum += dy;
        *product += g * x;
        *dx = g * w + (self.slope * x + self.shift);
    }
}

/// `out = a * b`
#[inline(always)]
fn multiply<T: Real>(a: &[T], b: &[T], out: &mut [T]) {
    vectorize(
        #[inline(always)]
        || {
            for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = a * b;
            }
        },
    );
}

/// The gradient of a row, and what it adds to the sums over the rows: of `dy` and of `dy * xhat`. A function of its own
/// (see `simd`): in that of the rows the compiler takes the lanes apart.
#[inline(always)]
fn row_backward<T: Real>(
    slope: Slope<T>,
    [x, dy, w]: [&[T]; 3],
    sums: &mut [T],
    products: &mut [T],
    dx: &mut [T],
) {
    vectorize(
        #[inline(always)]
        || {
            let ((xs, x_rest), (dys, dy_rest)) = (x.as_chunks::<LANES>(), dy.as_chunks::<LANES>());
            let (ws, w_rest) = w.as_chunks::<LANES>();
            let (sums, sum_rest) = sums.as_chunks_mut::<LANES>();
            let (products, product_rest) = products.as_chunks_mut::<LANES>();
            let (dxs, dx_rest) = dx.as_chunks_mut::<LANES>();
            let outs = sums.iter_mut().zip(products).zip(dxs);
            for (((x, dy), w), ((sums, products), dxs)) in xs.iter().zip(dys).zip(ws).zip(outs) {
                // The row that comes next.
                prefetch(x.as_ptr().wrapping_add(xs.len() * LANES));
                prefetch(dy.as_ptr().wrapping_add(xs.len() * LANES));
                let (mut s, mut p, mut d) = (*sums, *products, [T::ZERO; LANES]);
                for j in 0..LANES {
                    slope.step(x[j], dy[j], w[j], &mut s[j], &mut p[j], &mut d[j]);
                }
                (*sums, *products, *dxs) = (s, p, d);
            }
            let outs = sum_rest.iter_mut().zip(product_rest).zip(dx_rest);
            for (((&x, &dy), &w), ((sum, product), dx)) in x_rest.iter().zip(dy_rest).zip(w_rest).zip(outs) {
                slope.step(x, dy, w, sum, product, dx);
            }
        },
    );
}

/// Every row of `out`: `f(row, elements)`.
#[inline(always)]
fn per_row<T: Real>(d: Rows, out: &mut [T], f: impl Fn(usize, &mut [T]) + Sync) {
    rows(out, d.width, GRAIN.div_ceil(d.width.max(1)), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, y) in block.chunks_exact_mut(d.width).enumerate() {
                    f(first + i, y);
                }
            },
        )
    });
}
