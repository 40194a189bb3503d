//! Batch normalisation and layer normalisation, forward and backward; `groups` has group normalisation.
//!
//! Batch norm sees `n x c x inner` and works per channel:
//!   inner > 1  -> a plane (or 4096 elements of it) at a time: its mean, then the squares about that mean, from L1;
//!                 the pieces are joined in order, so there is one pass over memory and no cancellation
//!   inner == 1 -> blocks of channels walk down the rows, one lane each, in two passes
//! Layer norm sees `rows x width` and works per row, two passes in L1; the gradients of its weight and bias are summed
//! beside that of a row, over blocks of rows that depend on the shape only.
//! Statistics are kept in f64. `tests::naive_*` are the definitions.

mod groups;

pub use groups::{Groups, group_norm, group_norm_backward};

use crate::backend::cpu::lanes::{LANES, sums};
use crate::dtype::Real;
use crate::parallel::{Out, chunks, rows, tasks};
use crate::simd::vectorize;

/// A contiguous tensor of `n * c * inner` elements with one mean and one variance per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    pub n: usize,
    pub c: usize,
    pub inner: usize,
}

/// A contiguous tensor of `rows * width` elements with one mean and one variance per row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    pub rows: usize,
    pub width: usize,
}

/// What a normalisation was given besides `x`: the scale and shift it applied, if any.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a, T> {
    pub weight: Option<&'a [T]>,
    pub bias: Option<&'a [T]>,
}

/// What the backward pass reads of the forward pass; `S` is the type of the statistics.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a, T, S> {
    pub x: &'a [T],
    pub mean: &'a [S],
    pub invstd: &'a [S],
    pub weight: Option<&'a [T]>,
}

/// The gradients to compute; the ones that are `None` are left out.
#[derive(Debug)]
pub struct Grads<'a, T> {
    pub dx: Option<&'a mut [T]>,
    pub dweight: Option<&'a mut [T]>,
    pub dbias: Option<&'a mut [T]>,
}

/// Elements of a plane that are summed before they join the rest: they stay in L1 between the two sums.
const PIECE: usize = 4096;
/// Elements a thread should take at a time.
const GRAIN: usize = 16384;

/// Count, mean and sum of squares about the mean of some numbers.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    #[inline(always)]
    fn of<T: Real>(x: &[T]) -> Self {
        let count = x.len() as f64;
        // Summed about the first number: a mean far from zero costs no digits.
        let origin = x[0];
        let [shift] = sums(
            x,
            x,
            #[inline(always)]
            |x, _| [x - origin],
        );
        let mean = T::of(origin.to_f64() + shift / count);
        let [rest, squares] = sums(
            x,
            x,
            #[inline(always)]
            |x, _| [x - mean, (x - mean) * (x - mean)],
        );
        let squares = squares - rest * rest / count;
        Moments { count, mean: mean.to_f64() + rest / count, squares }
    }

    /// The moments of both sets together.
    #[inline(always)]
    fn join(self, other: Self) -> Self {
        if self.count == 0.0 || other.count == 0.0 {
            return if self.count == 0.0 { other } else { self };
        }
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        Moments {
            count,
            mean: self.mean + apart * (other.count / count),
            squares: self.squares + other.squares + apart * apart * (self.count * other.count / count),
        }
    }
}

/// Mean and biased variance of every channel.
pub fn batch_norm_stats<T: Real>(d: Channels, x: &[T], mean: &mut [f64], var: &mut [f64]) {
    if d.n * d.inner == 0 {
        mean.fill(f64::NAN);
        var.fill(f64::NAN);
        return;
    }
    if d.inner == 1 {
        return column_stats(d, x, mean, var);
    }
    let mut planes = vec![Moments::default(); d.n * d.c];
    rows(&mut planes, 1, GRAIN.div_ceil(d.inner), |first, planes| {
        vectorize(
            #[inline(always)]
            || {
                for (i, plane) in planes.iter_mut().enumerate() {
                    let x = &x[(first + i) * d.inner..][..d.inner];
                    *plane = x.chunks(PIECE).fold(Moments::default(), |all, x| all.join(Moments::of(x)));
                }
            },
        )
    });
    for (c, (mean, var)) in mean.iter_mut().zip(var).enumerate() {
        let all = (0..d.n).fold(Moments::default(), |all, n| all.join(planes[n * d.c + c]));
        (*mean, *var) = (all.mean, all.squares / all.count);
    }
}

/// As `batch_norm_stats` for `n` rows of `c` numbers.
fn column_stats<T: Real>(d: Channels, x: &[T], mean: &mut [f64], var: &mut [f64]) {
    let (mean, var) = (Out::new(mean), Out::new(var));
    chunks(d.c.div_ceil(LANES), GRAIN.div_ceil(d.n * LANES), |range| {
        vectorize(
            #[inline(always)]
            || {
                for first in range.map(|block| block * LANES) {
                    let width = LANES.min(d.c - first);
                    let down = |from: [f64; LANES], squared: bool| {
                        let mut sums = [0.0; LANES];
                        for n in 0..d.n {
                            let x = &x[n * d.c + first..][..width];
                            for j in 0..width {
                                let x = x[j].to_f64() - from[j];
                                sums[j] += if squared { x * x } else { x };
                            }
                        }
                        sums.map(|s| s / d.n as f64)
                    };
                    let means = down([0.0; LANES], false);
                    let vars = down(means, true);
                    // SAFETY: blocks of channels are disjoint, and each is worked on by one thread.
                    let (mean, var) =
                        unsafe { (mean.range(first..first + width), var.range(first..first + width)) };
                    mean.copy_from_slice(&means[..width]);
                    var.copy_from_slice(&vars[..width]);
                }
            },
        )
    });
}

/// `y = (x - mean) * invstd * weight + bias` per channel. Training passes the statistics of the batch, evaluation the
/// running ones; `invstd` is `1 / sqrt(var + eps)`.
pub fn batch_norm<T: Real>(
    d: Channels,
    x: &[T],
    mean: &[f64],
    invstd: &[f64],
    affine: Affine<T>,
    y: &mut [T],
) {
    let (scale, shift): (Vec<T>, Vec<T>) = (0..d.c)
        .map(|c| {
            let scale = invstd[c] * affine.weight.map_or(1.0, |w| w[c].to_f64());
            let shift = affine.bias.map_or(0.0, |b| b[c].to_f64()) - mean[c] * scale;
            (T::of(scale), T::of(shift))
        })
        .unzip();
    per_channel(
        d,
        y,
        #[inline(always)]
        |at, c, y| {
            let (x, scale, shift) = (&x[at..at + y.len()], &scale[c..], &shift[c..]);
            if d.inner == 1 {
                for (i, y) in y.iter_mut().enumerate() {
                    *y = x[i] * scale[i] + shift[i];
                }
            } else {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = x * scale[0] + shift[0];
                }
            }
        },
    );
}

/// Hand out `out` in pieces of one channel: `f(offset, channel, piece)`. With `inner == 1` a piece is a whole row that
/// begins with channel 0.
#[inline(always)]
fn per_channel<T: Real>(d: Channels, out: &mut [T], f: impl Fn(usize, usize, &mut [T]) + Sync) {
    let (width, period) = if d.inner == 1 { (d.c, 1) } else { (d.inner, d.c) };
    rows(out, width, GRAIN.div_ceil(width.max(1)), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, piece) in block.chunks_exact_mut(width).enumerate() {
                    f((first + i) * width, (first + i) % period, piece);
                }
            },
        )
    });
}

/// The gradients of `batch_norm`. With `train` the statistics came from `x` itself and pass gradients on to it:
/// `dx = weight * invstd * (dy - mean(dy) - xhat * mean(dy * xhat))`; otherwise `dx = weight * invstd * dy`.
/// `dweight = sum(dy * xhat)`, `dbias = sum(dy)`, with `xhat = (x - mean) * invstd`.
pub fn batch_norm_backward<T: Real>(
    d: Channels,
    saved: Saved<T, f64>,
    dy: &[T],
    train: bool,
    grads: Grads<T>,
) {
    let Saved { x, mean, invstd, weight } = saved;
    let needs_sums = (train && grads.dx.is_some()) || grads.dweight.is_some() || grads.dbias.is_some();
    let sums = if needs_sums { batch_norm_sums(d, x, dy, mean) } else { vec![[0.0; 2]; d.c] };
    if let Some(dweight) = grads.dweight {
        for c in 0..d.c {
            dweight[c] = T::of(sums[c][1] * invstd[c]);
        }
    }
    if let Some(dbias) = grads.dbias {
        for c in 0..d.c {
            dbias[c] = T::of(sums[c][0]);
        }
    }
    let Some(dx) = grads.dx else { return };
    // dx = a * dy + b * (x - mean) + k, with the numbers of the channel put together once.
    let count = (d.n * d.inner) as f64;
    let numbers: Vec<[T; 4]> = (0..d.c)
        .map(|c| {
            let a = invstd[c] * weight.map_or(1.0, |w| w[c].to_f64());
            let (b, k) = match train {
                true => (-a * invstd[c] * invstd[c] * sums[c][1] / count, -a * sums[c][0] / count),
                false => (0.0, 0.0),
            };
            [a, b, k, mean[c]].map(T::of)
        })
        .collect();
    per_channel(
        d,
        dx,
        #[inline(always)]
        |at, c, dx| {
            let both = x[at..at + dx.len()].iter().zip(&dy[at..at + dx.len()]);
            if d.inner == 1 {
                for ((dx, (&x, &dy)), &[a, b, k, mean]) in dx.iter_mut().zip(both).zip(&numbers) {
                    *dx = if train { a * dy + (b * (x - mean) + k) } else { a * dy };
                }
                return;
            }
            let [a, b, k, mean] = numbers[c];
            if train {
                for (dx, (&x, &dy)) in dx.iter_mut().zip(both) {
                    *dx = a * dy + (b * (x - mean) + k);
                }
            } else {
                for (dx, (_, &dy)) in dx.iter_mut().zip(both) {
                    *dx = a * dy;
                }
            }
        },
    );
}

/// Per channel the sums of `dy` and of `dy * (x - mean)`.
fn batch_norm_sums<T: Real>(d: Channels, x: &[T], dy: &[T], mean: &[f64]) -> Vec<[f64; 2]> {
    let mean: Vec<T> = mean.iter().map(|&m| T::of(m)).collect();
    if d.inner == 1 {
        return column_sums::<T>(
            d.n,
            d.c,
            #[inline(always)]
            |row, sums, products| {
                let (x, dy) = (&x[row * d.c..][..d.c], &dy[row * d.c..][..d.c]);
                let terms = x.iter().zip(dy).zip(&mean);
                for ((sum, product), ((&x, &dy), &mean)) in sums.iter_mut().zip(products).zip(terms) {
                    *sum += dy;
                    *product += dy * (x - mean);
                }
            },
        );
    }
    let mut planes = vec![[0.0; 2]; d.n * d.c];
    if d.inner > 0 {
        rows(&mut planes, 1, GRAIN.div_ceil(d.inner), |first, planes| {
            vectorize(
                #[inline(always)]
                || {
                    for (i, plane) in planes.iter_mut().enumerate() {
                        let at = (first + i) * d.inner;
                        let (x, dy) = (&x[at..at + d.inner], &dy[at..at + d.inner]);
                        let mean = mean[(first + i) % d.c];
                        *plane = sums(
                            dy,
                            x,
                            #[inline(always)]
                            |dy, x| [dy, dy * (x - mean)],
                        );
                    }
                },
            )
        });
    }
    let mut sums = vec![[0.0; 2]; d.c];
    for row in planes.chunks_exact(d.c.max(1)) {
        for (sum, plane) in sums.iter_mut().zip(row) {
            sum[0] += plane[0];
            sum[1] += plane[1];
        }
    }
    sums
}

/// Two sums down every column of `n` rows of `width` numbers: `f(row, sums, products)` adds the terms of a row, each
/// row once. Blocks of rows are summed apart and joined in order.
#[inline(always)]
fn column_sums<T: Real>(
    n: usize,
    width: usize,
    f: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) -> Vec<[f64; 2]> {
    const BLOCK: usize = 64;
    let mut sums = vec![[0.0; 2]; width];
    // Rows of one piece: enough to be worth a thread, and few enough pieces that joining them is cheap.
    let tall = BLOCK * n.div_ceil(BLOCK).div_ceil(16).max(GRAIN.div_ceil(BLOCK * width.max(1)));
    let pieces = n.div_ceil(tall);
    let mut parts = vec![[0.0; 2]; pieces * width];
    let out = Out::new(&mut parts);
    tasks(pieces, |piece| {
        // SAFETY: each piece has a part of its own, worked on by one thread.
        let all = unsafe { out.range(piece * width..(piece + 1) * width) };
        let mut block = vec![T::ZERO; 2 * width];
        vectorize(
            #[inline(always)]
            || {
                let (sums, products) = block.split_at_mut(width);
                let end = ((piece + 1) * tall).min(n);
                for first in (piece * tall..end).step_by(BLOCK) {
                    sums.fill(T::ZERO);
                    products.fill(T::ZERO);
                    for row in first..(first + BLOCK).min(end) {
                        f(row, sums, products);
                    }
                    for ((all, sum), product) in all.iter_mut().zip(&*sums).zip(&*products) {
                        all[0] += sum.to_f64();
                        all[1] += product.to_f64();
                    }
                }
            },
        )
    });
    for part in parts.chunks_exact(width.max(1)) {
        for (sum, part) in sums.iter_mut().zip(part) {
            sum[0] += part[0];
            sum[1] += part[1];
        }
    }
    sums
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
            let (m, r) = (T::of(all.mean), T::of(1.0 / (all.squares / all.count + eps).sqrt()));
            // SAFETY: every row is worked on by one thread.
            unsafe {
                mean.range(row..row + 1)[0] = m;
                rstd.range(row..row + 1)[0] = r;
            }
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
    let Saved { x, mean, invstd: rstd, weight } = saved;
    let dx = grads.dx;
    if grads.dweight.is_none() && grads.dbias.is_none() {
        let Some(dx) = dx else { return };
        return per_row(
            d,
            dx,
            #[inline(always)]
            |row, dx| {
                let at = row * d.width..(row + 1) * d.width;
                row_backward(&x[at.clone()], &dy[at], mean[row], rstd[row], weight, dx);
            },
        );
    }
    let dx = dx.map(Out::new);
    let sums = column_sums::<T>(
        d.rows,
        d.width,
        #[inline(always)]
        |row, sums, products| {
            let at = row * d.width..(row + 1) * d.width;
            let (x, dy, m, r) = (&x[at.clone()], &dy[at.clone()], mean[row], rstd[row]);
            for ((sum, product), (&x, &dy)) in sums.iter_mut().zip(products).zip(x.iter().zip(dy)) {
                *sum += dy;
                *product += dy * ((x - m) * r);
            }
            // While the row is in the first cache.
            if let Some(dx) = &dx {
                // SAFETY: every row is worked on once, by one thread.
                row_backward(x, dy, m, r, weight, unsafe { dx.range(at) });
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

/// The gradient of one row; `dx` holds `dy * weight` in between.
#[inline(always)]
fn row_backward<T: Real>(x: &[T], dy: &[T], m: T, r: T, weight: Option<&[T]>, dx: &mut [T]) {
    match weight {
        Some(w) => {
            for ((g, &dy), &w) in dx.iter_mut().zip(dy).zip(w) {
                *g = dy * w;
            }
        }
        None => dx.copy_from_slice(dy),
    }
    let [along, across] = sums(
        dx,
        x,
        #[inline(always)]
        |g, x| [g, g * ((x - m) * r)],
    );
    let n = dx.len() as f64;
    let (along, across) = (T::of(along / n), T::of(across / n));
    for (g, &x) in dx.iter_mut().zip(x) {
        *g = r * (*g - along - (x - m) * r * across);
    }
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

#[cfg(test)]
mod tests;
