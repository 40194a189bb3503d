//! 3-D convolution on contiguous NCDHW slices, made of 2-D ones.
//!
//! The planes that a plane of the output is made of are laid side by side as more channels: (n, c, d, h, w) becomes
//! (n * out_d, c * kd, h, w). The weight (o, c, kd, kh, kw) then is that of a 2-D convolution as it lies, so every path
//! of the 2-D kernels serves here too. A block of images is laid out at a time, which bounds the memory and depends on
//! the shape only.

use super::register::Scratch;
use super::{Conv2d, HasRegisters, backward_input as plane_backward_input};
use super::{backward_weight as plane_backward_weight, forward as plane_forward};
use crate::dtype::Real;
use crate::parallel::rows;
use std::ops::Range;

/// Numbers that a block of images may take when laid out: 32 MiB in f32.
const BLOCK: usize = 1 << 23;
/// Numbers that are worth a thread.
const GRAIN: usize = 16384;

/// The third axis of a convolution, with the size of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    pub size: usize,
    pub kernel: usize,
    pub stride: usize,
    pub pad: usize,
    pub dilation: usize,
}

impl Depth {
    pub fn out(&self) -> usize {
        let span = self.dilation * (self.kernel - 1) + 1;
        (self.size + 2 * self.pad).checked_sub(span).map_or(0, |room| room / self.stride + 1)
    }

    /// The plane of the input that tap `k` of output plane `o` looks at, if it is not padding.
    #[inline(always)]
    fn at(&self, o: usize, k: usize) -> Option<usize> {
        (o * self.stride + k * self.dilation).checked_sub(self.pad).filter(|&i| i < self.size)
    }
}

/// A convolution over three axes: the planes', and the depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv3d {
    pub plane: Conv2d,
    pub depth: Depth,
}

impl Conv3d {
    /// The 2-D convolution over the planes of `images`.
    fn flat(&self, images: usize) -> Conv2d {
        Conv2d { n: images * self.depth.out(), c_in: self.plane.c_in * self.depth.kernel, ..self.plane }
    }

    /// Ranges of images that are laid out together.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let n = self.plane.n;
        let flat = self.flat(1);
        let step = (BLOCK / (flat.n * flat.c_in * flat.plane()).max(1)).clamp(1, n.max(1));
        (0..n).step_by(step).map(move |first| first..(first + step).min(n))
    }

    /// Numbers of one image, in and out.
    fn image(&self) -> (usize, usize) {
        let d = &self.plane;
        (d.c_in * self.depth.size * d.plane(), d.c_out * self.depth.out() * d.out_plane())
    }

    /// The planes of some images of `x` side by side.
    fn lay<T: Real>(&self, x: &[T], out: &mut [T]) {
        let (plane, d, out_d) = (self.plane.plane(), &self.depth, self.depth.out());
        rows(out, plane, GRAIN.div_ceil(plane.max(1)), |first, block| {
            for (i, to) in block.chunks_exact_mut(plane).enumerate() {
                let (rest, k) = ((first + i) / d.kernel, (first + i) % d.kernel);
                let (rest, c) = (rest / self.plane.c_in, rest % self.plane.c_in);
                let (n, o) = (rest / out_d, rest % out_d);
                match d.at(o, k) {
                    Some(z) => {
                        let at = ((n * self.plane.c_in + c) * d.size + z) * plane;
                        to.copy_from_slice(&x[at..at + plane]);
                    }
                    None => to.fill(T::ZERO),
                }
            }
        });
    }

    /// The transpose of `lay`: every plane of `dx` is the sum of its copies.
    fn gather<T: Real>(&self, laid: &[T], dx: &mut [T]) {
        let (plane, d, out_d) = (self.plane.plane(), &self.depth, self.depth.out());
        let c_in = self.plane.c_in;
        rows(dx, plane, GRAIN.div_ceil((plane * d.kernel).max(1)), |first, block| {
            for (i, to) in block.chunks_exact_mut(plane).enumerate() {
                let (rest, z) = ((first + i) / d.size, (first + i) % d.size);
                let (n, c) = (rest / c_in, rest % c_in);
                to.fill(T::ZERO);
                for k in 0..d.kernel {
                    let Some(o) = (z + d.pad).checked_sub(k * d.dilation) else { continue };
                    if o % d.stride == 0 && o / d.stride < out_d {
                        let at = (((n * out_d + o / d.stride) * c_in + c) * d.kernel + k) * plane;
                        to.iter_mut().zip(&laid[at..at + plane]).for_each(|(to, &from)| *to += from);
                    }
                }
            }
        });
    }
}

/// Exchange the two middle axes: (n, a, b, plane) becomes (n, b, a, plane).
fn exchange<T: Real>(from: &[T], to: &mut [T], a: usize, b: usize, plane: usize) {
    rows(to, plane, GRAIN.div_ceil(plane.max(1)), |first, block| {
        for (i, to) in block.chunks_exact_mut(plane).enumerate() {
            let (n, j, i) = ((first + i) / (a * b), (first + i) / a % b, (first + i) % a);
            let at = ((n * a + i) * b + j) * plane;
            to.copy_from_slice(&from[at..at + plane]);
        }
    });
}

/// `y[n, o] = bias[o] + sum over c, k, i, j of weight[o, c, k, i, j] * x[n, c, ...]`
pub fn forward<T: HasRegisters>(d: Conv3d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (input, output) = d.image();
    for block in d.blocks() {
        let flat = d.flat(block.len());
        let mut scratch = Scratch::new(flat.n * flat.c_in * flat.plane() + block.len() * output);
        let (laid, sums) = scratch.numbers().split_at_mut(flat.n * flat.c_in * flat.plane());
        d.lay(&x[block.start * input..block.end * input], laid);
        plane_forward(flat, laid, weight, bias, sums);
        let y = &mut y[block.start * output..block.end * output];
        exchange(sums, y, d.depth.out(), d.plane.c_out, d.plane.out_plane());
    }
}

/// The gradient of the input; also the transposed convolution.
pub fn backward_input<T: HasRegisters>(d: Conv3d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let (input, output) = d.image();
    for block in d.blocks() {
        let flat = d.flat(block.len());
        let mut scratch = Scratch::new(flat.n * flat.c_in * flat.plane() + block.len() * output);
        let (laid, dys) = scratch.numbers().split_at_mut(flat.n * flat.c_in * flat.plane());
        let dy = &dy[block.start * output..block.end * output];
        exchange(dy, dys, d.plane.c_out, d.depth.out(), d.plane.out_plane());
        plane_backward_input(flat, dys, weight, laid);
        d.gather(laid, &mut dx[block.start * input..block.end * input]);
    }
}

/// The gradient of the weight.
pub fn backward_weight<T: HasRegisters>(d: Conv3d, x: &[T], dy: &[T], dw: &mut [T]) {
    let (input, output) = d.image();
    dw.fill(T::ZERO);
    let mut part = Scratch::new(dw.len());
    for block in d.blocks() {
        let flat = d.flat(block.len());
        let mut scratch = Scratch::new(flat.n * flat.c_in * flat.plane() + block.len() * output);
        let (laid, dys) = scratch.numbers().split_at_mut(flat.n * flat.c_in * flat.plane());
        d.lay(&x[block.start * input..block.end * input], laid);
        let dy = &dy[block.start * output..block.end * output];
        exchange(dy, dys, d.plane.c_out, d.depth.out(), d.plane.out_plane());
        plane_backward_weight(flat, laid, dys, part.numbers());
        dw.iter_mut().zip(part.numbers()).for_each(|(dw, part)| *dw += *part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};

    /// The definition. Each product of an input, a weight and an output goes where the pass (0: y, 1: x, 2: w) wants it.
    fn naive(d: &Conv3d, pass: usize, x: &[f64], w: &[f64], y: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; [y.len(), x.len(), w.len()][pass]];
        let (p, z) = (&d.plane, &d.depth);
        let (c_in, c_out) = p.per_group();
        let sizes = [p.n, p.c_out, c_in, z.out(), p.out_h(), p.out_w(), z.kernel, p.kh, p.kw];
        let total: usize = sizes.iter().product();
        for mut index in 0..total {
            let mut at = [0; 9];
            for (at, size) in at.iter_mut().zip(sizes).rev() {
                (*at, index) = (index % size, index / size);
            }
            let [n, o, c, od, oh, ow, k, i, j] = at;
            let depth = (od * z.stride + k * z.dilation).wrapping_sub(z.pad);
            let row = (oh * p.stride[0] + i * p.dilation[0]).wrapping_sub(p.pad[0]);
            let column = (ow * p.stride[1] + j * p.dilation[1]).wrapping_sub(p.pad[1]);
            if depth >= z.size || row >= p.h || column >= p.w {
                continue;
            }
            let channel = o / c_out * c_in + c;
            let at_x = (((n * p.c_in + channel) * z.size + depth) * p.h + row) * p.w + column;
            let at_w = (((o * c_in + c) * z.kernel + k) * p.kh + i) * p.kw + j;
            let at_y = (((n * p.c_out + o) * z.out() + od) * p.out_h() + oh) * p.out_w() + ow;
            match pass {
                0 => out[at_y] += x[at_x] * w[at_w],
                1 => out[at_x] += y[at_y] * w[at_w],
                _ => out[at_w] += x[at_x] * y[at_y],
            }
        }
        out
    }

    #[test]
    fn every_pass_equals_the_naive_twin() {
        // n, c_in, c_out, groups, then [size, kernel, stride, pad, dilation] of depth, height and width.
        type Axis = [usize; 5];
        let cases: [(usize, usize, usize, usize, [Axis; 3]); 7] = [
            (2, 3, 4, 1, [[5, 3, 1, 1, 1], [6, 3, 1, 1, 1], [7, 3, 1, 1, 1]]),
            (1, 2, 3, 1, [[7, 2, 3, 0, 2], [5, 3, 2, 2, 1], [6, 1, 1, 0, 1]]),
            (3, 4, 6, 2, [[4, 4, 2, 3, 1], [4, 2, 1, 0, 2], [5, 3, 1, 1, 1]]),
            (2, 3, 3, 3, [[4, 3, 1, 2, 2], [4, 3, 1, 1, 1], [4, 3, 1, 1, 1]]),
            (2, 4, 3, 1, [[3, 1, 1, 0, 1], [3, 1, 1, 0, 1], [3, 1, 1, 0, 1]]),
            (0, 2, 3, 1, [[4, 2, 1, 0, 1], [4, 2, 1, 0, 1], [4, 2, 1, 0, 1]]),
            (2, 0, 3, 1, [[4, 2, 1, 0, 1], [4, 2, 1, 0, 1], [4, 2, 1, 0, 1]]),
        ];
        for (n, c_in, c_out, groups, [z, h, w]) in cases {
            let plane = Conv2d {
                n,
                c_in,
                c_out,
                groups,
                h: h[0],
                w: w[0],
                kh: h[1],
                kw: w[1],
                stride: [h[2], w[2]],
                pad: [h[3], w[3]],
                dilation: [h[4], w[4]],
            };
            let depth = Depth { size: z[0], kernel: z[1], stride: z[2], pad: z[3], dilation: z[4] };
            let d = Conv3d { plane, depth };
            let (input, output) = d.image();
            let x = numbers::<f64>(n * input, 1);
            let weight = numbers::<f64>(c_out * d.flat(1).taps(), 2);
            let dy = numbers::<f64>(n * output, 3);
            let bias = numbers::<f64>(c_out, 4);
            let got = same_for_any_thread_count(|| {
                let [mut y, mut dx, mut dw] = [&dy, &x, &weight].map(|like| vec![1.0; like.len()]);
                forward(d, &x, &weight, Some(&bias), &mut y);
                backward_input(d, &dy, &weight, &mut dx);
                backward_weight(d, &x, &dy, &mut dw);
                [y, dx, dw]
            });
            for (pass, got) in got.iter().enumerate() {
                let mut want = naive(&d, pass, &x, &weight, &dy);
                if pass == 0 {
                    let channel = output / c_out;
                    want.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i / channel % c_out]);
                }
                close(got, &want, 1e-12, &format!("{d:?} pass {pass}"));
            }
        }
    }
}
