//! Pooling over up to three axes: the largest number of each window, or the mean.
//!
//! The tensor is seen as `planes` volumes of `depth x height x width`; an image has `depth == 1`, a row `height == 1` too.
//! Files:
//!   max.rs      -> maximum and where it was; backward puts the gradient there
//!   avg.rs      -> mean of windows that step evenly
//!   adaptive.rs -> mean or maximum of windows that divide the volume into a given number of parts
//!   fraction.rs -> maximum of windows that begin at random places
//!   unpool.rs   -> numbers put back where they were found
//! Threads own planes. The windows of one output row are worked on side by side. A mean takes one loop along the row for
//! each place in the window, with the stride known to the compiler for 1 and 2; a maximum the best columns of each row
//! first, which the windows above one another share. Windows of 2x2 that step by 2 have loops of their own, which read
//! each number once.

mod adaptive;
mod avg;
mod fraction;
mod max;
mod unpool;

pub use adaptive::{Adaptive, adaptive_avg_pool, adaptive_avg_pool_backward, adaptive_max_pool};
pub use avg::{Divisor, avg_pool, avg_pool_backward};
pub use fraction::{Fraction, fractional_max_pool};
pub use max::{max_pool, max_pool_backward};
pub use unpool::{OutOfVolume, max_unpool};

use std::ops::Range;

/// Numbers a thread should work on at least.
const GRAIN: usize = 32768;

/// Windows over `planes` volumes: `[depth, height, width]` each. `out` comes from `out_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    pub planes: usize,
    pub size: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub pad: [usize; 3],
    pub dilation: [usize; 3],
    pub out: [usize; 3],
}

/// `planes` volumes of `plane` numbers each, of which a pool has chosen `out` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pub planes: usize,
    pub plane: usize,
    pub out: usize,
}

impl Chosen {
    /// Planes a thread should take at a time.
    fn grain(&self) -> usize {
        GRAIN.div_ceil((self.plane + self.out).max(1))
    }
}

/// How many windows there are along one axis, 0 if not even one fits. With `ceil` a window may hang over the far edge,
/// as long as it begins inside the image or its near padding.
pub fn out_size(size: usize, kernel: usize, stride: usize, pad: usize, dilation: usize, ceil: bool) -> usize {
    let span = dilation * (kernel - 1) + 1;
    let extra = if ceil { stride - 1 } else { 0 };
    let Some(room) = (size + 2 * pad + extra).checked_sub(span) else {
        return 0;
    };
    let n = room / stride + 1;
    if ceil && (n - 1) * stride >= size + pad { n - 1 } else { n }
}

impl Pool {
    fn plane(&self) -> usize {
        self.size.iter().product()
    }

    fn out_plane(&self) -> usize {
        self.out.iter().product()
    }

    /// Rows of the result in a plane.
    fn out_rows(&self) -> usize {
        self.out[0] * self.out[1]
    }

    /// Planes a thread should take at a time.
    fn grain(&self) -> usize {
        let work = self.out_plane() * self.kernel.iter().product::<usize>();
        GRAIN.div_ceil((work + self.plane()).max(1))
    }

    pub fn chosen(&self) -> Chosen {
        Chosen { planes: self.planes, plane: self.plane(), out: self.out_plane() }
    }

    /// Windows of 2x2 that step by 2 and lie inside an image.
    fn is_halving(&self) -> bool {
        let two = [1, 2, 2];
        self.kernel == two
            && self.stride[1..] == two[1..]
            && self.size[0] == 1
            && self.pad == [0, 0, 0]
            && self.dilation == [1, 1, 1]
            && (1..3).all(|a| 2 * self.out[a] <= self.size[a])
    }

    /// Where place `k` of window `o` lies along `axis`; `None` in the padding.
    #[inline(always)]
    fn place(&self, axis: usize, o: usize, k: usize) -> Option<usize> {
        (o * self.stride[axis] + k * self.dilation[axis])
            .checked_sub(self.pad[axis])
            .filter(|&i| i < self.size[axis])
    }

    /// The rows of the volume that the windows of output row `row` see.
    #[inline(always)]
    fn rows_of(&self, row: usize) -> impl Iterator<Item = usize> {
        let (d, deep, tall) = (*self, row / self.out[1], row % self.out[1]);
        let planes = (0..d.kernel[0]).filter_map(move |k| d.place(0, deep, k));
        planes.flat_map(move |i| {
            (0..d.kernel[1]).filter_map(move |k| d.place(1, tall, k).map(|j| i * d.size[1] + j))
        })
    }

    /// The windows of a row whose column `k` lies inside the volume, and the column of the first of them.
    #[inline(always)]
    fn inside(&self, k: usize) -> (Range<usize>, usize) {
        let (stride, shift) = (self.stride[2], k * self.dilation[2]);
        let first = self.pad[2].saturating_sub(shift).div_ceil(stride);
        let end = (self.size[2] + self.pad[2]).saturating_sub(shift).div_ceil(stride);
        let (first, end) = (first.min(self.out[2]), end.min(self.out[2]));
        if first >= end {
            return (0..0, 0);
        }
        (first..end, first * stride + shift - self.pad[2])
    }
}

/// Call a function with the stride as a constant, so that its loop is compiled for it.
macro_rules! with_stride {
    ($stride:expr, $f:ident::<$T:ty>($($arg:expr),*)) => {
        match $stride {
            1 => $f::<$T, 1>($($arg),*),
            2 => $f::<$T, 2>($($arg),*),
            _ => $f::<$T, 0>($($arg),*),
        }
    };
}
use with_stride;

#[cfg(test)]
mod tests;
