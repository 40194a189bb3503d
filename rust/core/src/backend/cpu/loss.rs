//! Losses on class indices: negative log likelihood, and cross entropy fused with its log-softmax.
//!
//! The scores are `n x classes x inner`, contiguous, the targets `n x inner`. One sample is one target. Paths of cross
//! entropy:
//!   inner == 1 -> a row at a time: maximum and sum of exponentials, nothing of the size of the scores is stored
//!   inner > 1  -> the same down columns, `LANES` samples side by side
//! The losses of the samples are added in order, in f64. `tests::naive` is the definition.

use crate::backend::cpu::lanes::ask_ahead;
use crate::backend::cpu::math;
use crate::backend::cpu::softmax::{exponential_sum, maximum};
use crate::dtype::Real;
use crate::parallel::{Out, chunks, rows};
use crate::simd::vectorize;

/// What becomes of the losses of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    None,
    Mean,
    Sum,
}

/// A loss on class indices: sizes, the weight of each class, and the target that does not count.
#[derive(Debug, Clone, Copy)]
pub struct Classes<'a, T> {
    pub n: usize,
    pub classes: usize,
    pub inner: usize,
    pub target: &'a [i64],
    pub weight: Option<&'a [T]>,
    pub ignore_index: i64,
    pub reduction: Reduction,
}

/// A target that is no class: what PyTorch reports as `Target {0} is out of bounds.`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfBounds(pub i64);

const GRAIN: usize = 8192;
const LANES: usize = 16;

impl<T: Real> Classes<'_, T> {
    pub fn samples(&self) -> usize {
        self.n * self.inner
    }

    /// Every target is a class or ignored.
    fn check(&self) -> Result<(), OutOfBounds> {
        let classes = self.classes as u64;
        match self.target.iter().find(|&&t| t as u64 >= classes && t != self.ignore_index) {
            Some(&t) => Err(OutOfBounds(t)),
            None => Ok(()),
        }
    }

    /// The class of a sample and its weight; `None` if it is ignored.
    #[inline(always)]
    fn class(&self, sample: usize) -> Option<(usize, T)> {
        let target = self.target[sample];
        if target == self.ignore_index {
            return None;
        }
        Some((target as usize, self.weight.map_or(T::ONE, |w| w[target as usize])))
    }

    /// Where the score of a sample for a class stands.
    #[inline(always)]
    fn at(&self, sample: usize, class: usize) -> usize {
        (sample / self.inner * self.classes + class) * self.inner + sample % self.inner
    }

    /// Put the losses of the samples together: into `y` one by one, or as one number. Returns the total weight.
    fn reduce(&self, loss: impl Fn(usize, usize, T) -> T, y: &mut [T]) -> T {
        if self.reduction == Reduction::None {
            for (sample, y) in y.iter_mut().enumerate() {
                *y = self.class(sample).map_or(T::ZERO, |(class, w)| loss(sample, class, w));
            }
            return T::ZERO;
        }
        let (mut sum, mut weight) = (0.0, 0.0);
        for sample in 0..self.samples() {
            if let Some((class, w)) = self.class(sample) {
                sum += loss(sample, class, w).to_f64();
                weight += w.to_f64();
            }
        }
        y[0] = T::of(if self.reduction == Reduction::Mean { sum / weight } else { sum });
        T::of(weight)
    }

    /// The factor of a sample's gradient: that of `y`, over the total weight for a mean.
    #[inline(always)]
    fn factor(&self, dy: &[T], total_weight: T, sample: usize) -> T {
        match self.reduction {
            Reduction::None => dy[sample],
            Reduction::Sum => dy[0],
            Reduction::Mean => dy[0] / total_weight,
        }
    }
}

/// `-weight[target] * x[target]` of every sample, reduced into `y` (one element, or one per sample without reduction).
/// Returns the total weight, which `nll_backward` wants (0 without reduction).
pub fn nll<T: Real>(d: Classes<T>, x: &[T], y: &mut [T]) -> Result<T, OutOfBounds> {
    d.check()?;
    Ok(d.reduce(|sample, class, w| -w * x[d.at(sample, class)], y))
}

/// `dx = -weight[target] * dy` at the target of each sample and 0 elsewhere; over the total weight for a mean.
pub fn nll_backward<T: Real>(
    d: Classes<T>,
    dy: &[T],
    total_weight: T,
    dx: &mut [T],
) -> Result<(), OutOfBounds> {
    d.check()?;
    rows(dx, 1, GRAIN, |_, block| block.fill(T::ZERO));
    for sample in 0..d.samples() {
        if let Some((class, w)) = d.class(sample) {
            dx[d.at(sample, class)] = -w * d.factor(dy, total_weight, sample);
        }
    }
    Ok(())
}

/// `weight[target] * (ln(sum(exp(x))) - x[target])` of every sample, reduced into `y`. Returns the total weight.
///
/// Keeps in `lse`, for the backward pass, the maximum `m` of each sample and behind all of them `ln(sum(exp(x - m)))`:
/// in one number the logarithm would be lost beside a large maximum.
pub fn cross_entropy<T: Real>(d: Classes<T>, x: &[T], lse: &mut [T], y: &mut [T]) -> Result<T, OutOfBounds> {
    d.check()?;
    let (max, log) = lse.split_at_mut(d.samples());
    log_sum_exp(d, x, max, log);
    Ok(d.reduce(|sample, class, w| w * (log[sample] - (x[d.at(sample, class)] - max[sample])), y))
}

/// `dx = (exp(x - lse) - onehot(target)) * weight[target] * dy`, with `lse` in two parts as `cross_entropy` keeps it;
/// over the total weight for a mean.
pub fn cross_entropy_backward<T: Real>(
    d: Classes<T>,
    x: &[T],
    lse: &[T],
    dy: &[T],
    total_weight: T,
    dx: &mut [T],
) -> Result<(), OutOfBounds> {
    d.check()?;
    let scale = |sample| d.class(sample).map(|(class, w)| (class, w * d.factor(dy, total_weight, sample)));
    let plane = d.classes * d.inner;
    let (max, log) = lse.split_at(d.samples());
    rows(dx, plane, GRAIN.div_ceil(plane.max(1)), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, dx) in block.chunks_exact_mut(plane).enumerate() {
                    let n = first + i;
                    let x = &x[n * plane..][..plane];
                    if d.inner == 1 {
                        match scale(n) {
                            None => dx.fill(T::ZERO),
                            Some((class, scale)) => {
                                let (max, log) = (max[n], log[n]);
                                for (dx, &x) in dx.iter_mut().zip(x) {
                                    *dx = math::exp_below(x - max - log) * scale;
                                }
                                dx[class] -= scale;
                            }
                        }
                        continue;
                    }
                    let scales: Vec<T> = (0..d.inner)
                        .map(|j| scale(n * d.inner + j).map_or(T::ZERO, |(_, scale)| scale))
                        .collect();
                    let max = &max[n * d.inner..][..d.inner];
                    let log = &log[n * d.inner..][..d.inner];
                    for (dx, x) in dx.chunks_exact_mut(d.inner).zip(x.chunks_exact(d.inner)) {
                        for j in 0..d.inner {
                            // A sample that does not count gives 0 even where its scores are not finite.
                            let p = math::exp_below(x[j] - max[j] - log[j]) * scales[j];
                            dx[j] = if scales[j] == T::ZERO { T::ZERO } else { p };
                        }
                    }
                    for j in 0..d.inner {
                        if let Some((class, scale)) = scale(n * d.inner + j) {
                            dx[class * d.inner + j] -= scale;
                        }
                    }
                }
            },
        )
    });
    Ok(())
}

/// The largest score `m` of every sample, and `ln(sum(exp(x - m)))` over its classes.
fn log_sum_exp<T: Real>(d: Classes<T>, x: &[T], max: &mut [T], log: &mut [T]) {
    let (max_out, log_out) = (Out::new(max), Out::new(log));
    let across = d.inner.div_ceil(LANES);
    let grain = GRAIN.div_ceil(d.classes.max(1) * d.inner.clamp(1, LANES));
    chunks(d.n * across, grain, |range| {
        vectorize(
            #[inline(always)]
            || {
                for i in range {
                    let (n, first) = (i / across, i % across * LANES);
                    let width = LANES.min(d.inner - first);
                    let place = n * d.inner + first..n * d.inner + first + width;
                    // SAFETY: every block of samples is worked on by one thread.
                    let (max_out, log_out) = unsafe { (max_out.range(place.clone()), log_out.range(place)) };
                    let x = &x[n * d.classes * d.inner..][..d.classes * d.inner];
                    if d.inner == 1 {
                        (max_out[0], log_out[0]) = of_row(x);
                        continue;
                    }
                    let mut max = [T::NEG_INFINITY; LANES];
                    for row in x.chunks_exact(d.inner) {
                        for j in 0..width {
                            max[j] = row[first + j].max_num(max[j]);
                        }
                    }
                    let mut sum = [T::ZERO; LANES];
                    for row in x.chunks_exact(d.inner) {
                        for j in 0..width {
                            sum[j] += math::exp_below(row[first + j] - max[j]);
                        }
                    }
                    for j in 0..width {
                        (max_out[j], log_out[j]) = (max[j], sum[j].ln());
                    }
                }
            },
        )
    });
}

#[inline(always)]
fn of_row<T: Real>(x: &[T]) -> (T, T) {
    let max = maximum(x);
    ask_ahead(x, x.len());
    (max, exponential_sum(x, max).ln())
}

#[cfg(test)]
mod tests;
