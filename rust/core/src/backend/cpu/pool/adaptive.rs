//! Adaptive pooling: part `o` of `out` covers `floor(o * size / out) .. ceil((o + 1) * size / out)`, so that the parts
//! cover the volume, overlap by at most one number and differ by at most one in size.

use super::{Chosen, GRAIN};
use crate::backend::cpu::lanes::{LANES, add_up, join};
use crate::dtype::{Element, Real};
use crate::parallel::{Out, chunks, rows};
use crate::simd::vectorize;
use std::ops::Range;

/// `planes` volumes of `size`, each to be reduced to `out`: `[depth, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adaptive {
    pub planes: usize,
    pub size: [usize; 3],
    pub out: [usize; 3],
}

impl Adaptive {
    fn plane(&self) -> usize {
        self.size.iter().product()
    }

    fn out_plane(&self) -> usize {
        self.out.iter().product()
    }

    pub fn chosen(&self) -> Chosen {
        Chosen { planes: self.planes, plane: self.plane(), out: self.out_plane() }
    }

    fn grain(&self) -> usize {
        GRAIN.div_ceil((self.plane() + self.out_plane()).max(1))
    }
}

/// Where the parts lie along each axis, found once for all planes. Axes that one part covers are one with the axis
/// before, so that its numbers are neighbours.
struct Parts {
    size: [usize; 3],
    along: [Vec<Range<usize>>; 3],
}

impl Parts {
    fn of(d: &Adaptive) -> Parts {
        let (mut size, out) = (d.size, d.out);
        for axis in (1..3).rev() {
            if out[axis - 1..].iter().all(|&n| n == 1) {
                (size[axis - 1], size[2]) = (1, size[2] * size[axis - 1]);
            }
        }
        let part = |axis: usize, o: usize| {
            let (size, out) = (size[axis], out[axis]);
            o * size / out..((o + 1) * size).div_ceil(out)
        };
        Parts { size, along: [0, 1, 2].map(|axis| (0..out[axis]).map(|o| part(axis, o)).collect()) }
    }

    /// The parts along the first two axes; with the widths of the last one they make up a plane.
    #[inline(always)]
    fn rows(&self) -> impl Iterator<Item = (&Range<usize>, &Range<usize>)> {
        let [deep, tall, _] = &self.along;
        deep.iter().flat_map(move |deep| tall.iter().map(move |tall| (deep, tall)))
    }

    /// Where the rows of a part begin in their plane.
    #[inline(always)]
    fn starts(&self, deep: &Range<usize>, tall: &Range<usize>) -> impl Iterator<Item = usize> {
        let ([_, h, w], tall) = (self.size, tall.clone());
        deep.clone().flat_map(move |i| tall.clone().map(move |j| (i * h + j) * w))
    }

    /// How wide the parts are.
    fn widths<T: Real>(&self) -> Vec<T> {
        self.along[2].iter().map(|wide| T::of(wide.len() as f64)).collect()
    }
}

#[inline(always)]
fn sum_of<T: Real>(x: &[T]) -> T {
    let mut lanes = [T::ZERO; LANES];
    add_up(x, &mut lanes);
    join(&lanes)
}

/// The mean of every part: its rows are added up side by side with those of its neighbours.
pub fn adaptive_avg_pool<T: Real>(d: Adaptive, x: &[T], y: &mut [T]) {
    let (plane, out, parts) = (d.plane(), d.out_plane(), Parts::of(&d));
    let (w, widths) = (parts.size[2], parts.widths::<T>());
    rows(y, out, d.grain(), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                if out == 1 {
                    let count = T::of(plane as f64);
                    for (y, x) in block.iter_mut().zip(x[first * plane..].chunks_exact(plane)) {
                        *y = sum_of(x) / count;
                    }
                    return;
                }
                let mut sums = vec![T::ZERO; w];
                for (i, y) in block.chunks_exact_mut(out).enumerate() {
                    let x = &x[(first + i) * plane..][..plane];
                    for (y, (deep, tall)) in y.chunks_exact_mut(widths.len()).zip(parts.rows()) {
                        let mut starts = parts.starts(deep, tall);
                        let mut row = starts.next().map_or(&[][..], |at| &x[at..at + w]);
                        let count = deep.len() * tall.len();
                        if count > 1 {
                            sums.copy_from_slice(row);
                            for at in starts {
                                for (sum, &x) in sums.iter_mut().zip(&x[at..at + w]) {
                                    *sum += x;
                                }
                            }
                            row = &sums;
                        }
                        for (y, wide) in y.iter_mut().zip(&parts.along[2]) {
                            let row = &row[wide.clone()];
                            *y = match row.len() {
                                0..LANES => row.iter().fold(T::ZERO, |sum, &x| sum + x),
                                _ => sum_of(row),
                            };
                        }
                        let count = T::of(count as f64);
                        for (y, &width) in y.iter_mut().zip(&widths) {
                            *y /= count * width;
                        }
                    }
                }
            },
        )
    });
}

/// Every number of a part gets `dy` over the size of the part.
pub fn adaptive_avg_pool_backward<T: Real>(d: Adaptive, dy: &[T], dx: &mut [T]) {
    let (plane, out, parts) = (d.plane(), d.out_plane(), Parts::of(&d));
    if out == 0 {
        return dx.fill(T::ZERO);
    }
    let ([_, h, w], widths) = (parts.size, parts.widths::<T>());
    rows(dx, plane, d.grain(), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                if out == 1 {
                    let count = T::of(plane as f64);
                    for (dx, &dy) in block.chunks_exact_mut(plane).zip(&dy[first..]) {
                        dx.fill(dy / count);
                    }
                    return;
                }
                let mut line = vec![T::ZERO; w];
                for (i, dx) in block.chunks_exact_mut(plane).enumerate() {
                    let dy = &dy[(first + i) * out..][..out];
                    // What lies before was written by an earlier part: along the first axis, and along the second.
                    let (mut before, mut above, mut last) = (0, 0, 0);
                    for (o, (deep, tall)) in parts.rows().enumerate() {
                        let dy = &dy[o * widths.len()..][..widths.len()];
                        if o % parts.along[1].len() == 0 {
                            (before, above) = (last, 0);
                        }
                        let count = T::of((deep.len() * tall.len()) as f64);
                        let mut left = 0;
                        for ((wide, &width), &dy) in parts.along[2].iter().zip(&widths).zip(dy) {
                            let g = dy / (count * width);
                            let middle = left.max(wide.start);
                            line[wide.start..middle].iter_mut().for_each(|x| *x += g);
                            line[middle..wide.end].fill(g);
                            left = wide.end;
                        }
                        for i in deep.clone() {
                            for j in tall.clone() {
                                let dx = &mut dx[(i * h + j) * w..][..w];
                                if i < before || j < above {
                                    dx.iter_mut().zip(&line).for_each(|(dx, &g)| *dx += g);
                                } else {
                                    dx.copy_from_slice(&line);
                                }
                            }
                        }
                        (above, last) = (tall.end, deep.end);
                    }
                }
            },
        )
    });
}

/// The largest number of every part, and its place in its volume. Of equal numbers the first wins, a NaN over any.
pub fn adaptive_max_pool<T: Element>(d: Adaptive, x: &[T], y: &mut [T], place: &mut [i64]) {
    let (plane, out, parts) = (d.plane(), d.out_plane(), Parts::of(&d));
    let (y, place) = (Out::new(y), Out::new(place));
    chunks(d.planes, d.grain(), |planes| {
        for n in planes {
            let x = &x[n * plane..][..plane];
            // SAFETY: every plane is worked on by one thread.
            let (y, place) =
                unsafe { (y.range(n * out..(n + 1) * out), place.range(n * out..(n + 1) * out)) };
            let wide = &parts.along[2];
            let own = parts.rows().flat_map(|rows| wide.iter().map(move |wide| (rows, wide)));
            for ((y, place), ((deep, tall), wide)) in y.iter_mut().zip(place).zip(own) {
                let mut best: Option<(T, usize)> = None;
                for at in parts.starts(deep, tall).map(|at| at + wide.start) {
                    for (i, &v) in x[at..][..wide.len()].iter().enumerate() {
                        if best.is_none_or(|(b, _)| v > b || v.is_nan()) {
                            best = Some((v, at + i));
                        }
                    }
                }
                // A part of a volume that is not empty has at least one number.
                if let Some((v, at)) = best {
                    (*y, *place) = (v, at as i64);
                }
            }
        }
    });
}
