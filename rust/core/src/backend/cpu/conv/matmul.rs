//! The gradients of a convolution by matrix products: of the input and of the weight.
//!
//! The columns (im2col) of a tile of pixels stay in L2 and are multiplied, or added to the planes, while they are hot; of
//! 1x1 kernels the images are the matrices as they lie. The input gradient splits images and blocks of channels over the
//! threads, whose planes nobody else writes; the weight gradient blocks of channels, and slots of images where those are
//! few.

use super::Conv2d;
use super::columns::{add_columns, columns};
use super::register::Scratch;
use super::slots::summed;
use crate::backend::cpu::gemm::{Gemm, Mat, MatMut, gemm};
use crate::dtype::Real;
use crate::parallel::{Out, tasks};
use std::ops::Range;

/// Numbers in a tile of columns: half of a small L2 in f32.
const TILE: usize = 32768;
/// Pixels that are multiplied at once in a weight gradient: of small planes those of several images, side by side.
const PIXELS: usize = 256;
/// Pieces that are enough for the threads to share.
const PIECES: usize = 16;

/// Pixels of a tile with `rows` rows.
fn tile_width(rows: usize) -> usize {
    (TILE / rows / 16 * 16).clamp(64, 1024)
}

fn pixels(tile: usize, width: usize, d: &Conv2d) -> Range<usize> {
    tile * width..((tile + 1) * width).min(d.out_plane())
}

/// The weights of output channels of group `g` for input channels from `c` on, as a matrix.
fn weight_matrix<'a, T: Copy>(
    d: &Conv2d,
    weight: &'a [T],
    g: usize,
    c: usize,
    channels: usize,
) -> Mat<'a, T> {
    let out = d.per_group().1;
    let weight = &weight[g * out * d.taps() + c * d.kh * d.kw..];
    Mat::new(weight, out, channels * d.kh * d.kw, d.taps(), 1)
}

/// Some pixels of the planes of one image and group, as a matrix with a row per channel.
fn plane_matrix<T: Copy>(data: &[T], channels: usize, plane: usize, pixels: Range<usize>) -> Mat<'_, T> {
    Mat::new(&data[pixels.start..], channels, pixels.len(), plane, 1)
}

fn dense<T: Copy>(data: &[T], rows: usize, cols: usize) -> Mat<'_, T> {
    Mat::new(data, rows, cols, cols, 1)
}

fn dense_mut<T>(data: &mut [T], rows: usize, cols: usize) -> MatMut<'_, T> {
    MatMut::new(data, rows, cols, cols, 1)
}

pub(super) fn backward_input<T: Real + Gemm>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let ((c, o), plane, kernel) = (d.per_group(), d.out_plane(), d.kh * d.kw);
    // Channels of a piece: all of them if there are images enough to share.
    let pieces = PIECES.div_ceil(d.n * d.groups).min(c);
    let channels = c.div_ceil(pieces);
    let pieces = c.div_ceil(channels);
    let dx = Out::new(dx);
    tasks(d.n * d.groups * pieces, |task| {
        let (i, first) = (task / pieces, task % pieces * channels);
        let channels = channels.min(c - first);
        let at = (i * c + first) * d.plane();
        // SAFETY: every channel of an image is worked on by one thread.
        let dx = unsafe { dx.range(at..at + channels * d.plane()) };
        dx.fill(T::ZERO);
        let width = tile_width(channels * kernel);
        let mut block = Scratch::new(channels * kernel * width);
        let cols = block.numbers();
        for tile in 0..plane.div_ceil(width) {
            let pixels = pixels(tile, width, d);
            let dy = plane_matrix(&dy[i * o * plane..], o, plane, pixels.clone());
            let w = weight_matrix(d, weight, i % d.groups, first, channels).t();
            gemm(w, dy, dense_mut(cols, channels * kernel, pixels.len()), false);
            add_columns(d, cols, channels, pixels, dx);
        }
    });
}

pub(super) fn backward_weight<T: Real + Gemm>(d: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    let ((c, o), plane, kernel, taps) = (d.per_group(), d.out_plane(), d.kh * d.kw, d.taps());
    // Slots of few pixels would not fill the products: then there are more pieces instead.
    let columns_of = if d.is_pointwise() && d.n * plane < 4 * PIXELS { 64 } else { 256 };
    let channels = (columns_of / kernel).clamp(1, c);
    let pieces = c.div_ceil(channels);
    let slots = PIECES.div_ceil(pieces * d.groups).min(d.n);
    let images = d.n.div_ceil(slots);
    let slots = d.n.div_ceil(images);
    let size = dw.len();
    summed(slots, dw, |parts| {
        let parts = Out::new(parts);
        let put = |slot: usize, g: usize, first: usize, sums: &[T]| {
            for (k, sums) in sums.chunks_exact(sums.len() / o).enumerate() {
                let at = slot * size + (g * o + k) * taps + first * kernel;
                // SAFETY: every slot and block of channels is worked on by one thread.
                unsafe { parts.range(at..at + sums.len()) }.copy_from_slice(sums);
            }
        };
        tasks(slots * d.groups * pieces, |task| {
            let (slot, g, first) =
                (task / pieces / d.groups, task / pieces % d.groups, task % pieces * channels);
            let channels = channels.min(c - first);
            let rows = channels * kernel;
            let mine = slot * images..((slot + 1) * images).min(d.n);
            let of = |n: usize| {
                (&x[(n * d.c_in + g * c + first) * d.plane()..], &dy[(n * d.c_out + g * o) * plane..])
            };
            let together = (PIXELS / plane).clamp(1, images);
            if together > 1 {
                let mut block = Scratch::new(rows * o + (rows + o) * together * plane);
                let (sums, block) = block.numbers().split_at_mut(rows * o);
                let (cols, grads) = block.split_at_mut(rows * together * plane);
                sums.fill(T::ZERO);
                for from in mine.step_by(together) {
                    let count = together.min((slot + 1) * images - from).min(d.n - from);
                    let width = count * plane;
                    for i in 0..count {
                        let (x, dy) = of(from + i);
                        columns(d, x, channels, 0..plane, width, &mut cols[i * plane..]);
                        for (dy, out) in
                            dy.chunks_exact(plane).zip(grads[i * plane..].chunks_mut(width)).take(o)
                        {
                            out[..plane].copy_from_slice(dy);
                        }
                    }
                    gemm(
                        dense(grads, o, width),
                        dense(cols, rows, width).t(),
                        dense_mut(sums, o, rows),
                        true,
                    );
                }
                return put(slot, g, first, sums);
            }
            let width = if d.is_pointwise() { plane } else { tile_width(rows) };
            let mut block = Scratch::new(rows * (o + if d.is_pointwise() { 0 } else { width }));
            let (sums, cols) = block.numbers().split_at_mut(rows * o);
            sums.fill(T::ZERO);
            for n in mine {
                let (x, dy) = of(n);
                for tile in 0..plane.div_ceil(width) {
                    let pixels = pixels(tile, width, d);
                    let dy = plane_matrix(dy, o, plane, pixels.clone());
                    let cols = if d.is_pointwise() {
                        plane_matrix(x, rows, plane, pixels)
                    } else {
                        columns(d, x, channels, pixels.clone(), pixels.len(), cols);
                        dense(cols, rows, pixels.len())
                    };
                    gemm(dy, cols.t(), dense_mut(sums, o, rows), true);
                }
            }
            put(slot, g, first, sums);
        });
    });
}
