//! Running folds along one axis: cumsum, cumprod, cummax, cummin, logcumsumexp.
//!
//! Paths: the axis is the last one -> `TOGETHER` rows at a time, so that the additions of one need not wait for each
//! other; else -> a tile of neighbouring columns walks down it together.
//! Every output has one accumulator that takes its elements in order; floats are kept in f64.
//! `tests::naive` is the definition.

use std::ops::Range;

use super::softmax::Axis;
use crate::dtype::Element;
use crate::parallel::{GRAIN, Out, chunks};

/// Columns that walk together.
const TILE: usize = 64;
/// Rows that walk together.
const TOGETHER: usize = 4;

/// Call `put(position, accumulator)` for every element: the accumulator starts as `first(x)` and goes on as
/// `step(accumulator, x, index along the axis)`.
#[inline(always)]
fn walk<T: Element, A: Copy>(
    axis: Axis,
    x: &[T],
    first: impl Fn(T) -> A + Sync,
    step: impl Fn(A, T, usize) -> A + Sync,
    put: impl Fn(usize, A) + Sync,
) {
    if axis.is_empty() {
        return;
    }
    let Axis { outer, dim, inner } = axis;
    if inner == 1 {
        return chunks(outer.div_ceil(TOGETHER), GRAIN.div_ceil(4 * dim * TOGETHER), |r: Range<usize>| {
            for i in r.start * TOGETHER..(r.end * TOGETHER).min(outer) {
                // A group that is not full goes row by row.
                match (i % TOGETHER, outer - i / TOGETHER * TOGETHER >= TOGETHER) {
                    (0, true) => lines::<T, A, TOGETHER>(i, dim, x, &first, &step, &put),
                    (_, true) => {}
                    (_, false) => lines::<T, A, 1>(i, dim, x, &first, &step, &put),
                }
            }
        });
    }
    let across = inner.div_ceil(TILE);
    let grain = GRAIN.div_ceil(4 * dim * TILE.min(inner));
    chunks(outer * across, grain, |r: Range<usize>| {
        for i in r {
            let at = i / across * dim * inner + i % across * TILE;
            let width = TILE.min(inner - i % across * TILE);
            let mut acc = [first(x[at]); TILE];
            for j in 0..width {
                acc[j] = first(x[at + j]);
                put(at + j, acc[j]);
            }
            for k in 1..dim {
                let row = at + k * inner;
                for j in 0..width {
                    acc[j] = step(acc[j], x[row + j], k);
                    put(row + j, acc[j]);
                }
            }
        }
    });
}

/// `R` rows of `dim` elements from row `from` on, in step.
#[inline(always)]
fn lines<T: Element, A: Copy, const R: usize>(
    from: usize,
    dim: usize,
    x: &[T],
    first: &impl Fn(T) -> A,
    step: &impl Fn(A, T, usize) -> A,
    put: &impl Fn(usize, A),
) {
    let rows: [&[T]; R] = std::array::from_fn(
        #[inline(always)]
        |i| &x[(from + i) * dim..][..dim],
    );
    let mut acc = rows.map(
        #[inline(always)]
        |row| first(row[0]),
    );
    (0..R).for_each(|i| put((from + i) * dim, acc[i]));
    for k in 1..dim {
        for i in 0..R {
            acc[i] = step(acc[i], rows[i][k], k);
            put((from + i) * dim + k, acc[i]);
        }
    }
}

/// Writes single elements from several threads.
#[inline(always)]
fn set<T>(out: &Out<T>, at: usize, value: T) {
    debug_assert!(at < out.len());
    // SAFETY: `walk` visits each position of the axis once, and the callers have checked that there are as many.
    unsafe { out.ptr().add(at).write(value) };
}

/// Running sums, or products: `step` on f64, for floats.
pub fn floats<T: Element>(axis: Axis, x: &[T], out: &mut [T], step: impl Fn(f64, f64) -> f64 + Sync) {
    assert_eq!(out.len(), axis.len(), "a scan fills its output");
    let out = Out::new(out);
    walk(
        axis,
        x,
        T::to_f64,
        #[inline(always)]
        |a, x, _| step(a, x.to_f64()),
        #[inline(always)]
        |at, a| set(&out, at, T::from_f64(a)),
    );
}

/// As `floats` for integers.
pub fn integers(axis: Axis, x: &[i64], out: &mut [i64], step: impl Fn(i64, i64) -> i64 + Sync) {
    assert_eq!(out.len(), axis.len(), "a scan fills its output");
    let out = Out::new(out);
    walk(
        axis,
        x,
        |x| x,
        #[inline(always)]
        |a, x, _| step(a, x),
        #[inline(always)]
        |at, a| set(&out, at, a),
    );
}

/// Running extremes and where they stand: of equal elements the last, and a NaN stays.
pub fn extremes<T: Element>(axis: Axis, x: &[T], max: bool, out: &mut [T], places: &mut [i64]) {
    assert!(out.len() == axis.len() && places.len() == axis.len(), "a scan fills its outputs");
    let (out, places) = (Out::new(out), Out::new(places));
    walk(
        axis,
        x,
        |x| (x, 0),
        |(best, at), x, k| {
            let wins = if max { x >= best } else { x <= best };
            if x.is_nan() || (!best.is_nan() && wins) { (x, k as i64) } else { (best, at) }
        },
        |at, (best, place)| {
            set(&out, at, best);
            set(&places, at, place);
        },
    );
}

/// `ln(exp(a) + exp(b))`
pub fn log_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a.is_nan() || a < b { (a, b) } else { (b, a) };
    if low.is_nan() || high.is_nan() {
        f64::NAN
    } else if low == high && high.is_infinite() {
        high
    } else {
        (low - high).exp().ln_1p() + high
    }
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
        (1, 1000, 1),
        (6, 30, 1),
        (4, 10, 35),
        (2, 7, 130),
        (300, 16, 64),
    ];

    /// Every prefix folded on its own.
    fn naive(a: Axis, x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        for o in 0..a.outer {
            for i in 0..a.inner {
                let line: Vec<f64> = (0..a.dim).map(|k| x[(o * a.dim + k) * a.inner + i]).collect();
                for k in 0..a.dim {
                    out[(o * a.dim + k) * a.inner + i] = f(&line[..=k]);
                }
            }
        }
        out
    }

    #[test]
    fn every_path_matches_the_definition() {
        for (outer, dim, inner) in AXES {
            let axis = Axis { outer, dim, inner };
            let x: Vec<f64> = numbers(axis.len(), 5);
            let run = |f: fn(f64, f64) -> f64| {
                same_for_any_thread_count(|| {
                    let mut out = vec![0.0; x.len()];
                    floats(axis, &x, &mut out, f);
                    out
                })
            };
            close(&run(|a, x| a + x), &naive(axis, &x, |p| p.iter().sum()), 1e-12, "cumsum");
            close(&run(|a, x| a * x), &naive(axis, &x, |p| p.iter().product()), 1e-12, "cumprod");
            let want = naive(axis, &x, |p| p.iter().map(|x| x.exp()).sum::<f64>().ln());
            close(&run(log_add_exp), &want, 1e-12, "logcumsumexp");
            let (mut out, mut places) = (vec![0.0; x.len()], vec![0; x.len()]);
            extremes(axis, &x, true, &mut out, &mut places);
            let best = |p: &[f64]| p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            close(&out, &naive(axis, &x, best), 0.0, "cummax");
            let places: Vec<f64> = places.iter().map(|&p| p as f64).collect();
            let at = |p: &[f64]| p.iter().rposition(|&v| v == best(p)).map_or(0.0, |p| p as f64);
            close(&places, &naive(axis, &x, at), 0.0, "places of cummax");
        }
    }

    #[test]
    fn ties_nans_and_infinities() {
        let axis = Axis { outer: 1, dim: 5, inner: 1 };
        let x = [2.0, f64::NAN, 2.0, f64::NAN, 3.0];
        let (mut out, mut places) = ([0.0; 5], [0; 5]);
        extremes(axis, &x, true, &mut out, &mut places);
        assert_eq!(places, [0, 1, 1, 3, 3]);
        extremes(axis, &[1.0, 2.0, 2.0, 1.0, 2.0], true, &mut out, &mut places);
        assert_eq!(places, [0, 1, 2, 2, 4]);
        assert_eq!(log_add_exp(f64::NEG_INFINITY, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(log_add_exp(f64::INFINITY, 1.0), f64::INFINITY);
        assert!(log_add_exp(1.0, f64::NAN).is_nan() && log_add_exp(f64::NAN, 1.0).is_nan());
    }
}
