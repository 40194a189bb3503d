//! Every path against seven loops.

use super::*;
use crate::backend::cpu::testing::{at_every_level, close, numbers};

#[derive(Clone, Copy)]
enum Pass {
    Forward,
    Input,
    Weight,
}

/// The definition. Each product of an input, a weight and an output goes where the pass wants it.
fn naive(d: &Conv2d, pass: Pass, x: &[f64], w: &[f64], y: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; [y.len(), x.len(), w.len()][pass as usize]];
    let (c_in, c_out) = d.per_group();
    for n in 0..d.n {
        for o in 0..d.c_out {
            for c in 0..c_in {
                for oh in 0..d.out_h() {
                    for ow in 0..d.out_w() {
                        for i in 0..d.kh {
                            for j in 0..d.kw {
                                let row = (oh * d.stride[0] + i * d.dilation[0]).wrapping_sub(d.pad[0]);
                                let column = (ow * d.stride[1] + j * d.dilation[1]).wrapping_sub(d.pad[1]);
                                if row >= d.h || column >= d.w {
                                    continue;
                                }
                                let channel = o / c_out * c_in + c;
                                let at_x = ((n * d.c_in + channel) * d.h + row) * d.w + column;
                                let at_w = ((o * c_in + c) * d.kh + i) * d.kw + j;
                                let at_y = ((n * d.c_out + o) * d.out_h() + oh) * d.out_w() + ow;
                                match pass {
                                    Pass::Forward => out[at_y] += x[at_x] * w[at_w],
                                    Pass::Input => out[at_x] += y[at_y] * w[at_w],
                                    Pass::Weight => out[at_w] += x[at_x] * y[at_y],
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    out
}

/// n, c_in, c_out, groups, [h, w], [kh, kw], stride, pad, dilation
type Case = (usize, usize, usize, usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

const CASES: [Case; 59] = [
    // The nets that matter here, with a smaller batch: LeNet, its digits version, CIFAR.
    (40, 1, 6, 1, [28, 28], [5, 5], [1, 1], [2, 2], [1, 1]),
    (32, 6, 16, 1, [14, 14], [5, 5], [1, 1], [0, 0], [1, 1]),
    (64, 1, 8, 1, [8, 8], [3, 3], [1, 1], [1, 1], [1, 1]),
    (16, 3, 32, 1, [16, 16], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 32, 64, 1, [10, 10], [3, 3], [1, 1], [1, 1], [1, 1]),
    // Deep enough for minimal filtering: bands of rows, bands of several images, odd sizes, every padding.
    (5, 50, 49, 1, [15, 13], [3, 3], [1, 1], [1, 1], [1, 1]),
    (21, 48, 50, 1, [7, 6], [3, 3], [1, 1], [2, 0], [1, 1]),
    (70, 48, 48, 1, [4, 4], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 48, 51, 1, [9, 140], [3, 3], [1, 1], [0, 2], [1, 1]),
    // The same with dilations.
    (2, 48, 50, 1, [21, 30], [3, 3], [1, 1], [2, 2], [2, 2]),
    (1, 50, 48, 1, [40, 41], [3, 3], [1, 1], [0, 3], [3, 3]),
    (1, 48, 48, 1, [31, 62], [3, 3], [1, 1], [1, 4], [1, 2]),
    // Rows that fill the registers: several bands, blocks of channels and images, strides, groups, all kinds of padding.
    (3, 3, 7, 1, [67, 70], [7, 7], [2, 2], [3, 3], [1, 1]),
    (1, 30, 8, 1, [24, 32], [5, 5], [1, 1], [2, 2], [1, 1]),
    (2, 8, 6, 2, [33, 48], [3, 3], [1, 1], [2, 2], [2, 2]),
    (33, 4, 5, 1, [8, 16], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 5, 17, 1, [28, 30], [3, 3], [1, 1], [4, 3], [1, 1]),
    (1, 40, 33, 1, [1, 900], [1, 5], [1, 1], [0, 2], [1, 1]),
    // Nothing: no images, no channels in, no pixels.
    (0, 3, 4, 1, [5, 5], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 0, 4, 1, [5, 5], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 3, 4, 1, [2, 2], [3, 3], [1, 1], [0, 0], [1, 1]),
    (2, 3, 0, 1, [4, 4], [3, 3], [1, 1], [0, 0], [1, 1]),
    // One image, odd sizes, every stride, padding and dilation.
    (1, 1, 1, 1, [1, 1], [1, 1], [1, 1], [0, 0], [1, 1]),
    (1, 3, 5, 1, [7, 9], [3, 2], [1, 1], [1, 0], [1, 1]),
    (3, 2, 4, 1, [11, 8], [3, 3], [2, 3], [1, 2], [1, 1]),
    (2, 4, 6, 2, [9, 9], [3, 3], [1, 2], [2, 2], [2, 2]),
    (1, 2, 3, 1, [12, 13], [2, 4], [3, 1], [3, 4], [2, 3]),
    (1, 5, 7, 1, [40, 40], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 40, 3, 1, [6, 6], [5, 5], [1, 1], [4, 4], [1, 1]),
    // The same with a batch that fills the registers, or nearly.
    (16, 3, 5, 1, [7, 9], [3, 2], [1, 1], [1, 0], [1, 1]),
    (17, 2, 4, 1, [11, 8], [3, 3], [2, 3], [1, 2], [1, 1]),
    (13, 4, 6, 2, [9, 9], [3, 3], [1, 2], [2, 2], [2, 2]),
    (32, 2, 3, 1, [12, 13], [2, 4], [3, 1], [3, 4], [2, 3]),
    (16, 1, 1, 1, [5, 6], [2, 2], [3, 3], [0, 0], [1, 1]),
    (48, 7, 13, 1, [4, 4], [3, 3], [1, 1], [1, 1], [1, 1]),
    (16, 2, 9, 1, [6, 5], [4, 3], [4, 6], [2, 2], [2, 4]),
    (100, 2, 2, 1, [3, 3], [3, 3], [1, 1], [2, 2], [1, 1]),
    (16, 6, 4, 2, [3, 20], [1, 3], [1, 2], [0, 1], [1, 1]),
    // One row: a 1-D convolution.
    (20, 3, 4, 1, [1, 50], [1, 5], [1, 2], [0, 2], [1, 1]),
    (2, 3, 4, 1, [1, 50], [1, 5], [1, 2], [0, 2], [1, 3]),
    // 1x1, and planes so small that several images are multiplied at once.
    (70, 5, 8, 1, [2, 2], [1, 1], [1, 1], [0, 0], [1, 1]),
    (5, 30, 9, 1, [4, 4], [3, 3], [1, 1], [1, 1], [1, 1]),
    (3, 8, 5, 1, [6, 7], [1, 1], [1, 1], [0, 0], [1, 1]),
    (20, 8, 6, 2, [4, 4], [1, 1], [1, 1], [0, 0], [1, 1]),
    (16, 3, 4, 1, [7, 7], [1, 1], [2, 2], [0, 0], [1, 1]),
    // Products of all images: steps in parts, columns of two images and of many, few columns, many channels, groups.
    (3, 400, 20, 1, [7, 9], [1, 1], [1, 1], [0, 0], [1, 1]),
    (1, 10, 300, 1, [5, 5], [1, 1], [1, 1], [0, 0], [1, 1]),
    (6, 8, 60, 2, [9, 17], [1, 1], [2, 3], [0, 0], [1, 1]),
    (60, 6, 4, 1, [3, 1], [1, 1], [1, 1], [0, 0], [1, 1]),
    (2, 40, 70, 1, [11, 10], [3, 3], [2, 2], [1, 0], [1, 1]),
    (2, 3, 33, 1, [9, 13], [2, 3], [3, 3], [1, 1], [1, 1]),
    (3, 10, 68, 2, [12, 11], [2, 2], [2, 2], [0, 1], [1, 1]),
    // A channel per group, one or two outputs each.
    (2, 6, 6, 6, [9, 10], [3, 3], [1, 1], [1, 1], [1, 1]),
    (3, 4, 8, 4, [9, 10], [5, 3], [2, 2], [2, 1], [1, 2]),
    (20, 3, 3, 3, [8, 8], [3, 3], [3, 1], [0, 1], [1, 1]),
    (1, 2, 2, 2, [3, 3], [3, 3], [1, 1], [2, 2], [2, 2]),
    (2, 2, 6, 2, [11, 12], [2, 5], [2, 3], [4, 3], [3, 2]),
    (2, 3, 3, 3, [9, 9], [2, 2], [5, 9000], [1, 1], [1, 1]),
    (1, 2, 2, 2, [70, 72], [3, 3], [1, 1], [1, 1], [1, 1]),
];

fn convolution(&(n, c_in, c_out, groups, [h, w], [kh, kw], stride, pad, dilation): &Case) -> Conv2d {
    Conv2d { n, c_in, c_out, groups, h, w, kh, kw, stride, pad, dilation }
}

fn compare<T: HasRegisters>(tolerance: f64) {
    let wide = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
    for d in CASES.iter().map(convolution) {
        let x = numbers::<T>(d.n * d.c_in * d.plane(), 1);
        let w = numbers::<T>(d.c_out * d.taps(), 2);
        let dy = numbers::<T>(d.n * d.c_out * d.out_plane(), 3);
        let bias = numbers::<T>(d.c_out, 4);
        let all = || {
            let [mut y, mut plain] = [vec![T::ONE; dy.len()], vec![T::ONE; dy.len()]];
            let [mut dx, mut dw, mut db] = [&x, &w, &bias].map(|like| vec![T::ONE; like.len()]);
            forward(d, &x, &w, Some(&bias), &mut y);
            forward(d, &x, &w, None, &mut plain);
            backward_input(d, &dy, &w, &mut dx);
            backward_weight(d, &x, &dy, &mut dw);
            backward_bias(d, &dy, &mut db);
            [y, plain, dx, dw, db]
        };
        let run = |pass| naive(&d, pass, &wide(&x), &wide(&w), &wide(&dy));
        let plain = run(Pass::Forward);
        let channel = |i: usize| i / d.out_plane() % d.c_out;
        let mut db = vec![0.0; d.c_out];
        dy.iter().enumerate().for_each(|(i, dy)| db[channel(i)] += dy.to_f64());
        let y = plain.iter().enumerate().map(|(i, y)| y + bias[channel(i)].to_f64()).collect();
        let want = [y, plain, run(Pass::Input), run(Pass::Weight), db];
        at_every_level(all, |level, got| {
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                close(got, want, tolerance, &format!("{level:?} {d:?} result {i}"));
            }
        });
    }
}

#[test]
fn every_path_equals_the_naive_twin_in_f32() {
    compare::<f32>(1e-4);
}

#[test]
fn every_path_equals_the_naive_twin_in_f64() {
    compare::<f64>(1e-12);
}

/// Both sizes of minimal filtering on layers that they might not be chosen for: odd sizes, rows of several registers,
/// every padding, one image and many, one channel and more than a block.
const FILTERED: [Case; 8] = [
    (1, 70, 67, 1, [9, 11], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 1, 1, 1, [3, 3], [3, 3], [1, 1], [0, 0], [1, 1]),
    (2, 5, 16, 1, [4, 70], [3, 3], [1, 1], [0, 2], [1, 1]),
    (1, 3, 2, 1, [41, 5], [3, 3], [1, 1], [2, 1], [1, 1]),
    (13, 17, 6, 1, [6, 7], [3, 3], [1, 1], [2, 2], [1, 1]),
    (30, 9, 15, 1, [1, 2], [3, 3], [1, 1], [2, 1], [1, 1]),
    (3, 48, 50, 1, [16, 18], [3, 3], [1, 1], [1, 0], [1, 1]),
    (1, 2, 3, 1, [8, 140], [3, 3], [1, 1], [1, 1], [1, 1]),
];

fn compare_filtered<T: HasRegisters>(size: winograd::Size, tolerance: f64) {
    let wide = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
    for d in FILTERED.iter().map(convolution) {
        let x = numbers::<T>(d.n * d.c_in * d.plane(), 1);
        let w = numbers::<T>(d.c_out * d.taps(), 2);
        let dy = numbers::<T>(d.n * d.c_out * d.out_plane(), 3);
        let bias = numbers::<T>(d.c_out, 4);
        let both = || {
            let [mut y, mut dx] = [&dy, &x].map(|like| vec![T::ONE; like.len()]);
            winograd::forward(size, &d, &x, &w, Some(&bias), &mut y);
            winograd::backward_input(size, &d, &dy, &w, &mut dx);
            [y, dx]
        };
        let [mut y, dx] =
            [Pass::Forward, Pass::Input].map(|pass| naive(&d, pass, &wide(&x), &wide(&w), &wide(&dy)));
        y.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i / d.out_plane() % d.c_out].to_f64());
        at_every_level(both, |level, [got_y, got_dx]| {
            close(&got_y, &y, tolerance, &format!("{level:?} {d:?} forward"));
            close(&got_dx, &dx, tolerance, &format!("{level:?} {d:?} backward"));
        });
    }
}

#[test]
fn small_tiles_equal_the_naive_twin() {
    compare_filtered::<f32>(winograd::Size::Two, 3e-5);
    compare_filtered::<f64>(winograd::Size::Two, 1e-13);
}

#[test]
fn large_tiles_equal_the_naive_twin() {
    compare_filtered::<f32>(winograd::Size::Four, 5e-5);
    compare_filtered::<f64>(winograd::Size::Four, 1e-13);
}

/// The weight gradient by tiles: beside the layers above a slot of several bands, several slots, bands that end inside
/// an image, one column of tiles, and blocks of channels that are not full on both sides.
const WEIGHTS: [Case; 6] = [
    (40, 3, 5, 1, [16, 15], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 2, 4, 1, [900, 3], [3, 3], [1, 1], [2, 0], [1, 1]),
    (2, 33, 29, 1, [50, 47], [3, 3], [1, 1], [0, 1], [1, 1]),
    (3, 16, 28, 1, [5, 300], [3, 3], [1, 1], [1, 2], [1, 1]),
    (300, 2, 3, 1, [3, 3], [3, 3], [1, 1], [0, 0], [1, 1]),
    (9, 65, 43, 1, [10, 9], [3, 3], [1, 1], [2, 2], [1, 1]),
];

fn compare_weights<T: HasRegisters>(tolerance: f64) {
    let wide = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
    for d in FILTERED.iter().chain(&WEIGHTS).map(convolution) {
        let x = numbers::<T>(d.n * d.c_in * d.plane(), 1);
        let dy = numbers::<T>(d.n * d.c_out * d.out_plane(), 3);
        let none = vec![0.0; d.c_out * d.taps()];
        let want = naive(&d, Pass::Weight, &wide(&x), &none, &wide(&dy));
        let run = || {
            let mut dw = vec![T::ONE; want.len()];
            winograd_weight::backward_weight(&d, &x, &dy, &mut dw);
            dw
        };
        at_every_level(run, |level, got| close(&got, &want, tolerance, &format!("{level:?} {d:?}")));
    }
}

#[test]
fn weight_gradients_by_tiles_equal_the_naive_twin() {
    compare_weights::<f32>(1e-4);
    compare_weights::<f64>(1e-12);
}

#[test]
fn weight_gradients_follow_the_precision() {
    let layer = |n, c, h| convolution(&(n, c, c, 1, [h, h], [3, 3], [1, 1], [1, 1], [1, 1]));
    let fits = |d: &Conv2d| Precision::ALL.map(|p| winograd_weight::fits_at::<f32>(p, d));
    assert_eq!(fits(&layer(8, 64, 56)), [false, true, true]);
    assert_eq!(fits(&layer(1, 64, 14)), [false, true, true]);
    assert_eq!(fits(&layer(8, 8, 56)), [false; 3]);
    assert_eq!(fits(&layer(1, 512, 7)), [false; 3]);
    let strided = Conv2d { stride: [2, 2], ..layer(8, 64, 56) };
    assert_eq!(fits(&strided), [false; 3]);
}

#[test]
fn tiles_follow_the_precision() {
    use winograd::Size::{Four, Two};
    let layer = |n, c, h| convolution(&(n, c, c, 1, [h, h], [3, 3], [1, 1], [1, 1], [1, 1]));
    let sizes = |d: &Conv2d| Precision::ALL.map(|p| winograd::fits_at::<f32>(p, d));
    assert_eq!(sizes(&layer(8, 64, 56)), [None, Some(Two), Some(Four)]);
    assert_eq!(sizes(&layer(1, 64, 14)), [None, Some(Two), Some(Two)]);
    assert_eq!(sizes(&layer(8, 8, 56)), [None; 3]);
    assert_eq!(winograd::fits_at::<f64>(Precision::Medium, &layer(8, 64, 56)), Some(Two));
    assert_eq!(precision(), Precision::High);
}

#[test]
fn a_lane_without_an_image_gives_nothing() {
    // With 13 images three lanes are empty; infinities in the others must not reach them and come back as NaN.
    let d = Conv2d {
        n: 13,
        c_in: 1,
        c_out: 2,
        groups: 1,
        h: 4,
        w: 4,
        kh: 3,
        kw: 3,
        stride: [1, 1],
        pad: [0, 0],
        dilation: [1, 1],
    };
    let x = vec![f32::INFINITY; 13 * 16];
    let dy = vec![1.0f32; 13 * 2 * 4];
    let mut dw = vec![0.0; 18];
    backward_weight(d, &x, &dy, &mut dw);
    assert!(dw.iter().all(|&w| w == f32::INFINITY));
}
