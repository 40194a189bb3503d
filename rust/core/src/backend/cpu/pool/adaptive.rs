//! Adaptive pooling: part `o` of `out` covers `floor(o * size / out) .. ceil((o + 1) * size / out)`, so that the parts
//! cover the volume, overlap by at most one number and differ by at most one in size.

use super::{Chosen, GRAIN};
use crate::backend::cpu::softmax::total;
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

    /// Part number `o` of the volume, axis by axis.
    #[inline(always)]
    fn part(&self, o: usize) -> [Range<usize>; 3] {
        let [_, oh, ow] = self.out;
        let along = |axis: usize, o: usize| {
            let (size, out) = (self.size[axis], self.out[axis]);
            o * size / out..((o + 1) * size).div_ceil(out)
        };
        [along(0, o / ow / oh), along(1, o / ow % oh), along(2, o % ow)]
    }

    /// The rows of a part: where each begins in its plane.
    #[inline(always)]
    fn rows_of(&self, deep: Range<usize>, tall: Range<usize>, column: usize) -> impl Iterator<Item = usize> {
        let [_, h, w] = self.size;
        deep.flat_map(move |i| tall.clone().map(move |j| (i * h + j) * w + column))
    }

    fn grain(&self) -> usize {
        GRAIN.div_ceil((self.plane() + self.out_plane()).max(1))
    }
}

/// A sum over the numbers of a part: PyTorch divides by one length after the other.
#[inline(always)]
fn divided<T: Real>(sum: T, part: &[Range<usize>; 3]) -> T {
    part.iter().fold(sum, |sum, along| sum / T::of(along.len() as f64))
}

/// The mean of every part.
pub fn adaptive_avg_pool<T: Real>(d: Adaptive, x: &[T], y: &mut [T]) {
    let (plane, out) = (d.plane(), d.out_plane());
    rows(y, out, d.grain(), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, y) in block.chunks_exact_mut(out).enumerate() {
                    let x = &x[(first + i) * plane..][..plane];
                    for (o, y) in y.iter_mut().enumerate() {
                        let part = d.part(o);
                        let [deep, tall, wide] = part.clone();
                        let mut sum = T::ZERO;
                        for at in d.rows_of(deep, tall, wide.start) {
                            let x = &x[at..][..wide.len()];
                            sum += total(x.len(), |i| x[i]);
                        }
                        *y = divided(sum, &part);
                    }
                }
            },
        )
    });
}

/// Every number of a part gets `dy` over the size of the part.
pub fn adaptive_avg_pool_backward<T: Real>(d: Adaptive, dy: &[T], dx: &mut [T]) {
    let (plane, out) = (d.plane(), d.out_plane());
    rows(dx, plane, d.grain(), |first, block| {
        for (i, dx) in block.chunks_exact_mut(plane).enumerate() {
            dx.fill(T::ZERO);
            let dy = &dy[(first + i) * out..][..out];
            for (o, &dy) in dy.iter().enumerate() {
                let part = d.part(o);
                let g = divided(dy, &part);
                let [deep, tall, wide] = part;
                for at in d.rows_of(deep, tall, wide.start) {
                    dx[at..][..wide.len()].iter_mut().for_each(|dx| *dx += g);
                }
            }
        }
    });
}

/// The largest number of every part, and its place in its volume. Of equal numbers the first wins, a NaN over any.
pub fn adaptive_max_pool<T: Element>(d: Adaptive, x: &[T], y: &mut [T], place: &mut [i64]) {
    let (plane, out) = (d.plane(), d.out_plane());
    let (y, place) = (Out::new(y), Out::new(place));
    chunks(d.planes, d.grain(), |planes| {
        for n in planes {
            let x = &x[n * plane..][..plane];
            // SAFETY: every plane is worked on by one thread.
            let (y, place) =
                unsafe { (y.range(n * out..(n + 1) * out), place.range(n * out..(n + 1) * out)) };
            for (o, (y, place)) in y.iter_mut().zip(place).enumerate() {
                let [deep, tall, wide] = d.part(o);
                let mut best: Option<(T, usize)> = None;
                for at in d.rows_of(deep, tall, wide.start) {
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
