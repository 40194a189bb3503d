//! Convolution with one input channel per group: loops along the rows, no matrices.
//!
//! A row of outputs takes one tap at a time; the loop over the row has no test for the edge, and the compiler knows the
//! stride for 1 and 2. The input gradient runs the same loops the other way. The weight gradient is a dot product per
//! tap and plane, summed over the images of a channel by one thread, in order.

use super::Conv2d;
use crate::backend::cpu::softmax::total;
use crate::dtype::Real;
use crate::parallel::rows;
use crate::simd::vectorize;
use std::ops::Range;

/// The outputs of a row (of `out`) that tap `k` reaches, and the input the first of them meets.
#[inline(always)]
fn reach(d: &Conv2d, axis: usize, k: usize) -> (Range<usize>, usize) {
    let (size, out) = if axis == 0 { (d.h, d.out_h()) } else { (d.w, d.out_w()) };
    let (stride, pad, shift) = (d.stride[axis], d.pad[axis], k * d.dilation[axis]);
    let first = pad.saturating_sub(shift).div_ceil(stride).min(out);
    let end = (size + pad).saturating_sub(shift).div_ceil(stride).min(out);
    if first >= end { (0..0, 0) } else { (first..end, first * stride + shift - pad) }
}

/// Every row of outputs and the row of inputs that one tap joins to it: `f(tap, outputs, inputs)`, where the outputs
/// are contiguous and the inputs `stride[1]` apart.
#[inline(always)]
fn each_row(d: &Conv2d, mut f: impl FnMut(usize, Range<usize>, Range<usize>)) {
    for i in 0..d.kh {
        let (tall, top) = reach(d, 0, i);
        for j in 0..d.kw {
            let (wide, left) = reach(d, 1, j);
            if wide.is_empty() {
                continue;
            }
            for (r, o) in tall.clone().enumerate() {
                let from = (top + r * d.stride[0]) * d.w + left;
                let inputs = from..from + (wide.len() - 1) * d.stride[1] + 1;
                f(i * d.kw + j, o * d.out_w() + wide.start..o * d.out_w() + wide.end, inputs);
            }
        }
    }
}

/// Call `f` with the stride, as a constant the compiler can build the loop for where it is 1 or 2.
#[inline(always)]
fn with_step<R>(step: usize, f: impl FnOnce(usize) -> R) -> R {
    match step {
        1 => f(1),
        2 => f(2),
        _ => f(step),
    }
}

/// Planes a thread should take at a time.
fn grain(d: &Conv2d) -> usize {
    32768usize.div_ceil((d.out_plane() * d.kh * d.kw).max(1))
}

pub(super) fn forward<T: Real>(d: &Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (out, kernel, each) = (d.out_plane(), d.kh * d.kw, d.per_group().1);
    rows(y, out, grain(d), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, y) in block.chunks_exact_mut(out).enumerate() {
                    let (n, o) = ((first + i) / d.c_out, (first + i) % d.c_out);
                    let x = &x[(n * d.c_in + o / each) * d.plane()..][..d.plane()];
                    let w = &weight[o * kernel..][..kernel];
                    y.fill(bias.map_or(T::ZERO, |b| b[o]));
                    each_row(
                        d,
                        #[inline(always)]
                        |k, outputs, inputs| {
                            let (w, y, x) = (w[k], &mut y[outputs], &x[inputs]);
                            with_step(
                                d.stride[1],
                                #[inline(always)]
                                |s| y.iter_mut().enumerate().for_each(|(j, y)| *y += w * x[j * s]),
                            );
                        },
                    );
                }
            },
        )
    });
}

pub(super) fn backward_input<T: Real>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let (out, kernel, each) = (d.out_plane(), d.kh * d.kw, d.per_group().1);
    rows(dx, d.plane(), grain(d), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, dx) in block.chunks_exact_mut(d.plane()).enumerate() {
                    let (n, c) = ((first + i) / d.c_in, (first + i) % d.c_in);
                    dx.fill(T::ZERO);
                    for o in c * each..(c + 1) * each {
                        let dy = &dy[(n * d.c_out + o) * out..][..out];
                        let w = &weight[o * kernel..][..kernel];
                        each_row(
                            d,
                            #[inline(always)]
                            |k, outputs, inputs| {
                                let (w, dy, dx) = (w[k], &dy[outputs], &mut dx[inputs]);
                                with_step(
                                    d.stride[1],
                                    #[inline(always)]
                                    |s| dy.iter().enumerate().for_each(|(j, &dy)| dx[j * s] += w * dy),
                                );
                            },
                        );
                    }
                }
            },
        )
    });
}

pub(super) fn backward_weight<T: Real>(d: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    let (out, kernel, each) = (d.out_plane(), d.kh * d.kw, d.per_group().1);
    rows(dw, kernel, grain(d).div_ceil(d.n), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                for (i, dw) in block.chunks_exact_mut(kernel).enumerate() {
                    let o = first + i;
                    let mut sums = vec![0.0; kernel];
                    for n in 0..d.n {
                        let x = &x[(n * d.c_in + o / each) * d.plane()..][..d.plane()];
                        let dy = &dy[(n * d.c_out + o) * out..][..out];
                        each_row(
                            d,
                            #[inline(always)]
                            |k, outputs, inputs| {
                                let (dy, x) = (&dy[outputs], &x[inputs]);
                                let dot = with_step(
                                    d.stride[1],
                                    #[inline(always)]
                                    |s| {
                                        total(
                                            dy.len(),
                                            #[inline(always)]
                                            |j| dy[j] * x[j * s],
                                        )
                                    },
                                );
                                sums[k] += dot.to_f64();
                            },
                        );
                    }
                    for (dw, &sum) in dw.iter_mut().zip(&sums) {
                        *dw = T::of(sum);
                    }
                }
            },
        )
    });
}
