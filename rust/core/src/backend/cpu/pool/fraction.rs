//! Fractional max pooling (Graham 2014, arXiv:1412.6071): windows of one size begin at places that step by a fraction,
//! rounded down after a random shift, so that any number of windows covers the volume.

use super::{Chosen, GRAIN};
use crate::dtype::Element;
use crate::parallel::{Out, chunks};

/// Windows of `kernel` over `planes` volumes of `size`, `out` of them along each axis. The shifts are `axes` numbers a
/// plane; that of axis `a` is number `order[a]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraction {
    pub planes: usize,
    pub size: [usize; 3],
    pub kernel: [usize; 3],
    pub out: [usize; 3],
    pub axes: usize,
    pub order: [usize; 3],
}

impl Fraction {
    pub fn chosen(&self) -> Chosen {
        let all = |n: [usize; 3]| n.iter().product();
        Chosen { planes: self.planes, plane: all(self.size), out: all(self.out) }
    }

    /// Where the windows along `axis` begin: every step in the arithmetic of `T`, as PyTorch does it. The last window
    /// ends with the volume.
    fn starts<T: Element>(&self, axis: usize, shift: T) -> Vec<usize> {
        let (out, last) = (self.out[axis], self.size[axis] - self.kernel[axis]);
        let round = |v: f64| T::from_f64(v).to_f64();
        let shift = shift.to_f64();
        let alpha = round(round(last as f64) / round(out.saturating_sub(1) as f64));
        let step = |i: usize| round(round(round(i as f64) + shift) * alpha) as i64;
        let first = round(shift * alpha) as i64;
        (0..out)
            .map(|i| if i + 1 == out { last } else { ((step(i) - first).max(0) as usize).min(last) })
            .collect()
    }
}

/// The largest number of every window, and its place in its volume. Of equal numbers the first wins, the last NaN over
/// all.
pub fn fractional_max_pool<T: Element>(d: Fraction, x: &[T], shifts: &[T], y: &mut [T], place: &mut [i64]) {
    let Chosen { planes, plane, out } = d.chosen();
    let (y, place) = (Out::new(y), Out::new(place));
    let work = out * d.kernel.iter().product::<usize>();
    let [_, h, w] = d.size;
    chunks(planes, GRAIN.div_ceil((work + plane).max(1)), |planes| {
        for n in planes {
            let x = &x[n * plane..][..plane];
            // SAFETY: every plane is worked on by one thread.
            let (y, place) =
                unsafe { (y.range(n * out..(n + 1) * out), place.range(n * out..(n + 1) * out)) };
            let starts = [0, 1, 2].map(|a| d.starts(a, shifts[n * d.axes + d.order[a]]));
            let mut o = 0;
            for &deep in &starts[0] {
                for &tall in &starts[1] {
                    for &wide in &starts[2] {
                        let mut at = (deep * h + tall) * w + wide;
                        let mut best = T::from_f64(f64::NEG_INFINITY);
                        for i in deep..deep + d.kernel[0] {
                            for j in tall..tall + d.kernel[1] {
                                let row = (i * h + j) * w + wide;
                                for (k, &v) in x[row..][..d.kernel[2]].iter().enumerate() {
                                    if v > best || v.is_nan() {
                                        (best, at) = (v, row + k);
                                    }
                                }
                            }
                        }
                        (y[o], place[o]) = (best, at as i64);
                        o += 1;
                    }
                }
            }
        }
    });
}
