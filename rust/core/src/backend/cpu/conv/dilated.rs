//! A convolution with dilation as one without, on more and smaller images.
//!
//! Inputs and outputs whose rows leave the same rest on division by the dilation, and whose columns do, meet no others:
//! they are an image of their own, to which minimal filtering applies (`winograd.rs`, `winograd_weight.rs`). 3x3 with dilation 2 on 64
//! channels of 28x28: 0.7 of the direct path.

use super::lines::{halve, weave};
use super::register::{HasRegisters, Scratch};
use super::{Conv2d, winograd, winograd_weight};
use crate::dtype::Real;
use crate::parallel::{Out, tasks};

/// The convolution without dilation; a part that is a row or column short ends in zeros.
fn inner(d: &Conv2d) -> Conv2d {
    let [dh, dw] = d.dilation;
    Conv2d {
        n: d.n * dh * dw,
        h: d.h.div_ceil(dh),
        w: d.w.div_ceil(dw),
        pad: [d.pad[0] / dh, d.pad[1] / dw],
        dilation: [1, 1],
        ..*d
    }
}

fn splits(d: &Conv2d) -> bool {
    d.dilation != [1, 1]
        && d.stride == [1, 1]
        && (0..2).all(|axis| d.pad[axis].is_multiple_of(d.dilation[axis]))
}

pub(super) fn fits<T: HasRegisters>(d: &Conv2d) -> bool {
    splits(d) && winograd::fits::<T>(&inner(d)).is_some()
}

pub(super) fn fits_weight<T: HasRegisters>(d: &Conv2d) -> bool {
    splits(d) && winograd_weight::fits::<T>(&inner(d))
}

pub(super) fn forward<T: HasRegisters>(d: &Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let inner = inner(d);
    let mut outputs = Scratch::new(inner.n * inner.c_out * inner.out_plane());
    let mut parts = split(d, [d.n * d.c_in, d.h, d.w], d.c_in, [inner.h, inner.w], x);
    super::forward(inner, parts.numbers(), weight, bias, outputs.numbers());
    join(d, [d.c_out, d.out_h(), d.out_w()], [inner.out_h(), inner.out_w()], outputs.numbers(), y);
}

pub(super) fn backward_input<T: HasRegisters>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let inner = inner(d);
    let mut inputs = Scratch::new(inner.n * inner.c_in * inner.plane());
    let out = [d.n * d.c_out, d.out_h(), d.out_w()];
    let mut parts = split(d, out, d.c_out, [inner.out_h(), inner.out_w()], dy);
    super::backward_input(inner, parts.numbers(), weight, inputs.numbers());
    join(d, [d.c_in, d.h, d.w], [inner.h, inner.w], inputs.numbers(), dx);
}

pub(super) fn backward_weight<T: HasRegisters>(d: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    let inner = inner(d);
    let out = [d.n * d.c_out, d.out_h(), d.out_w()];
    let mut inputs = split(d, [d.n * d.c_in, d.h, d.w], d.c_in, [inner.h, inner.w], x);
    let mut outputs = split(d, out, d.c_out, [inner.out_h(), inner.out_w()], dy);
    super::backward_weight(inner, inputs.numbers(), outputs.numbers(), dw);
}

/// Planes into their parts, `to` high and wide: image by image, part by part, channel by channel.
fn split<T: Real>(
    d: &Conv2d,
    [planes, h, w]: [usize; 3],
    channels: usize,
    to: [usize; 2],
    x: &[T],
) -> Scratch<T> {
    let ([dh, dw], size) = (d.dilation, to[0] * to[1]);
    let mut parts = Scratch::new(planes * dh * dw * size);
    let out = Out::new(parts.numbers());
    tasks(planes, |plane| {
        let (n, c) = (plane / channels, plane % channels);
        // SAFETY: every part of a plane is filled by one thread.
        let part = |i: usize| unsafe {
            let at = ((n * dh * dw + i) * channels + c) * size;
            out.range(at..at + size)
        };
        for (i, row) in (0..dh).flat_map(|i| (0..to[0]).map(move |row| (i, row))) {
            let (y, at) = (i + row * dh, row * to[1]..(row + 1) * to[1]);
            let line = |j: usize| &mut part(i * dw + j)[at.clone()];
            let ends = y >= h || !w.is_multiple_of(dw);
            (0..dw).filter(|_| ends).for_each(|j| line(j).fill(T::ZERO));
            if y >= h {
                continue;
            }
            let x = &x[(plane * h + y) * w..][..w];
            if dw == 2 {
                halve(x, 0, line(0), line(1));
            } else {
                for j in 0..dw.min(w) {
                    line(j).iter_mut().zip(x[j..].iter().step_by(dw)).for_each(|(to, &x)| *to = x);
                }
            }
        }
    });
    parts
}

/// Planes from their parts, `from` high and wide.
fn join<T: Real>(d: &Conv2d, [channels, h, w]: [usize; 3], from: [usize; 2], parts: &[T], y: &mut [T]) {
    let ([dh, dw], size) = (d.dilation, from[0] * from[1]);
    let y = Out::new(y);
    tasks(d.n * channels, |plane| {
        let (n, c) = (plane / channels, plane % channels);
        // SAFETY: every plane is filled by one thread.
        let y = unsafe { y.range(plane * h * w..(plane + 1) * h * w) };
        for (r, row) in y.chunks_exact_mut(w).enumerate() {
            let line = |j: usize| {
                let at = ((n * dh * dw + r % dh * dw + j) * channels + c) * size + r / dh * from[1];
                &parts[at..at + from[1]]
            };
            if dw == 2 {
                weave(line(0), line(1), 0, row);
            } else {
                for j in 0..dw.min(w) {
                    row[j..].iter_mut().step_by(dw).zip(line(j)).for_each(|(y, &part)| *y = part);
                }
            }
        }
    });
}
