//! Batch normalisation, forward and backward, and what the others share: `layer` has layer normalisation, `groups`
//! group normalisation.
//!
//! Batch norm sees `n x c x inner` and works per channel:
//!   inner > 1  -> a plane (or 4096 elements of it) at a time: sum and squares about a number near the mean, or in a second
//!                 pass about the mean itself; the pieces are joined in order, so there is no cancellation
//!   inner == 1 -> blocks of channels walk down the rows, one lane each, in two passes
//! Statistics are kept in f64. `tests::naive_*` are the definitions.

mod groups;
mod layer;

pub use groups::{Groups, group_norm, group_norm_backward};
pub use layer::{Rows, layer_norm, layer_norm_backward};

use std::ops::Range;

use crate::backend::cpu::lanes::{LANES, ask_ahead, join, sums};
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
    /// `1 / sqrt(var + eps)`
    #[inline(always)]
    fn invstd(&self, eps: f64) -> f64 {
        (self.count / (self.squares + eps * self.count)).sqrt()
    }

    /// Summed about a number near the mean: a mean far from zero costs no digits.
    #[inline(always)]
    fn of<T: Real>(x: &[T]) -> Self {
        if x.len() >= LANES {
            let chunks = x.as_chunks::<LANES>().0;
            let (count, origin) = (x.len() as f64, join(&chunks[chunks.len() / 2]) / T::of(LANES as f64));
            let [shift, squares] = sums(
                x,
                x,
                #[inline(always)]
                |x, _| [x - origin, (x - origin) * (x - origin)],
            );
            // One division, which waits for no sum.
            let share = 1.0 / count;
            let apart = shift * (shift * share);
            // Where that number lies within a standard deviation, the difference loses a bit at most.
            if apart <= squares - apart {
                return Moments { count, mean: origin.to_f64() + shift * share, squares: squares - apart };
            }
        }
        Moments::in_two_passes(x)
    }

    /// First the mean, then the squares about it.
    fn in_two_passes<T: Real>(x: &[T]) -> Self {
        let (count, origin) = (x.len() as f64, x[0]);
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
                    ask_ahead(x, d.inner);
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

/// The sums of `dy` and of `dy * (x - mean)`.
#[inline(always)]
fn plane_sums<T: Real>(x: &[T], dy: &[T], mean: T) -> [f64; 2] {
    sums(
        dy,
        x,
        #[inline(always)]
        |dy, x| [dy, dy * (x - mean)],
    )
}

/// Per channel the sums of `dy` and of `dy * (x - mean)`.
fn batch_norm_sums<T: Real>(d: Channels, x: &[T], dy: &[T], mean: &[f64]) -> Vec<[f64; 2]> {
    let mean: Vec<T> = mean.iter().map(|&m| T::of(m)).collect();
    if d.inner == 1 {
        return column_sums::<T>(
            d.n,
            d.c,
            #[inline(always)]
            |rows, sums, products| {
                for row in rows {
                    let (x, dy) = (&x[row * d.c..][..d.c], &dy[row * d.c..][..d.c]);
                    let terms = x.iter().zip(dy).zip(&mean);
                    let all = sums.iter_mut().zip(products.iter_mut());
                    for ((sum, product), ((&x, &dy), &mean)) in all.zip(terms) {
                        *sum += dy;
                        *product += dy * (x - mean);
                    }
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
                        *plane = plane_sums(x, dy, mean[(first + i) % d.c]);
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

/// Two sums down every column of `n` rows of `width` numbers: `f(rows, sums, products)` adds the terms of some rows,
/// each row once. Blocks of rows are summed apart and joined in order.
#[inline(always)]
fn column_sums<T: Real>(
    n: usize,
    width: usize,
    f: impl Fn(Range<usize>, &mut [T], &mut [T]) + Sync,
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
                    f(first..(first + BLOCK).min(end), sums, products);
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

#[cfg(test)]
mod tests;
