//! Max pooling. The place of a maximum is its number within the plane, row by row, as PyTorch counts. Of equal numbers
//! the first wins; a NaN wins over any number, and the last NaN over the others.

use super::{Chosen, Pool};
use crate::dtype::{Element, Real};
use crate::parallel::{Out, chunks, rows};
use crate::simd::vectorize;

/// The largest number of every window in `y`, and its place in the plane in `place` where one is given.
pub fn max_pool<T: Element>(d: Pool, x: &[T], y: &mut [T], place: Option<&mut [i32]>) {
    if y.is_empty() {
        return;
    }
    let (y, place) = (Out::new(y), place.map(Out::new));
    let out = d.out_plane();
    chunks(d.planes, d.grain(), |planes| {
        vectorize(
            #[inline(always)]
            || {
                let mut windows = (!d.is_halving()).then(|| Windows::new(d));
                let mut spare = vec![0i32; d.out[2]];
                for plane in planes {
                    let x = &x[plane * d.plane()..][..d.plane()];
                    let own = plane * out..(plane + 1) * out;
                    // SAFETY: every plane is worked on by one thread.
                    let y = unsafe { y.range(own.clone()) };
                    // SAFETY: as above.
                    let place = place.as_ref().map(|p| unsafe { p.range(own) });
                    match &mut windows {
                        Some(windows) => windows.plane(x, y, place),
                        None => halvings(&d, x, y, place, &mut spare),
                    }
                }
            },
        )
    });
}

/// Take `v` at `place` if it beats what is there.
#[inline(always)]
fn take<T: Element>(best: T, which: i32, v: T, place: i32) -> (T, i32) {
    // `v != v` is true for NaN.
    #[allow(clippy::eq_op)]
    let wins = (v > best) | (v != v);
    (if wins { v } else { best }, if wins { place } else { which })
}

/// All windows of 2x2 of a plane.
#[inline(always)]
fn halvings<T: Element>(d: &Pool, x: &[T], y: &mut [T], mut place: Option<&mut [i32]>, spare: &mut [i32]) {
    let (w, ow) = (d.size[2], d.out[2]);
    for (row, y) in y.chunks_exact_mut(ow).enumerate() {
        let at = 2 * row * w;
        let which = match &mut place {
            Some(place) => &mut place[row * ow..(row + 1) * ow],
            None => &mut *spare,
        };
        halving(&x[at..at + w], &x[at + w..at + 2 * w], at as i32, y, which);
    }
}

/// One row of outputs from two rows of inputs; `at` is the place of the first.
#[inline(always)]
fn halving<T: Element>(top: &[T], bottom: &[T], at: i32, y: &mut [T], which: &mut [i32]) {
    let (tops, top_rest) = top.as_chunks::<{ 2 * SOME }>();
    let (bottoms, bottom_rest) = bottom.as_chunks();
    let (ys, y_rest) = y.as_chunks_mut::<SOME>();
    let (w, mut place) = (top.len() as i32, at);
    for ((y, which), (top, bottom)) in
        ys.iter_mut().zip(which.as_chunks_mut().0).zip(tops.iter().zip(bottoms))
    {
        (*y, *which) = some_halvings(top, bottom, place, w);
        place += 2 * SOME as i32;
    }
    if y_rest.is_empty() {
        return;
    }
    // The last windows with whatever stands behind them, or a number that is there.
    let done = ys.len();
    let fill = |rest: &[T]| std::array::from_fn(|k| rest.get(k).copied().unwrap_or(rest[0]));
    let (top, bottom) = match (tops.get(done), bottoms.get(done)) {
        (Some(&top), Some(&bottom)) => (top, bottom),
        _ => (fill(top_rest), fill(bottom_rest)),
    };
    let (best, places) = some_halvings(&top, &bottom, place, w);
    let n = y_rest.len();
    y_rest.copy_from_slice(&best[..n]);
    which[done * SOME..].copy_from_slice(&places[..n]);
}

/// Windows of 2x2 that are worked on together.
const SOME: usize = 8;

/// `SOME` windows of two rows of width `w`, the first at `place`. A function of its own, as `best_rows`.
#[inline(always)]
fn some_halvings<T: Element>(
    top: &[T; 2 * SOME],
    bottom: &[T; 2 * SOME],
    place: i32,
    w: i32,
) -> ([T; SOME], [i32; SOME]) {
    vectorize(
        #[inline(always)]
        || {
            let (mut best, mut which) = ([lowest(); SOME], [0; SOME]);
            for l in 0..SOME {
                (best[l], which[l]) = (top[2 * l], place + 2 * l as i32);
            }
            for l in 0..SOME {
                (best[l], which[l]) = take(best[l], which[l], top[2 * l + 1], place + 2 * l as i32 + 1);
            }
            for l in 0..SOME {
                (best[l], which[l]) = take(best[l], which[l], bottom[2 * l], place + 2 * l as i32 + w);
            }
            for l in 0..SOME {
                (best[l], which[l]) =
                    take(best[l], which[l], bottom[2 * l + 1], place + 2 * l as i32 + w + 1);
            }
            (best, which)
        },
    )
}

/// Windows of any size: the best columns of each row of the volume, found once and kept for as long as windows need
/// them, then the best of those rows. Equal numbers go to the first in either step, so to the first of the window.
struct Windows<T> {
    d: Pool,
    /// Outputs in a row, in whole `LANES`.
    wide: usize,
    /// One row of the volume between its padding, every column of one remainder by the stride after the other: the
    /// windows' columns `k` are then neighbours.
    apart: Vec<T>,
    /// Columns of one remainder.
    long: usize,
    /// For each column of a window where its numbers begin in `apart`, and its distance from the first.
    taps: Vec<(usize, i32)>,
    /// The first column inside the volume of every window of a row.
    first: Vec<i32>,
    /// The best columns of the last rows, `row % kept`, and the columns they were found in.
    kept: usize,
    values: Vec<T>,
    columns: Vec<i32>,
    /// The rows that the windows of one row of outputs see.
    seen: Vec<usize>,
}

/// The place of a window that lies in the padding altogether.
const NOTHING: i32 = -1;
const LANES: usize = 16;

impl<T: Element> Windows<T> {
    fn new(d: Pool) -> Self {
        let (stride, kernel, dilation) = (d.stride[2], d.kernel[2], d.dilation[2]);
        let wide = d.out[2].next_multiple_of(LANES);
        let long = (wide + (kernel - 1) * dilation / stride).max((d.size[2] + d.pad[2]).div_ceil(stride));
        let shifts = (0..kernel).map(|k| k * dilation);
        let first = |o: usize| (0..kernel).find_map(|k| d.place(2, o, k)).map_or(NOTHING, |i| i as i32);
        let rows = d.size[0] * d.size[1];
        let kept = if d.size[0] == 1 { rows.min((d.kernel[1] - 1) * d.dilation[1] + 1) } else { rows };
        Windows {
            d,
            wide,
            apart: vec![lowest(); stride * long],
            long,
            taps: shifts.map(|s| (s % stride * long + s / stride, s as i32)).collect(),
            first: (0..wide).map(first).collect(),
            kept,
            values: vec![lowest(); kept * wide],
            columns: vec![NOTHING; kept * wide],
            seen: Vec::new(),
        }
    }

    /// Find the best columns of row `i` of the volume.
    #[inline(always)]
    fn keep(&mut self, i: usize, x: &[T]) {
        let (stride, pad) = (self.d.stride[2], self.d.pad[2]);
        for r in 0..stride.min(x.len()) {
            let to = &mut self.apart[(r + pad) % stride * self.long + (r + pad) / stride..];
            let to = &mut to[..(x.len() - r).div_ceil(stride)];
            match stride {
                1 => to.copy_from_slice(x),
                2 => {
                    let (pairs, rest) = x[r..].as_chunks::<2>();
                    for (to, x) in to.iter_mut().zip(pairs) {
                        *to = x[0];
                    }
                    if let ([x], Some(to)) = (rest, to.last_mut()) {
                        *to = *x;
                    }
                }
                _ => to.iter_mut().zip(x[r..].iter().step_by(stride)).for_each(|(to, &x)| *to = x),
            }
        }
        let mut steps = [0; LANES];
        for (l, step) in steps.iter_mut().enumerate() {
            *step = (l * stride) as i32 - pad as i32;
        }
        let at = i % self.kept * self.wide;
        let values = self.values[at..at + self.wide].as_chunks_mut::<LANES>().0;
        let columns = self.columns[at..at + self.wide].as_chunks_mut::<LANES>().0;
        let blocks = values.iter_mut().zip(columns).zip(self.first.as_chunks::<LANES>().0);
        for (j, ((values, columns), first)) in blocks.enumerate() {
            (*values, *columns) = best_columns(&self.taps, &self.apart[j * LANES..], *first, &steps);
            for step in &mut steps {
                *step += (LANES * stride) as i32;
            }
        }
    }

    /// All windows of a plane.
    #[inline(always)]
    fn plane(&mut self, x: &[T], y: &mut [T], mut place: Option<&mut [i32]>) {
        let (w, ow, mut next) = (self.d.size[2], self.d.out[2], 0);
        let outside = self.first[..ow].contains(&NOTHING);
        for (row, y) in y.chunks_exact_mut(ow).enumerate() {
            self.seen.clear();
            self.seen.extend(self.d.rows_of(row));
            while self.seen.last().is_some_and(|&last| next <= last) {
                self.keep(next, &x[next * w..][..w]);
                next += 1;
            }
            for at in (0..ow).step_by(LANES) {
                let (best, mut which) = self.best_rows(at);
                if outside {
                    for (which, &first) in which.iter_mut().zip(&self.first[at..]) {
                        *which = if first == NOTHING { NOTHING } else { *which };
                    }
                }
                let n = LANES.min(ow - at);
                y[at..at + n].copy_from_slice(&best[..n]);
                if let Some(place) = &mut place {
                    place[row * ow + at..][..n].copy_from_slice(&which[..n]);
                }
            }
        }
    }

    /// The best of the rows that are seen, for the windows from `at` on. A function of its own, so that the compiler
    /// sees the vectors in it.
    #[inline(always)]
    fn best_rows(&self, at: usize) -> ([T; LANES], [i32; LANES]) {
        vectorize(
            #[inline(always)]
            || {
                let (mut best, mut which) = ([lowest(); LANES], [NOTHING; LANES]);
                for (k, &i) in self.seen.iter().enumerate() {
                    let from = i % self.kept * self.wide + at;
                    let (values, columns) = (row_of(&self.values, from), row_of(&self.columns, from));
                    let row = (i * self.d.size[2]) as i32;
                    if k == 0 {
                        for l in 0..LANES {
                            (best[l], which[l]) = (values[l], columns[l] + row);
                        }
                        continue;
                    }
                    for l in 0..LANES {
                        (best[l], which[l]) = take(best[l], which[l], values[l], columns[l] + row);
                    }
                }
                (best, which)
            },
        )
    }
}

/// The best column of `LANES` windows; the first window's columns are `taps` from `x` on, the places of the windows
/// `steps`. A function of its own, as `best_rows`.
#[inline(always)]
fn best_columns<T: Element>(
    taps: &[(usize, i32)],
    x: &[T],
    first: [i32; LANES],
    steps: &[i32; LANES],
) -> ([T; LANES], [i32; LANES]) {
    vectorize(
        #[inline(always)]
        || {
            let (mut best, mut which) = ([lowest(); LANES], first);
            for &(from, shift) in taps {
                let x: &[T; LANES] = row_of(x, from);
                for l in 0..LANES {
                    (best[l], which[l]) = take(best[l], which[l], x[l], shift + steps[l]);
                }
            }
            (best, which)
        },
    )
}

/// What no number is less than. It stands in the padding, where it beats nothing.
#[inline(always)]
fn lowest<T: Element>() -> T {
    T::from_f64(f64::NEG_INFINITY)
}

#[inline(always)]
fn row_of<T>(x: &[T], from: usize) -> &[T; LANES] {
    x[from..].first_chunk().expect("whole lanes were made")
}

/// `dx` gets `dy` of every window at the place of its maximum, added up where windows share it; 0 elsewhere.
pub fn max_pool_backward<T: Real, P: Copy + Into<i64> + Sync>(
    d: Chosen,
    place: &[P],
    dy: &[T],
    dx: &mut [T],
) {
    let out = d.out;
    rows(dx, d.plane, d.grain(), |first, block| {
        for (i, dx) in block.chunks_exact_mut(d.plane).enumerate() {
            let at = (first + i) * out;
            dx.fill(T::ZERO);
            for (&place, &dy) in place[at..at + out].iter().zip(&dy[at..at + out]) {
                // A window that lies in the padding altogether has no place.
                if let Some(dx) = dx.get_mut(place.into() as usize) {
                    *dx += dy;
                }
            }
        }
    });
}
