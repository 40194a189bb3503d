//! The pools against loops that follow the definition window by window.

use super::*;
use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};
use crate::dtype::{Element, Real};

/// planes, size, kernel, stride, pad, dilation, ceil
type Case = (usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2], bool);

const CASES: [Case; 15] = [
    (0, [4, 4], [2, 2], [2, 2], [0, 0], [1, 1], false),
    (1, [2, 2], [2, 2], [2, 2], [0, 0], [1, 1], false),
    (6, [28, 28], [2, 2], [2, 2], [0, 0], [1, 1], false),
    (3, [7, 9], [2, 2], [2, 2], [0, 0], [1, 1], false),
    (3, [7, 9], [2, 2], [2, 2], [0, 0], [1, 1], true),
    (40, [32, 34], [2, 2], [2, 2], [0, 0], [1, 1], false),
    (2, [8, 8], [3, 3], [2, 2], [1, 1], [1, 1], false),
    (2, [8, 7], [3, 3], [2, 2], [1, 1], [1, 1], true),
    (2, [9, 11], [3, 2], [1, 1], [1, 1], [1, 1], false),
    (1, [1, 20], [1, 4], [1, 3], [0, 2], [1, 1], true),
    (2, [10, 13], [2, 3], [3, 4], [1, 0], [1, 1], true),
    (2, [12, 12], [3, 3], [1, 2], [1, 1], [2, 3], false),
    (2, [5, 5], [5, 5], [1, 1], [0, 0], [1, 1], false),
    (1, [6, 5], [2, 2], [4, 3], [1, 1], [1, 2], true),
    (2, [3, 2], [2, 2], [1, 1], [1, 1], [1, 3], false),
];

fn pools() -> impl Iterator<Item = Pool2d> {
    CASES.iter().map(|&(planes, size, kernel, stride, pad, dilation, ceil)| {
        let out = [0, 1].map(|a| out_size(size[a], kernel[a], stride[a], pad[a], dilation[a], ceil));
        Pool2d { planes, size, kernel, stride, pad, dilation, out }
    })
}

/// The places of a window that lie in the image, and the number of the window.
fn each_window(d: &Pool2d, mut f: impl FnMut(usize, usize, [usize; 2], Vec<usize>)) {
    let mut n = 0;
    for plane in 0..d.planes {
        for oh in 0..d.out[0] {
            for ow in 0..d.out[1] {
                let mut places = vec![];
                for kh in 0..d.kernel[0] {
                    for kw in 0..d.kernel[1] {
                        let at = |a: usize, o: usize, k: usize| {
                            (o * d.stride[a] + k * d.dilation[a]) as isize - d.pad[a] as isize
                        };
                        let (i, j) = (at(0, oh, kh), at(1, ow, kw));
                        if (0..d.size[0] as isize).contains(&i) && (0..d.size[1] as isize).contains(&j) {
                            places.push(i as usize * d.size[1] + j as usize);
                        }
                    }
                }
                f(n, plane, [oh, ow], places);
                n += 1;
            }
        }
    }
}

fn max_pools<T: Element>(x: impl Fn(usize) -> Vec<T>) {
    for d in pools() {
        let x = x(d.planes * d.plane());
        let (got, places) = same_for_any_thread_count(|| {
            let n = d.planes * d.out_plane();
            let (mut y, mut place, mut alone) = (vec![T::default(); n], vec![0; n], vec![T::default(); n]);
            max_pool2d(d, &x, &mut y, Some(&mut place));
            max_pool2d(d, &x, &mut alone, None);
            assert_eq!(format!("{y:?}"), format!("{alone:?}"));
            (format!("{y:?}"), place)
        });
        let mut want = vec![];
        each_window(&d, |n, plane, _, window| {
            let x = &x[plane * d.plane()..];
            let mut best = None;
            for i in window {
                if best.is_none_or(|b: usize| x[i] > x[b] || x[i].is_nan()) {
                    best = Some(i);
                }
            }
            assert_eq!(places[n], best.map_or(-1, |b| b as i64), "{d:?} window {n}");
            want.push(best.map_or(T::from_f64(f64::NEG_INFINITY), |b| x[b]));
        });
        assert_eq!(got, format!("{want:?}"), "{d:?}");
    }
}

#[test]
fn the_maximum_and_its_place() {
    max_pools(|n| numbers::<f32>(n, 1));
    max_pools(|n| numbers::<f64>(n, 2));
    max_pools(|n| numbers::<half::bf16>(n, 2));
    max_pools(|n| (0..n as i64).map(|i| i * i % 17 - 20).collect::<Vec<i64>>());
    max_pools(|n| (0..n).map(|i| (i * i % 17) as u8).collect::<Vec<u8>>());
    // Equal numbers, NaN and infinities.
    max_pools(|n| {
        let special = [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, 1.0, 1.0, -1.0, f32::NEG_INFINITY];
        (0..n).map(|i| special[i * i % 61 % 7]).collect::<Vec<f32>>()
    });
    max_pools(|n| vec![f64::NEG_INFINITY; n]);
}

#[test]
fn the_gradient_of_a_maximum() {
    for d in pools() {
        let x = numbers::<f32>(d.planes * d.plane(), 1);
        let dy = numbers::<f32>(d.planes * d.out_plane(), 2);
        let mut y = vec![0.0; dy.len()];
        let mut place = vec![0; dy.len()];
        max_pool2d(d, &x, &mut y, Some(&mut place));
        let got = same_for_any_thread_count(|| {
            let mut dx = vec![1.0; x.len()];
            max_pool2d_backward(d, &place, &dy, &mut dx);
            dx
        });
        let mut want = vec![0.0; x.len()];
        each_window(&d, |n, plane, _, window| {
            if !window.is_empty() {
                want[plane * d.plane() + place[n] as usize] += f64::from(dy[n]);
            }
        });
        close(&got, &want, 1e-6, &format!("{d:?}"));
    }
}

fn avg_pools<T: Real>(tolerance: f64) {
    for d in pools().filter(|d| d.dilation == [1, 1]) {
        let (x, dy) = (numbers::<T>(d.planes * d.plane(), 1), numbers::<T>(d.planes * d.out_plane(), 2));
        for divisor in [Divisor::WithPadding, Divisor::Inside, Divisor::Fixed(-3.0)] {
            let (y, dx) = same_for_any_thread_count(|| {
                let (mut y, mut dx) = (vec![T::ONE; dy.len()], vec![T::ONE; x.len()]);
                avg_pool2d(d, divisor, &x, &mut y);
                avg_pool2d_backward(d, divisor, &dy, &mut dx);
                (y, dx)
            });
            let (mut want, mut want_dx) = (vec![], vec![0.0; x.len()]);
            each_window(&d, |n, plane, o, window| {
                let padded = |a: usize| {
                    let begin = o[a] * d.stride[a];
                    (begin + d.kernel[a]).min(d.size[a] + 2 * d.pad[a]) - begin
                };
                let by = match divisor {
                    Divisor::WithPadding => (padded(0) * padded(1)) as f64,
                    Divisor::Inside => (window.len() as f64).max(1.0),
                    Divisor::Fixed(by) => by,
                };
                want.push(window.iter().map(|i| x[plane * d.plane() + i].to_f64()).sum::<f64>() / by);
                window.iter().for_each(|i| want_dx[plane * d.plane() + i] += dy[n].to_f64() / by);
            });
            close(&y, &want, tolerance, &format!("{d:?} {divisor:?}"));
            close(&dx, &want_dx, tolerance, &format!("{d:?} {divisor:?}"));
        }
    }
}

#[test]
fn the_mean_and_its_gradient() {
    avg_pools::<f32>(1e-5);
    avg_pools::<f64>(1e-13);
}

#[test]
fn a_window_begins_inside() {
    // (size, kernel, stride, pad, dilation, ceil) and what PyTorch makes of it.
    assert_eq!(out_size(1, 2, 2, 1, 1, true), 1);
    assert_eq!(out_size(5, 2, 2, 0, 1, false), 2);
    assert_eq!(out_size(5, 2, 2, 0, 1, true), 3);
    assert_eq!(out_size(7, 3, 2, 1, 1, true), 4);
    assert_eq!(out_size(6, 2, 4, 1, 1, true), 2);
    assert_eq!(out_size(1, 2, 1, 0, 3, false), 0);
    assert_eq!(out_size(0, 2, 2, 1, 1, false), 1);
}

fn adaptive_pools<T: Real>(tolerance: f64) {
    let cases = [
        (2, [7, 9], [3, 4]),
        (1, [8, 8], [1, 1]),
        (3, [3, 3], [5, 7]),
        (0, [3, 3], [2, 2]),
        (2, [4, 4], [0, 2]),
        (40, [32, 32], [4, 8]),
        (2, [6, 5], [6, 5]),
    ];
    for (planes, size, out) in cases {
        let d = Adaptive2d { planes, size, out };
        let (plane, out_plane) = (size[0] * size[1], out[0] * out[1]);
        let (x, dy) = (numbers::<T>(planes * plane, 1), numbers::<T>(planes * out_plane, 2));
        let (y, dx) = same_for_any_thread_count(|| {
            let (mut y, mut dx) = (vec![T::ONE; dy.len()], vec![T::ONE; x.len()]);
            adaptive_avg_pool2d(d, &x, &mut y);
            adaptive_avg_pool2d_backward(d, &dy, &mut dx);
            (y, dx)
        });
        let (mut want, mut want_dx) = (vec![], vec![0.0; x.len()]);
        for (n, dy) in dy.iter().enumerate() {
            let part = |a: usize, o: usize| {
                let at = |o: usize| o as f64 * size[a] as f64 / out[a] as f64;
                at(o).floor() as usize..at(o + 1).ceil() as usize
            };
            let o = n % out_plane;
            let mut window = vec![];
            for i in part(0, o / out[1]) {
                window.extend(part(1, o % out[1]).map(|j| n / out_plane * plane + i * size[1] + j));
            }
            let count = window.len() as f64;
            want.push(window.iter().map(|&i| x[i].to_f64()).sum::<f64>() / count);
            window.iter().for_each(|&i| want_dx[i] += dy.to_f64() / count);
        }
        close(&y, &want, tolerance, &format!("{d:?}"));
        close(&dx, &want_dx, tolerance, &format!("{d:?}"));
    }
}

#[test]
fn adaptive_means_and_their_gradient() {
    adaptive_pools::<f32>(1e-5);
    adaptive_pools::<f64>(1e-13);
}
