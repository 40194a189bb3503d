//! Convolution by matrix products.
//!
//!   1x1 kernels -> the images are the matrices as they lie
//!   the rest    -> columns of a tile of pixels (im2col) that stays in L2, multiplied while it is hot
//! Forward splits images, groups and tiles over the threads; the input gradient images and blocks of channels, whose
//! planes nobody else writes; the weight gradient blocks of channels, and slots of images where those are few.

use super::Conv2d;
use super::register::Scratch;
use super::slots::summed;
use crate::backend::cpu::gemm::{Gemm, Mat, MatMut, gemm, gemm_onto};
use crate::dtype::Real;
use crate::parallel::{Out, tasks};
use std::ops::Range;

/// Numbers in a tile of columns: half of a small L2 in f32.
const TILE: usize = 32768;
/// Numbers in a strip of planes, and its fewest pixels: many weights are packed anew for each.
const STRIP: usize = 65536;
const LEAST: usize = 256;
/// Pixels that are multiplied at once in a weight gradient: of small planes those of several images, side by side.
const PIXELS: usize = 256;
/// Pieces that are enough for the threads to share.
const PIECES: usize = 16;

/// Pixels of a tile with `rows` rows.
fn tile_width(rows: usize) -> usize {
    (TILE / rows / 16 * 16).clamp(64, 1024)
}

/// Pixels of a strip of images with `rows` channels: what the product packs of it stays in L2.
fn strip_width(rows: usize, plane: usize) -> usize {
    let most = (STRIP / rows).max(LEAST);
    plane.div_ceil(plane.div_ceil(most).max(1)).next_multiple_of(16)
}

fn pixels(tile: usize, width: usize, d: &Conv2d) -> Range<usize> {
    tile * width..((tile + 1) * width).min(d.out_plane())
}

/// Call `f(row of the column matrix, column, offset in the planes, number of pixels, step)` for every run of pixels
/// that takes part with one tap, and `edge(row, columns)` for every run whose tap lies in the padding.
#[inline(always)]
fn runs(
    d: &Conv2d,
    channels: usize,
    pixels: Range<usize>,
    mut f: impl FnMut(usize, usize, usize, usize),
    mut edge: impl FnMut(usize, Range<usize>),
) {
    let ow = d.out_w();
    let ([sh, sw], [ph, pw], [dh, dw]) = (d.stride, d.pad, d.dilation);
    for row in 0..channels * d.kh * d.kw {
        let (channel, i, j) = (row / (d.kh * d.kw), row / d.kw % d.kh, row % d.kw);
        // The outputs of a row whose tap lies inside the image.
        let first = pw.saturating_sub(j * dw).div_ceil(sw);
        let end = (d.w + pw).saturating_sub(j * dw).div_ceil(sw);
        let mut p = pixels.start;
        while p < pixels.end {
            let (oh, from) = (p / ow, p % ow);
            let to = (from + pixels.end - p).min(ow);
            let column = p - pixels.start;
            let at = |o: usize| column + o - from;
            match (oh * sh + i * dh).checked_sub(ph).filter(|&y| y < d.h) {
                None => edge(row, column..at(to)),
                Some(y) => {
                    let (a, b) = (first.clamp(from, to), end.clamp(from, to).max(first.clamp(from, to)));
                    edge(row, column..at(a));
                    if a < b {
                        f(row, at(a), (channel * d.h + y) * d.w + a * sw + j * dw - pw, b - a);
                    }
                    edge(row, at(b)..at(to));
                }
            }
            p += to - from;
        }
    }
}

/// The columns of some pixels: a row of `width` numbers per channel and tap, of which the first are written.
pub(super) fn columns<T: Real>(
    d: &Conv2d,
    x: &[T],
    channels: usize,
    pixels: Range<usize>,
    width: usize,
    out: &mut [T],
) {
    let step = d.stride[1];
    let out = std::cell::RefCell::new(out);
    runs(
        d,
        channels,
        pixels,
        |row, column, at, n| {
            let out = &mut out.borrow_mut()[row * width + column..][..n];
            if step == 1 {
                out.copy_from_slice(&x[at..at + n]);
            } else {
                out.iter_mut().zip(x[at..].iter().step_by(step)).for_each(|(out, &x)| *out = x);
            }
        },
        |row, range| out.borrow_mut()[row * width..][range].fill(T::ZERO),
    );
}

/// Add columns back to where they came from.
pub(super) fn add_columns<T: Real>(
    d: &Conv2d,
    columns: &[T],
    channels: usize,
    pixels: Range<usize>,
    dx: &mut [T],
) {
    let (len, step) = (pixels.len(), d.stride[1]);
    let add = |row: usize, column: usize, at: usize, n: usize| {
        let from = &columns[row * len + column..][..n];
        dx[at..].iter_mut().step_by(step).zip(from).for_each(|(dx, &c)| *dx += c);
    };
    runs(d, channels, pixels, add, |_, _| {});
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

/// Some pixels of `rows` planes, to write: a matrix that begins at number `first`.
///
/// # Safety
/// Nobody else touches them.
unsafe fn strip<T: Copy>(
    planes: &Out<T>,
    first: usize,
    rows: usize,
    pixels: usize,
    plane: usize,
) -> MatMut<'_, T> {
    assert!(
        rows > 0 && first + (rows - 1) * plane + pixels <= planes.len(),
        "a strip reaches past its planes"
    );
    // SAFETY: just checked, and the caller's promise.
    unsafe { MatMut::from_ptr(planes.ptr().add(first), rows, pixels, plane as isize, 1) }
}

/// `c = a * b`, with a number of `bias` added to every row.
fn product<T: Real + Gemm>(a: Mat<T>, b: Mat<T>, bias: Option<&[T]>, c: MatMut<T>) {
    match bias {
        Some(bias) => gemm_onto(a, b, Mat::columns_of(bias, c.cols()), c),
        None => gemm(a, b, c, false),
    }
}

pub(super) fn pointwise_forward<T: Real + Gemm>(
    d: &Conv2d,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
) {
    let ((c, o), plane) = (d.per_group(), d.plane());
    let width = strip_width(c, plane);
    let strips = plane.div_ceil(width);
    let y = Out::new(y);
    tasks(d.n * d.groups * strips, |task| {
        let (i, pixels) = (task / strips, pixels(task % strips, width, d));
        let (g, first) = (i % d.groups, i * o * plane + pixels.start);
        // SAFETY: every strip of pixels is written by one thread.
        let y = unsafe { strip(&y, first, o, pixels.len(), plane) };
        let x = plane_matrix(&x[i * c * plane..], c, plane, pixels);
        product(weight_matrix(d, weight, g, 0, c), x, bias.map(|b| &b[g * o..(g + 1) * o]), y);
    });
}

pub(super) fn pointwise_backward_input<T: Real + Gemm>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let ((c, o), plane) = (d.per_group(), d.plane());
    let width = strip_width(o, plane);
    let strips = plane.div_ceil(width);
    let dx = Out::new(dx);
    tasks(d.n * d.groups * strips, |task| {
        let (i, pixels) = (task / strips, pixels(task % strips, width, d));
        let first = i * c * plane + pixels.start;
        // SAFETY: every strip of pixels is written by one thread.
        let dx = unsafe { strip(&dx, first, c, pixels.len(), plane) };
        let dy = plane_matrix(&dy[i * o * plane..], o, plane, pixels);
        gemm(weight_matrix(d, weight, i % d.groups, 0, c).t(), dy, dx, false);
    });
}

pub(super) fn forward<T: Real + Gemm>(d: &Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let ((c, o), taps, plane) = (d.per_group(), d.taps(), d.out_plane());
    let width = tile_width(taps);
    let tiles = plane.div_ceil(width);
    let y = Out::new(y);
    tasks(d.n * d.groups * tiles, |task| {
        let (i, pixels) = (task / tiles, pixels(task % tiles, width, d));
        let (g, len) = (i % d.groups, pixels.len());
        let mut block = Scratch::new(taps * len);
        let cols = block.numbers();
        columns(d, &x[i * c * d.plane()..], c, pixels.clone(), len, cols);
        // SAFETY: every tile of pixels is written by one thread.
        let y = unsafe { strip(&y, i * o * plane + pixels.start, o, len, plane) };
        let bias = bias.map(|b| &b[g * o..(g + 1) * o]);
        product(weight_matrix(d, weight, g, 0, c), dense(cols, taps, len), bias, y);
    });
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
