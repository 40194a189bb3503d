//! Attention of heads: `softmax(scale * q @ k.T) @ v`, a block of queries at a time.
//!
//! The scores of a block stay in the second cache: they are made, weighed and multiplied with the values before the
//! next block's. With `causal` a block only meets the keys that its last query may see. What is kept for the gradient
//! is the logarithm of each query's sum, from which the weights are made again (Dao et al., arXiv 2205.14135, without
//! its cut of the keys: a block has few queries where there are many keys).
//!
//! TASKS: heads and blocks of queries; in the gradient heads, because the queries of one add to the same keys.
//! `tests::naive` is the definition.

use std::ops::Range;

use super::gemm::{Gemm, Mat, MatMut, gemm};
use super::lanes::sums;
use super::math;
use super::softmax::weigh;
use crate::backend::View;
use crate::dtype::{Element, Real};
use crate::parallel::{Out, tasks};
use crate::simd::vectorize;

/// Numbers in the scores of a block.
const SCORES: usize = 32768;
/// The fewest and the most queries of a block: keys are packed once for each, and half of those that a causal block's
/// last query sees are in vain.
const FEWEST: usize = 16;
const MOST: usize = 64;

/// What is asked of attention beyond its operands.
#[derive(Debug, Clone, Copy)]
pub struct Attend {
    pub scale: f64,
    /// Query i sees keys 0 to i.
    pub causal: bool,
}

/// Queries, keys and values, `(batch, heads, length, features)` of any strides.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub q: View<'a>,
    pub k: View<'a>,
    pub v: View<'a>,
}

/// Some rows of head `i`.
fn rows<'a, T: Element>(x: View<'a>, i: usize, rows: Range<usize>) -> Mat<'a, T> {
    let strides = &x.layout.strides;
    // SAFETY: the rows are inside the layout, which lies inside the storage.
    unsafe {
        let data = start::<T>(x, i).add(rows.start * strides[2]);
        Mat::from_ptr(data, rows.len(), x.layout.shape[3], strides[2] as isize, strides[3] as isize)
    }
}

/// The same, to write.
///
/// # Safety
/// Nobody else touches these rows.
unsafe fn rows_mut<'a, T: Element>(x: View<'a>, i: usize, rows: Range<usize>) -> MatMut<'a, T> {
    let strides = &x.layout.strides;
    // SAFETY: as above, and the caller's promise.
    unsafe {
        let data = start::<T>(x, i).add(rows.start * strides[2]);
        MatMut::from_ptr(data, rows.len(), x.layout.shape[3], strides[2] as isize, strides[3] as isize)
    }
}

/// The first number of head `i`.
fn start<T: Element>(x: View, i: usize) -> *mut T {
    let (l, heads) = (x.layout, x.layout.shape[1]);
    // SAFETY: a head of the layout, which lies inside the storage.
    unsafe { x.storage.ptr().cast::<T>().add(l.offset + i / heads * l.strides[0] + i % heads * l.strides[1]) }
}

impl Asked<'_> {
    /// Heads of all samples, queries, keys.
    fn sizes(&self) -> [usize; 3] {
        let shape = &self.q.layout.shape;
        [shape[0] * shape[1], shape[2], self.k.layout.shape[2]]
    }
}

impl Attend {
    /// Blocks of queries, and the keys that each of them meets.
    fn blocks(self, queries: usize, keys: usize) -> impl Fn(usize) -> (Range<usize>, usize) {
        let size = Self::block(keys);
        move |block| {
            let queries = block * size..((block + 1) * size).min(queries);
            let keys = if self.causal { keys.min(queries.end) } else { keys };
            (queries, keys)
        }
    }

    fn block(keys: usize) -> usize {
        (SCORES / keys).clamp(FEWEST, MOST)
    }

    /// How many of the `keys` of a block the query sees.
    #[inline(always)]
    fn seen(self, query: usize, keys: usize) -> usize {
        if self.causal { keys.min(query + 1) } else { keys }
    }
}

/// `out = softmax(scale * q @ k.T) @ v`, and in `logs`, a row for each head, the logarithms of the sums.
pub fn forward<T: Real + Gemm>(how: Attend, x: Asked, out: View, logs: &mut [T]) {
    let [heads, queries, keys] = x.sizes();
    assert_eq!(logs.len(), heads * queries, "attention: a logarithm for each query");
    let (scale, of) = (T::of(how.scale), how.blocks(queries, keys));
    let blocks = queries.div_ceil(Attend::block(keys));
    let logs = Out::new(logs);
    tasks(heads * blocks, |task| {
        let (i, (block, keys)) = (task / blocks, of(task % blocks));
        let mut scores = vec![T::ZERO; block.len() * keys];
        gemm(rows(x.q, i, block.clone()), rows(x.k, i, 0..keys).t(), square(&mut scores, keys), false);
        // SAFETY: every head and block is worked on by one thread.
        let logs = unsafe { logs.range(i * queries + block.start..i * queries + block.end) };
        vectorize(
            #[inline(always)]
            || {
                for (j, row) in scores.chunks_exact_mut(keys).enumerate() {
                    let (seen, hidden) = row.split_at_mut(how.seen(block.start + j, keys));
                    logs[j] = weigh(seen, scale);
                    hidden.fill(T::ZERO);
                }
            },
        );
        // SAFETY: as above.
        let out = unsafe { rows_mut(out, i, block.clone()) };
        gemm(Mat::new(&scores, block.len(), keys, keys, 1), rows(x.v, i, 0..keys), out, false);
    });
}

/// The gradients of queries, keys and values, contiguous, from that of the result; the numbers of a row of `out` and
/// `dout` lie side by side.
pub fn backward<T: Real + Gemm>(how: Attend, x: Asked, out: View, logs: &[T], dout: View, to: Asked) {
    let [heads, queries, keys] = x.sizes();
    let (scale, of) = (T::of(how.scale), how.blocks(queries, keys));
    let features = out.layout.shape[3];
    let line = |x: View, i: usize, row: usize| {
        // SAFETY: a row of the layout, whose numbers lie side by side.
        unsafe { std::slice::from_raw_parts(start::<T>(x, i).add(row * x.layout.strides[2]), features) }
    };
    tasks(heads, |i| {
        // SAFETY: every head is worked on by one thread, and the gradients are contiguous.
        unsafe {
            for x in [to.k, to.v] {
                std::slice::from_raw_parts_mut(start::<T>(x, i), keys * x.layout.shape[3]).fill(T::ZERO);
            }
        }
        let all = Attend::block(keys) * keys;
        let (mut weights, mut slopes) = (vec![T::ZERO; all], vec![T::ZERO; all]);
        for (block, keys) in (0..queries.div_ceil(Attend::block(keys))).map(&of) {
            let (n, len) = (block.len(), block.len() * keys);
            let (weights, slopes) = (&mut weights[..len], &mut slopes[..len]);
            let (q, g) = (rows(x.q, i, block.clone()), rows(dout, i, block.clone()));
            gemm(q, rows(x.k, i, 0..keys).t(), square(weights, keys), false);
            gemm(g, rows(x.v, i, 0..keys).t(), square(slopes, keys), false);
            vectorize(
                #[inline(always)]
                || {
                    let each = weights.chunks_exact_mut(keys).zip(slopes.chunks_exact_mut(keys));
                    for (row, (weights, slopes)) in block.clone().zip(each) {
                        let log = logs[i * queries + row];
                        let [mean] = sums(
                            line(out, i, row),
                            line(dout, i, row),
                            #[inline(always)]
                            |y, g| [y * g],
                        );
                        let (mean, seen) = (T::of(mean), how.seen(row, keys));
                        for (w, s) in weights[..seen].iter_mut().zip(&mut slopes[..seen]) {
                            *w = math::exp_below(*w * scale - log);
                            *s = *w * (*s - mean) * scale;
                        }
                        weights[seen..].fill(T::ZERO);
                        slopes[seen..].fill(T::ZERO);
                    }
                },
            );
            let (weights, slopes) = (Mat::new(weights, n, keys, keys, 1), Mat::new(slopes, n, keys, keys, 1));
            // SAFETY: as above.
            let (dq, dk, dv) =
                unsafe { (rows_mut(to.q, i, block), rows_mut(to.k, i, 0..keys), rows_mut(to.v, i, 0..keys)) };
            gemm(weights.t(), g, dv, true);
            gemm(slopes, rows(x.k, i, 0..keys), dq, false);
            gemm(slopes.t(), q, dk, true);
        }
    });
}

fn square<T>(data: &mut [T], cols: usize) -> MatMut<'_, T> {
    let rows = data.len() / cols;
    MatMut::new(data, rows, cols, cols, 1)
}

#[cfg(test)]
mod tests;
