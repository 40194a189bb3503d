//! Another size along one axis: every output is a weighted sum of neighbouring inputs.
//!
//! The tensor is seen as `(outer, size, inner)`. `Taps` holds, for each output, the window of inputs it reads and their
//! weights; the transposed taps are taps too, so one kernel serves a resize and its gradient. Paths:
//!   inner > 1  -> rows of `inner` numbers are scaled and added, side by side in vectors
//!   inner == 1 -> a short dot product per output; windows of the same length go over some rows at a time
//! Threads own rows of the output.

use std::ops::Range;

use crate::dtype::Real;
use crate::parallel::{GRAIN, rows};
use crate::simd::vectorize;

/// A linear map from `n_in` to `n_out` numbers whose rows are short windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Taps {
    n_in: usize,
    /// First input of each window.
    starts: Vec<usize>,
    /// Window `o` has the weights `cuts[o]..cuts[o + 1]`.
    cuts: Vec<usize>,
    weights: Vec<f64>,
}

impl Taps {
    /// From each output's first input and weights.
    pub fn new(n_in: usize, windows: impl Iterator<Item = (usize, Vec<f64>)>) -> Taps {
        let mut taps = Taps { n_in, starts: vec![], cuts: vec![0], weights: vec![] };
        for (start, weights) in windows {
            debug_assert!(start + weights.len() <= n_in, "a window past the end");
            taps.starts.push(start);
            taps.weights.extend(weights);
            taps.cuts.push(taps.weights.len());
        }
        taps
    }

    pub fn n_in(&self) -> usize {
        self.n_in
    }

    pub fn n_out(&self) -> usize {
        self.starts.len()
    }

    fn window(&self, o: usize) -> (usize, Range<usize>) {
        (self.starts[o], self.cuts[o]..self.cuts[o + 1])
    }

    /// Whether outputs are the inputs.
    pub fn is_identity(&self) -> bool {
        self.n_in == self.n_out()
            && self.starts.iter().enumerate().all(|(o, &s)| s == o)
            && self.weights.len() == self.n_in
            && self.weights.iter().all(|&w| w == 1.0)
    }

    /// The same weights rounded to multiples of a power of two that fit 16 bits, as images of bytes are resized.
    pub fn quantised(&self) -> Taps {
        let most = self.weights.iter().fold(0.0, |a: f64, &w| a.max(w));
        let fits = |bits: u32| (0.5 + most * f64::from(1u32 << (bits + 1))) as i64 >= 1 << 15;
        let unit = f64::from(1u32 << (0..22).find(|&bits| fits(bits)).unwrap_or(22));
        let round = |w: &f64| (w * unit + 0.5f64.copysign(*w)).trunc() / unit;
        Taps { weights: self.weights.iter().map(round).collect(), ..self.clone() }
    }

    /// The transpose: from outputs to inputs. Windows stay short as long as they move one way, which they do.
    pub fn transposed(&self) -> Taps {
        let mut spans = vec![(usize::MAX, 0usize); self.n_in];
        for o in 0..self.n_out() {
            let (start, cut) = self.window(o);
            for span in &mut spans[start..start + cut.len()] {
                *span = (span.0.min(o), o + 1);
            }
        }
        let mut weights: Vec<Vec<f64>> = spans.iter().map(|s| vec![0.0; s.1.saturating_sub(s.0)]).collect();
        for o in 0..self.n_out() {
            let (start, cut) = self.window(o);
            for (i, w) in (start..).zip(cut) {
                weights[i][o - spans[i].0] = self.weights[w];
            }
        }
        let starts = spans.into_iter().map(|s| if s.1 == 0 { 0 } else { s.0 });
        Taps::new(self.n_out(), starts.zip(weights))
    }

    fn widest(&self) -> usize {
        self.cuts.windows(2).map(|c| c[1] - c[0]).max().unwrap_or(0)
    }
}

/// `y[a, o, b] = sum over the window of o of weight * x[a, i, b]`.
pub fn resample<T: Real>(taps: &Taps, inner: usize, x: &[T], y: &mut [T]) {
    let weights: Vec<T> = taps.weights.iter().map(|&w| T::of(w)).collect();
    let n_out = taps.n_out();
    if inner == 1 {
        return match taps.widest() {
            1 => lines::<T, 1>(taps, &weights, x, y),
            2 => lines::<T, 2>(taps, &weights, x, y),
            3 => lines::<T, 3>(taps, &weights, x, y),
            4 => lines::<T, 4>(taps, &weights, x, y),
            _ => lines::<T, 5>(taps, &weights, x, y),
        };
    }
    let n_in = taps.n_in;
    let grain = GRAIN.div_ceil((inner * taps.widest().max(1)).max(1));
    rows(y, inner, grain, |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, y) in block.chunks_exact_mut(inner).enumerate() {
                    let (a, o) = ((first + i) / n_out, (first + i) % n_out);
                    let (start, cut) = taps.window(o);
                    let x = &x[(a * n_in + start) * inner..];
                    match &weights[cut] {
                        [] => y.fill(T::ZERO),
                        &[w] if w == T::ONE => y.copy_from_slice(&x[..inner]),
                        &[v, w] => {
                            let (x, next) = (&x[..inner], &x[inner..2 * inner]);
                            for ((y, &a), &b) in y.iter_mut().zip(x).zip(next) {
                                *y = v * a + w * b;
                            }
                        }
                        [w, rest @ ..] => {
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y = *w * x);
                            for (&w, x) in rest.iter().zip(x.chunks_exact(inner).skip(1)) {
                                y.iter_mut().zip(x).for_each(|(y, &x)| *y += w * x);
                            }
                        }
                    }
                }
            },
        )
    });
}

/// The rows of `y` where one number follows the other: windows of `N` inputs go over several rows at a time, those of
/// other lengths (at the borders, or of wide filters) over one.
fn lines<T: Real, const N: usize>(taps: &Taps, weights: &[T], x: &[T], y: &mut [T]) {
    const TOGETHER: usize = 4;
    let (n_in, n_out) = (taps.n_in, taps.n_out());
    let (mut same, mut others) = (vec![], vec![]);
    for o in 0..n_out {
        let (start, cut) = taps.window(o);
        match weights[cut.clone()].try_into() {
            Ok(w) if n_in.max(n_out) <= u32::MAX as usize => same.push((o as u32, start as u32, w)),
            _ => others.push((o, start, &weights[cut])),
        }
    }
    let grain = GRAIN.div_ceil((n_out * taps.widest().max(1)).max(1)).next_multiple_of(TOGETHER);
    rows(y, n_out, grain, |first, block| {
        let x = &x[first * n_in..][..block.len() / n_out * n_in];
        for (y, x) in block.chunks_mut(TOGETHER * n_out).zip(x.chunks(TOGETHER * n_in)) {
            if y.len() == TOGETHER * n_out {
                some_rows::<T, N, TOGETHER>([n_in, n_out], &same, x, y);
            } else {
                let each = y.chunks_exact_mut(n_out).zip(x.chunks_exact(n_in));
                each.for_each(|(y, x)| some_rows::<T, N, 1>([n_in, n_out], &same, x, y));
            }
            for (y, x) in y.chunks_exact_mut(n_out).zip(x.chunks_exact(n_in)) {
                for &(o, start, weights) in &others {
                    y[o] = weights.iter().zip(&x[start..]).fold(T::ZERO, |sum, (&w, &x)| sum + w * x);
                }
            }
        }
    });
}

/// `R` rows of windows: output, first input and weights.
#[inline(always)]
fn some_rows<T: Real, const N: usize, const R: usize>(
    [n_in, n_out]: [usize; 2],
    windows: &[(u32, u32, [T; N])],
    x: &[T],
    y: &mut [T],
) {
    let (x, y) = (&x[..R * n_in], &mut y[..R * n_out]);
    for &(o, start, w) in windows {
        for r in 0..R {
            let x = &x[r * n_in + start as usize..][..N];
            y[r * n_out + o as usize] = (1..N).fold(w[0] * x[0], |sum, k| sum + w[k] * x[k]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps() -> Taps {
        let windows = [(0, vec![1.0]), (0, vec![0.25, 0.75]), (2, vec![0.5, 0.25, 0.25]), (4, vec![])];
        Taps::new(5, windows.into_iter())
    }

    fn naive(taps: &Taps, inner: usize, x: &[f64]) -> Vec<f64> {
        let outer = x.len() / (taps.n_in * inner);
        let mut y = vec![0.0; outer * taps.n_out() * inner];
        for a in 0..outer {
            for o in 0..taps.n_out() {
                let (start, cut) = taps.window(o);
                for (i, w) in (start..).zip(cut) {
                    for b in 0..inner {
                        y[(a * taps.n_out() + o) * inner + b] +=
                            taps.weights[w] * x[(a * taps.n_in + i) * inner + b];
                    }
                }
            }
        }
        y
    }

    #[test]
    fn each_path_equals_the_naive_sum_and_its_transpose_is_one() {
        let pairs = Taps::new(5, [(0, vec![0.5, 0.5]), (3, vec![0.25, 0.75])].into_iter());
        let picks = Taps::new(5, [(0, vec![1.0]), (3, vec![1.0]), (4, vec![1.0])].into_iter());
        for taps in [taps(), pairs, picks] {
            for inner in [1, 3] {
                let x: Vec<f64> = (0..2 * 5 * inner).map(|i| (i * 7 % 11) as f64 - 4.0).collect();
                let mut y = vec![0.0; 2 * taps.n_out() * inner];
                resample(&taps, inner, &x, &mut y);
                assert_eq!(y, naive(&taps, inner, &x));
                // <A x, u> = <x, A' u>
                let u: Vec<f64> = (0..y.len()).map(|i| (i * 5 % 7) as f64 - 2.0).collect();
                let mut back = vec![0.0; x.len()];
                resample(&taps.transposed(), inner, &u, &mut back);
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                assert!((dot(&y, &u) - dot(&x, &back)).abs() < 1e-9);
            }
        }
    }
}
