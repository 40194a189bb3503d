//! Pooling over the two last axes: the largest number of each window, or the mean.
//!
//! The tensor is seen as `planes` images of `h x w`; a 1-D pool has `h == 1`. Files:
//!   max.rs      -> maximum and where it was; backward puts the gradient there
//!   avg.rs      -> mean of windows that step evenly
//!   adaptive.rs -> mean of windows that divide the image into a given number of parts
//! Threads own planes. The windows of one output row are worked on side by side: for each place in the window one loop
//! along the row, with the stride known to the compiler for 1 and 2. Windows of 2x2 that step by 2 have loops of their
//! own, which read each number once.

mod adaptive;
mod avg;
mod max;

pub use adaptive::{Adaptive2d, adaptive_avg_pool2d, adaptive_avg_pool2d_backward};
pub use avg::{Divisor, avg_pool2d, avg_pool2d_backward};
pub use max::{max_pool2d, max_pool2d_backward};

use std::ops::Range;

/// Windows over `planes` images: `[rows, columns]` each. `out` comes from `out_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool2d {
    pub planes: usize,
    pub size: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
    pub out: [usize; 2],
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

impl Pool2d {
    fn plane(&self) -> usize {
        self.size[0] * self.size[1]
    }

    fn out_plane(&self) -> usize {
        self.out[0] * self.out[1]
    }

    /// Planes a thread should take at a time.
    fn grain(&self) -> usize {
        const GRAIN: usize = 32768;
        let work = self.out_plane() * self.kernel[0] * self.kernel[1];
        GRAIN.div_ceil((work + self.plane()).max(1))
    }

    /// Windows of 2x2 that step by 2 and lie inside the image.
    fn is_halving(&self) -> bool {
        let two = [2, 2];
        self.kernel == two
            && self.stride == two
            && self.pad == [0, 0]
            && self.dilation == [1, 1]
            && (0..2).all(|a| 2 * self.out[a] <= self.size[a])
    }

    /// Where place `k` of window `o` lies along `axis`; `None` in the padding.
    #[inline(always)]
    fn place(&self, axis: usize, o: usize, k: usize) -> Option<usize> {
        (o * self.stride[axis] + k * self.dilation[axis])
            .checked_sub(self.pad[axis])
            .filter(|&i| i < self.size[axis])
    }

    /// The windows of a row whose column `k` lies inside the image, and the image column of the first of them.
    #[inline(always)]
    fn inside(&self, k: usize) -> (Range<usize>, usize) {
        let (stride, shift) = (self.stride[1], k * self.dilation[1]);
        let first = self.pad[1].saturating_sub(shift).div_ceil(stride);
        let end = (self.size[1] + self.pad[1]).saturating_sub(shift).div_ceil(stride);
        let (first, end) = (first.min(self.out[1]), end.min(self.out[1]));
        if first >= end {
            return (0..0, 0);
        }
        (first..end, first * stride + shift - self.pad[1])
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
