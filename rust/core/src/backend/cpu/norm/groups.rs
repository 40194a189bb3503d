//! Group normalisation: one mean and one variance for each group of channels of each sample, a scale and a shift for
//! each channel. A group is worked on as a whole, so that it is read from memory once in either direction.

use super::{Affine, GRAIN, Grads, Moments, PIECE, Saved, plane_sums};
use crate::backend::cpu::lanes::{LANES, ask_ahead};
use crate::dtype::Real;
use crate::parallel::{Out, chunks, rows};
use crate::simd::vectorize;

/// A contiguous tensor of `n * groups * width * inner` elements; `width` channels make up a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    pub n: usize,
    pub groups: usize,
    pub width: usize,
    pub inner: usize,
}

impl Groups {
    /// Elements of a group.
    fn size(&self) -> usize {
        self.width * self.inner
    }

    /// The channels of group `i` of all groups of all samples.
    #[inline(always)]
    fn channels(&self, i: usize) -> std::ops::Range<usize> {
        let first = i % self.groups * self.width;
        first..first + self.width
    }
}

/// `y = (x - mean) * invstd * weight + bias`, with the mean and `invstd = 1 / sqrt(var + eps)` of each group, which are
/// returned for the backward pass.
pub fn group_norm<T: Real>(
    d: Groups,
    x: &[T],
    affine: Affine<T>,
    eps: f64,
    y: &mut [T],
    mean: &mut [f64],
    invstd: &mut [f64],
) {
    let (size, mean, invstd) = (d.size(), Out::new(mean), Out::new(invstd));
    rows(y, size, GRAIN.div_ceil(size.max(1)), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, y) in block.chunks_exact_mut(size).enumerate() {
                    let group = first + i;
                    let x = &x[group * size..][..size];
                    let all = x.chunks(PIECE).fold(Moments::default(), |all, x| all.join(Moments::of(x)));
                    let r = all.invstd(eps);
                    // SAFETY: every group is worked on by one thread.
                    unsafe {
                        mean.range(group..group + 1)[0] = all.mean;
                        invstd.range(group..group + 1)[0] = r;
                    }
                    let channels = y.chunks_exact_mut(d.inner).zip(x.chunks_exact(d.inner));
                    for (c, (y, x)) in d.channels(group).zip(channels) {
                        let scale = r * affine.weight.map_or(1.0, |w| w[c].to_f64());
                        let shift = affine.bias.map_or(0.0, |b| b[c].to_f64()) - all.mean * scale;
                        let (scale, shift) = (T::of(scale), T::of(shift));
                        ask_ahead(x, size);
                        for (y, &x) in y.iter_mut().zip(x) {
                            *y = x * scale + shift;
                        }
                    }
                }
            },
        )
    });
}

/// The gradients of `group_norm`, by the formula of `layer_norm_backward` with sums over each group.
pub fn group_norm_backward<T: Real>(d: Groups, saved: Saved<T, f64>, dy: &[T], grads: Grads<T>) {
    let Saved { x, mean, invstd, weight } = saved;
    let (size, count) = (d.size(), d.size() as f64);
    let dx = grads.dx.map(Out::new);
    // Per channel of each sample the sums of `dy` and of `dy * (x - mean)`.
    let mut parts = vec![[0.0; 2]; d.n * d.groups * d.width];
    let out = Out::new(&mut parts);
    chunks(d.n * d.groups, GRAIN.div_ceil(size.max(1)), |range| {
        vectorize(
            #[inline(always)]
            || {
                for group in range {
                    let at = group * size..(group + 1) * size;
                    // SAFETY: every group is worked on by one thread.
                    let own = unsafe { out.range(group * d.width..(group + 1) * d.width) };
                    let m = T::of(mean[group]);
                    let pairs = x[at.clone()].chunks_exact(d.inner).zip(dy[at.clone()].chunks_exact(d.inner));
                    let (mut along, mut across) = (0.0, 0.0);
                    for ((part, c), (x, dy)) in own.iter_mut().zip(d.channels(group)).zip(pairs.clone()) {
                        *part = channel_sums(x, dy, m);
                        let w = weight.map_or(1.0, |w| w[c].to_f64());
                        along += w * part[0];
                        across += w * part[1];
                    }
                    let Some(dx) = &dx else { continue };
                    // dx = a * dy + b * (x - mean) + k
                    let r = invstd[group];
                    let (b, k) = (T::of(-r * r * r * across / count), T::of(-r * along / count));
                    // SAFETY: as above.
                    let dx = unsafe { dx.range(at) };
                    for ((c, dx), (x, dy)) in d.channels(group).zip(dx.chunks_exact_mut(d.inner)).zip(pairs) {
                        let a = T::of(r * weight.map_or(1.0, |w| w[c].to_f64()));
                        for (dx, (&x, &dy)) in dx.iter_mut().zip(x.iter().zip(dy)) {
                            *dx = a * dy + (b * (x - m) + k);
                        }
                    }
                }
            },
        )
    });
    let channels = d.groups * d.width;
    let down = |c: usize, f: &dyn Fn(usize) -> f64| T::of((0..d.n).map(|n| f(n * channels + c)).sum());
    if let Some(dweight) = grads.dweight {
        for (c, dw) in dweight.iter_mut().enumerate() {
            *dw = down(c, &|i| parts[i][1] * invstd[i / d.width]);
        }
    }
    if let Some(dbias) = grads.dbias {
        for (c, db) in dbias.iter_mut().enumerate() {
            *db = down(c, &|i| parts[i][0]);
        }
    }
}

/// As `plane_sums`, without lanes where a plane does not fill them.
#[inline(always)]
fn channel_sums<T: Real>(x: &[T], dy: &[T], m: T) -> [f64; 2] {
    if x.len() >= LANES {
        return plane_sums(x, dy, m);
    }
    let mut sums = [0.0; 2];
    for (&x, &dy) in x.iter().zip(dy) {
        sums[0] += dy.to_f64();
        sums[1] += (dy * (x - m)).to_f64();
    }
    sums
}
