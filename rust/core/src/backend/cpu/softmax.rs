//! Softmax and log-softmax over one axis, and their derivatives.
//!
//! The tensor is seen as `outer x dim x inner`, contiguous. Paths:
//!   inner == 1 -> a row at a time: maximum, exponentials and their sum, scale; the row stays in L1
//!   inner > 1  -> blocks of `LANES` neighbouring columns walk down the axis together, one lane each
//! Sums go through `LANES` partial sums in a fixed order, so the result does not depend on the thread count.
//! `tests::naive` is the definition.

use crate::backend::cpu::lanes::{LANES, add_up, join, sums};
use crate::backend::cpu::math;
use crate::dtype::Real;
use crate::parallel::{Out, chunks, rows};
use crate::simd::vectorize;

/// The axis a function runs over: a contiguous tensor of `outer * dim * inner` elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    pub outer: usize,
    pub dim: usize,
    pub inner: usize,
}

impl Axis {
    /// The axis `dim` of a contiguous tensor of `shape`; a tensor without dimensions has one axis of size 1.
    pub fn of(shape: &[usize], dim: usize) -> Self {
        Axis {
            outer: shape.iter().take(dim).product(),
            dim: shape.get(dim).copied().unwrap_or(1),
            inner: shape.iter().skip(dim + 1).product(),
        }
    }

    pub fn len(&self) -> usize {
        self.outer * self.dim * self.inner
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Elements a thread should take at a time; exponentials cost more than memory.
const GRAIN: usize = 8192;

/// `y = exp(x) / sum(exp(x))`
pub fn softmax<T: Real>(axis: Axis, x: &[T], y: &mut [T]) {
    if axis.inner == 1 {
        return lines(
            axis,
            y,
            #[inline(always)]
            |at, y| {
                let x = &x[at..at + y.len()];
                let scale = T::ONE / exponentials(x, maximum(x), y);
                for y in y.iter_mut() {
                    *y *= scale;
                }
            },
        );
    }
    columns(
        axis,
        y,
        #[inline(always)]
        |block, y| {
            let (max, sum) = block.exponentials(x);
            block.write(
                y,
                #[inline(always)]
                |row, j| math::exp_below(x[row + j] - max[j]) / sum[j],
            );
        },
    );
}

/// `y = x - ln(sum(exp(x)))`
pub fn log_softmax<T: Real>(axis: Axis, x: &[T], y: &mut [T]) {
    if axis.inner == 1 {
        return lines(
            axis,
            y,
            #[inline(always)]
            |at, y| {
                let x = &x[at..at + y.len()];
                let max = maximum(x);
                let log = exponentials(x, max, y).ln();
                // Two steps, so that the logarithm is not lost beside a large maximum.
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = x - max - log;
                }
            },
        );
    }
    columns(
        axis,
        y,
        #[inline(always)]
        |block, y| {
            let (max, sum) = block.exponentials(x);
            let log = sum.map(T::ln);
            block.write(
                y,
                #[inline(always)]
                |row, j| x[row + j] - max[j] - log[j],
            );
        },
    );
}

/// `dx = y * (dy - sum(y * dy))` for `y = softmax(x)`
pub fn softmax_backward<T: Real>(axis: Axis, y: &[T], dy: &[T], dx: &mut [T]) {
    if axis.inner == 1 {
        return lines(
            axis,
            dx,
            #[inline(always)]
            |at, dx| {
                let (y, dy) = (&y[at..at + dx.len()], &dy[at..at + dx.len()]);
                let [dot] = sums(y, dy, |y, dy| [y * dy]);
                let dot = T::of(dot);
                for (dx, (&y, &dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                    *dx = y * (dy - dot);
                }
            },
        );
    }
    columns(
        axis,
        dx,
        #[inline(always)]
        |block, dx| {
            let mut dot = [T::ZERO; LANES];
            block.read(
                #[inline(always)]
                |row, j| dot[j] += y[row + j] * dy[row + j],
            );
            block.write(
                dx,
                #[inline(always)]
                |row, j| y[row + j] * (dy[row + j] - dot[j]),
            );
        },
    );
}

/// `dx = dy - exp(y) * sum(dy)` for `y = log_softmax(x)`
pub fn log_softmax_backward<T: Real>(axis: Axis, y: &[T], dy: &[T], dx: &mut [T]) {
    if axis.inner == 1 {
        return lines(
            axis,
            dx,
            #[inline(always)]
            |at, dx| {
                let (y, dy) = (&y[at..at + dx.len()], &dy[at..at + dx.len()]);
                let [sum] = sums(dy, dy, |dy, _| [dy]);
                let sum = T::of(sum);
                for (dx, (&y, &dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                    *dx = dy - math::exp(y) * sum;
                }
            },
        );
    }
    columns(
        axis,
        dx,
        #[inline(always)]
        |block, dx| {
            let mut sum = [T::ZERO; LANES];
            block.read(
                #[inline(always)]
                |row, j| sum[j] += dy[row + j],
            );
            block.write(
                dx,
                #[inline(always)]
                |row, j| dy[row + j] - math::exp(y[row + j]) * sum[j],
            );
        },
    );
}

/// Every row of a tensor whose axis is the last one: `f(offset, row of out)`.
#[inline(always)]
fn lines<T: Real>(axis: Axis, out: &mut [T], f: impl Fn(usize, &mut [T]) + Sync) {
    if axis.is_empty() {
        return;
    }
    rows(out, axis.dim, GRAIN.div_ceil(axis.dim), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, row) in block.chunks_exact_mut(axis.dim).enumerate() {
                    f((first + i) * axis.dim, row);
                }
            },
        )
    });
}

/// `width <= LANES` neighbouring columns of one outer index, the first element at `at`.
#[derive(Clone, Copy)]
struct Block {
    at: usize,
    width: usize,
    axis: Axis,
}

/// Every block of columns of a tensor whose axis is not the last one.
#[inline(always)]
fn columns<T: Real>(axis: Axis, out: &mut [T], f: impl Fn(Block, &Out<T>) + Sync) {
    if axis.is_empty() {
        return;
    }
    let across = axis.inner.div_ceil(LANES);
    let out = Out::new(out);
    let grain = GRAIN.div_ceil(axis.dim * LANES.min(axis.inner));
    chunks(axis.outer * across, grain, |range| {
        vectorize(
            #[inline(always)]
            || {
                for i in range {
                    let first = i % across * LANES;
                    let at = i / across * axis.dim * axis.inner + first;
                    let width = LANES.min(axis.inner - first);
                    f(Block { at, width, axis }, &out);
                }
            },
        )
    });
}

impl Block {
    /// Call `f(offset of the row's first element, column)` down the axis.
    #[inline(always)]
    fn read(self, mut f: impl FnMut(usize, usize)) {
        for k in 0..self.axis.dim {
            let row = self.at + k * self.axis.inner;
            for j in 0..self.width {
                f(row, j);
            }
        }
    }

    #[inline(always)]
    fn write<T: Real>(self, out: &Out<T>, f: impl Fn(usize, usize) -> T) {
        for k in 0..self.axis.dim {
            let row = self.at + k * self.axis.inner;
            // SAFETY: blocks are disjoint sets of columns, and each is worked on by one thread.
            let out = unsafe { out.range(row..row + self.width) };
            for j in 0..self.width {
                out[j] = f(row, j);
            }
        }
    }

    /// Per column the maximum `m` and the sum of `exp(x - m)`.
    #[inline(always)]
    fn exponentials<T: Real>(self, x: &[T]) -> ([T; LANES], [T; LANES]) {
        let mut max = [T::NEG_INFINITY; LANES];
        self.read(
            #[inline(always)]
            |row, j| max[j] = x[row + j].max_num(max[j]),
        );
        let mut sum = [T::ZERO; LANES];
        self.read(
            #[inline(always)]
            |row, j| sum[j] += math::exp_below(x[row + j] - max[j]),
        );
        (max, sum)
    }
}

/// The largest element that is not NaN; a NaN spoils the sum of exponentials instead.
#[inline(always)]
pub(super) fn maximum<T: Real>(x: &[T]) -> T {
    if x.len() < LANES {
        return x.iter().fold(T::NEG_INFINITY, |m, &x| x.max_num(m));
    }
    let mut lanes = [T::NEG_INFINITY; LANES];
    vectorize(
        #[inline(always)]
        || {
            let (xs, rest) = x.as_chunks::<LANES>();
            let mut best = lanes;
            for x in xs {
                for j in 0..LANES {
                    best[j] = x[j].max_num(best[j]);
                }
            }
            lanes = best;
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane = x.max_num(*lane);
            }
        },
    );
    largest(&lanes)
}

#[inline(never)]
fn largest<T: Real>(lanes: &[T; LANES]) -> T {
    let x: [T; 8] = std::array::from_fn(|j| lanes[j].max_num(lanes[j + 8]));
    let x: [T; 4] = std::array::from_fn(|j| x[j].max_num(x[j + 4]));
    x[0].max_num(x[2]).max_num(x[1].max_num(x[3]))
}

/// `y = exp(x - max)`; returns the sum of `y`.
#[inline(always)]
fn exponentials<T: Real>(x: &[T], max: T, y: &mut [T]) -> T {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = math::exp_below(x - max);
    }
    if y.len() < LANES {
        return y.iter().fold(T::ZERO, |sum, &y| sum + y);
    }
    let mut lanes = [T::ZERO; LANES];
    add_up(y, &mut lanes);
    join(&lanes)
}

/// `y = exp(scale * y) / sum(exp(scale * y))`; gives the logarithm of the sum, with which `exp(scale * y - log)` is the
/// same again.
#[inline(always)]
pub(super) fn weigh<T: Real>(y: &mut [T], scale: T) -> T {
    for y in y.iter_mut() {
        *y *= scale;
    }
    let max = maximum(y);
    for y in y.iter_mut() {
        *y = math::exp_below(*y - max);
    }
    let mut lanes = [T::ZERO; LANES];
    add_up(y, &mut lanes);
    let sum = join(&lanes);
    let inverse = T::ONE / sum;
    for y in y.iter_mut() {
        *y *= inverse;
    }
    max + math::ln(sum)
}

/// The sum of `exp(x - max)`.
#[inline(always)]
pub(super) fn exponential_sum<T: Real>(x: &[T], max: T) -> T {
    if x.len() < LANES {
        let mut buffer = [T::ZERO; LANES];
        return exponentials(x, max, &mut buffer[..x.len()]);
    }
    let mut lanes = [T::ZERO; LANES];
    vectorize(
        #[inline(always)]
        || {
            let (xs, rest) = x.as_chunks::<LANES>();
            let mut acc = lanes;
            for x in xs {
                for j in 0..LANES {
                    acc[j] += math::exp_below(x[j] - max);
                }
            }
            lanes = acc;
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane += math::exp_below(x - max);
            }
        },
    );
    join(&lanes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};

    const AXES: [(usize, usize, usize); 9] = [
        (0, 3, 1),
        (3, 0, 2),
        (1, 1, 1),
        (5, 10, 1),
        (2, 33, 1),
        (3, 1000, 1),
        (1, 7, 5),
        (4, 10, 35),
        (300, 16, 64),
    ];

    /// Softmax, its logarithm and both derivatives, in f64 with one accumulator.
    fn naive(a: Axis, x: &[f64], dy: &[f64]) -> [Vec<f64>; 4] {
        let mut out: [Vec<f64>; 4] = std::array::from_fn(|_| vec![0.0; x.len()]);
        for o in 0..a.outer {
            for i in 0..a.inner {
                let at: Vec<usize> = (0..a.dim).map(|k| (o * a.dim + k) * a.inner + i).collect();
                let max = at.iter().fold(f64::NEG_INFINITY, |m, &k| m.max(x[k]));
                let sum: f64 = at.iter().map(|&k| (x[k] - max).exp()).sum();
                let p = |k: usize| (x[k] - max).exp() / sum;
                let dot: f64 = at.iter().map(|&k| p(k) * dy[k]).sum();
                let all: f64 = at.iter().map(|&k| dy[k]).sum();
                for &k in &at {
                    out[0][k] = p(k);
                    out[1][k] = x[k] - max - sum.ln();
                    out[2][k] = p(k) * (dy[k] - dot);
                    out[3][k] = dy[k] - p(k) * all;
                }
            }
        }
        out
    }

    fn all<T: Real>(axis: Axis, x: &[T], dy: &[T]) -> [Vec<T>; 4] {
        let mut out: [Vec<T>; 4] = std::array::from_fn(|_| vec![T::ZERO; x.len()]);
        let [soft, log, dsoft, dlog] = &mut out;
        softmax(axis, x, soft);
        log_softmax(axis, x, log);
        softmax_backward(axis, soft, dy, dsoft);
        log_softmax_backward(axis, log, dy, dlog);
        out
    }

    fn compare<T: Real>(tolerance: f64) {
        for (outer, dim, inner) in AXES {
            let axis = Axis { outer, dim, inner };
            let (x, dy) = (numbers::<T>(axis.len(), 1), numbers::<T>(axis.len(), 2));
            let wide = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
            let got = same_for_any_thread_count(|| all(axis, &x, &dy));
            for (got, want) in got.iter().zip(naive(axis, &wide(&x), &wide(&dy))) {
                close(got, &want, tolerance, &format!("{axis:?}"));
            }
        }
    }

    #[test]
    fn equals_the_naive_twin() {
        compare::<f32>(2e-5);
        compare::<f64>(1e-12);
    }

    #[test]
    fn large_infinite_and_missing_numbers() {
        for inner in [1, 2] {
            let run = |x: [f32; 3]| {
                let axis = Axis { outer: 1, dim: 3, inner };
                let x: Vec<f32> = x.iter().flat_map(|&x| vec![x; inner]).collect();
                let mut y = vec![0.0; x.len()];
                softmax(axis, &x, &mut y);
                y.iter().step_by(inner).copied().collect::<Vec<_>>()
            };
            assert_eq!(run([1e38, 1e38, -1e38]), [0.5, 0.5, 0.0]);
            assert_eq!(run([f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY]), [0.0, 1.0, 0.0]);
            assert!(run([f32::NAN, 0.0, 1.0]).iter().all(|y| y.is_nan()));
            assert!(run([f32::NEG_INFINITY; 3]).iter().all(|y| y.is_nan()));
            assert!(run([f32::INFINITY, 0.0, 1.0]).iter().all(|y| y.is_nan()));
        }
    }
}
