//! Adaptive average pooling: part `o` of `out` covers `floor(o * size / out) .. ceil((o + 1) * size / out)`, so that
//! the parts cover the image, overlap by at most one number and differ by at most one in size.

use crate::backend::cpu::softmax::total;
use crate::dtype::Real;
use crate::parallel::rows;
use crate::simd::vectorize;
use std::ops::Range;

/// `planes` images of `size`, each to be reduced to `out`: `[rows, columns]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adaptive2d {
    pub planes: usize,
    pub size: [usize; 2],
    pub out: [usize; 2],
}

impl Adaptive2d {
    #[inline(always)]
    fn part(&self, axis: usize, o: usize) -> Range<usize> {
        let (size, out) = (self.size[axis], self.out[axis]);
        o * size / out..((o + 1) * size).div_ceil(out)
    }

    fn grain(&self) -> usize {
        const GRAIN: usize = 32768;
        GRAIN.div_ceil((self.size[0] * self.size[1] + self.out[0] * self.out[1]).max(1))
    }
}

/// The mean of every part.
pub fn adaptive_avg_pool2d<T: Real>(d: Adaptive2d, x: &[T], y: &mut [T]) {
    let ([h, w], [oh, ow]) = (d.size, d.out);
    rows(y, oh * ow, d.grain(), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, y) in block.chunks_exact_mut(oh * ow).enumerate() {
                    let x = &x[(first + i) * h * w..][..h * w];
                    for (o, y) in y.iter_mut().enumerate() {
                        let (tall, wide) = (d.part(0, o / ow), d.part(1, o % ow));
                        let mut sum = T::ZERO;
                        for row in tall.clone() {
                            let x = &x[row * w..][wide.clone()];
                            sum += total(x.len(), |i| x[i]);
                        }
                        *y = sum / T::of(tall.len() as f64) / T::of(wide.len() as f64);
                    }
                }
            },
        )
    });
}

/// Every number of a part gets `dy` over the size of the part.
pub fn adaptive_avg_pool2d_backward<T: Real>(d: Adaptive2d, dy: &[T], dx: &mut [T]) {
    let ([h, w], [oh, ow]) = (d.size, d.out);
    rows(dx, h * w, d.grain(), |first, block| {
        for (i, dx) in block.chunks_exact_mut(h * w).enumerate() {
            dx.fill(T::ZERO);
            let dy = &dy[(first + i) * oh * ow..][..oh * ow];
            for (o, &dy) in dy.iter().enumerate() {
                let (tall, wide) = (d.part(0, o / ow), d.part(1, o % ow));
                let g = dy / T::of(tall.len() as f64) / T::of(wide.len() as f64);
                for row in tall {
                    dx[row * w..][wide.clone()].iter_mut().for_each(|dx| *dx += g);
                }
            }
        }
    });
}
