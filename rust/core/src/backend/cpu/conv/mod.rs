//! 2-D convolution on contiguous NCHW slices: forward, and the gradients of input, weight and bias.
//!
//! A 1-D convolution is one with `h == kh == 1`; a transposed convolution is `backward_input` with the sizes of the
//! convolution it turns round; a 3-D one is made of 2-D ones (`depth.rs`). Paths, first match wins:
//!   a channel per group              -> planes laid out so that a tap is a shift (`depthwise.rs`)
//!   1x1, no padding; strides with    -> packed weights times the pixels of all images (`packed.rs`), in 0.55 to 0.9 of the
//!   32 to 64 channels or no overlap    time of other paths; of input gradients those of 1x1 without strides
//!   dilated, else as the next       -> more and smaller images without dilation (`dilated.rs`)
//!   3x3, stride 1, no groups, 24     -> minimal filtering (`winograd.rs`): 16 products instead of 36 in half to 0.8 of
//!   channels, 48 tiles of 2x2          the time; 36 instead of 144 at the precision "medium" where that takes 0.85 of it
//!   (more for batches on small planes) or less; none at "highest" (`precision.rs`). Weight gradient: 16 instead of 36
//!                                      from 16 channels on in 0.4 to 0.85 of the time (`winograd_weight.rs`)
//!   rows that fill the registers     -> pixels in the vectors, a table of offsets for the taps (`direct.rs`,
//!                                       `direct_weight.rs`), not for the input gradient of a stride
//!   a batch that fills the registers -> a block of images is turned round so that a vector holds one pixel of all of
//!                                       them: no edges inside a vector, so that any stride, dilation and padding runs at
//!                                       full speed and no tap is computed in vain (`batch.rs`, `batch_weight.rs`)
//!   everything else                  -> the same with the columns of a strip that fits L2 (im2col); gradients: `matmul.rs`
//! No path builds the columns of a whole image. Threads own images, rows or channels; weight gradients are summed in
//! slots that depend on the shape only and then joined in order, so the thread count does not change a bit.
//! `tests::naive` is the definition: seven loops, no tricks. Every path is compared with it.

mod bands;
mod batch;
mod batch_weight;
pub mod columns;
pub mod depth;
mod depthwise;
mod dilated;
mod direct;
mod direct_weight;
mod grid;
mod lines;
mod matmul;
mod packed;
mod planes;
mod points;
mod precision;
mod register;
mod slots;
mod winograd;
mod winograd_weight;

use crate::backend::cpu::lanes::sums;
use crate::dtype::Real;
use crate::parallel::rows;
pub use precision::{Precision, precision, set_precision};
pub use register::HasRegisters;

/// Everything a convolution needs to know. `h`, `w` are the sizes of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    pub n: usize,
    pub c_in: usize,
    pub c_out: usize,
    pub groups: usize,
    pub h: usize,
    pub w: usize,
    pub kh: usize,
    pub kw: usize,
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub dilation: [usize; 2],
}

impl Conv2d {
    pub fn out_h(&self) -> usize {
        self.out(0, self.h, self.kh)
    }

    pub fn out_w(&self) -> usize {
        self.out(1, self.w, self.kw)
    }

    fn out(&self, axis: usize, size: usize, kernel: usize) -> usize {
        let span = self.dilation[axis] * (kernel - 1) + 1;
        (size + 2 * self.pad[axis]).checked_sub(span).map_or(0, |room| room / self.stride[axis] + 1)
    }

    fn plane(&self) -> usize {
        self.h * self.w
    }

    fn out_plane(&self) -> usize {
        self.out_h() * self.out_w()
    }

    /// Channels of one group, in and out.
    fn per_group(&self) -> (usize, usize) {
        (self.c_in / self.groups, self.c_out / self.groups)
    }

    /// Weights of one output channel.
    fn taps(&self) -> usize {
        self.c_in / self.groups * self.kh * self.kw
    }

    /// Whether the columns are pixels as they are.
    fn is_product(&self) -> bool {
        self.kh * self.kw == 1 && self.pad == [0, 0]
    }

    fn is_pointwise(&self) -> bool {
        self.is_product() && self.stride == [1, 1]
    }

    /// Strides that would leave little in each phase of a plane are for the general path.
    fn is_depthwise(&self) -> bool {
        self.groups == self.c_in && self.groups > 1 && self.stride[0] * self.stride[1] <= 16
    }

    /// Nothing to multiply: no output, or no input to make it from.
    fn is_empty(&self) -> bool {
        self.n * self.c_out * self.out_plane() * self.taps() == 0
    }

    fn check(&self, x: usize, weight: usize, y: usize) {
        assert!(
            self.groups > 0
                && self.c_in.is_multiple_of(self.groups)
                && self.c_out.is_multiple_of(self.groups),
            "conv2d: {self:?}"
        );
        assert_eq!(x, self.n * self.c_in * self.plane(), "conv2d: input of {self:?}");
        assert_eq!(weight, self.c_out * self.taps(), "conv2d: weight of {self:?}");
        assert_eq!(y, self.n * self.c_out * self.out_plane(), "conv2d: output of {self:?}");
    }
}

/// `y[n, o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * x[n, c, ...]`
pub fn forward<T: HasRegisters>(d: Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    d.check(x.len(), weight.len(), y.len());
    if d.is_empty() {
        // A sum over nothing is the bias.
        for (i, y) in y.chunks_exact_mut(d.out_plane().max(1)).enumerate() {
            y.fill(bias.map_or(T::ZERO, |b| b[i % d.c_out]));
        }
    } else if d.is_depthwise() {
        depthwise::forward(&d, x, weight, bias, y);
    } else if packed::fits(&d, batch::fits::<T>(&d)) {
        packed::forward(&d, x, weight, bias, y);
    } else if dilated::fits::<T>(&d) {
        dilated::forward(&d, x, weight, bias, y);
    } else if let Some(size) = winograd::fits::<T>(&d) {
        winograd::forward(size, &d, x, weight, bias, y);
    } else if direct::fits::<T>(&d, batch::fits::<T>(&d)) {
        direct::forward(&d, x, weight, bias, y);
    } else if batch::fits::<T>(&d) {
        batch::forward(&d, x, weight, bias, y);
    } else {
        packed::forward(&d, x, weight, bias, y);
    }
}

/// The gradient of the input: every output passes `dy * weight` back to the inputs it was made from.
pub fn backward_input<T: HasRegisters>(d: Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    d.check(dx.len(), weight.len(), dy.len());
    if d.is_empty() {
        dx.fill(T::ZERO);
    } else if d.is_depthwise() {
        depthwise::backward_input(&d, dy, weight, dx);
    } else if d.is_pointwise() {
        packed::pointwise_backward_input(&d, dy, weight, dx);
    } else if dilated::fits::<T>(&d) {
        dilated::backward_input(&d, dy, weight, dx);
    } else if let Some(size) = winograd::fits::<T>(&d) {
        winograd::backward_input(size, &d, dy, weight, dx);
    } else if direct::fits_input::<T>(&d, batch::fits::<T>(&d)) {
        direct::backward_input(&d, dy, weight, dx);
    } else if batch::fits::<T>(&d) {
        batch::backward_input(&d, dy, weight, dx);
    } else {
        matmul::backward_input(&d, dy, weight, dx);
    }
}

/// The gradient of the weight: each tap meets every output it took part in.
pub fn backward_weight<T: HasRegisters>(d: Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    d.check(x.len(), dw.len(), dy.len());
    if d.is_empty() {
        dw.fill(T::ZERO);
    } else if d.is_depthwise() {
        depthwise::backward_weight(&d, x, dy, dw);
    } else if d.is_pointwise() {
        matmul::backward_weight(&d, x, dy, dw);
    } else if dilated::fits_weight::<T>(&d) {
        dilated::backward_weight(&d, x, dy, dw);
    } else if winograd_weight::fits::<T>(&d) {
        winograd_weight::backward_weight(&d, x, dy, dw);
    } else if d.kh * d.kw > 1 && batch_weight::fits::<T>(&d) {
        batch_weight::backward_weight(&d, x, dy, dw);
    } else if direct_weight::fits(&d) {
        direct_weight::backward_weight(&d, x, dy, dw);
    } else {
        matmul::backward_weight(&d, x, dy, dw);
    }
}

/// The gradient of the bias: the sum of `dy` over images and pixels. Rows of a plane go through partial sums, planes
/// are added in f64.
pub fn backward_bias<T: Real>(d: Conv2d, dy: &[T], db: &mut [T]) {
    let plane = d.out_plane();
    let grain = 32768usize.div_ceil((d.n * plane).max(1));
    rows(db, 1, grain, |first, db| {
        for (i, db) in db.iter_mut().enumerate() {
            let planes = (0..d.n).map(|n| &dy[(n * d.c_out + first + i) * plane..][..plane]);
            *db = T::of(planes.map(|dy| sum(dy)).sum());
        }
    });
}

/// Vector code: the closure is inlined into it.
fn sum<T: Real>(x: &[T]) -> f64 {
    let [sum] = sums(
        x,
        x,
        #[inline(always)]
        |x, _| [x],
    );
    sum
}

#[cfg(test)]
mod tests;
