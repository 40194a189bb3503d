//! The pools against loops that follow the definition window by window.

use super::*;
use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};
use crate::dtype::{Element, Real};

/// planes, size, kernel, stride, pad, dilation, ceil; along the last axes of the volume.
type Case<'a> = (usize, &'a [usize], &'a [usize], &'a [usize], &'a [usize], &'a [usize], bool);

const CASES: [Case<'static>; 20] = [
    (0, &[4, 4], &[2, 2], &[2, 2], &[0, 0], &[1, 1], false),
    (1, &[2, 2], &[2, 2], &[2, 2], &[0, 0], &[1, 1], false),
    (6, &[28, 28], &[2, 2], &[2, 2], &[0, 0], &[1, 1], false),
    (3, &[7, 9], &[2, 2], &[2, 2], &[0, 0], &[1, 1], false),
    (3, &[7, 9], &[2, 2], &[2, 2], &[0, 0], &[1, 1], true),
    (40, &[32, 34], &[2, 2], &[2, 2], &[0, 0], &[1, 1], false),
    (2, &[8, 8], &[3, 3], &[2, 2], &[1, 1], &[1, 1], false),
    (2, &[8, 7], &[3, 3], &[2, 2], &[1, 1], &[1, 1], true),
    (2, &[9, 11], &[3, 2], &[1, 1], &[1, 1], &[1, 1], false),
    (1, &[1, 20], &[1, 4], &[1, 3], &[0, 2], &[1, 1], true),
    (2, &[10, 13], &[2, 3], &[3, 4], &[1, 0], &[1, 1], true),
    (2, &[12, 12], &[3, 3], &[1, 2], &[1, 1], &[2, 3], false),
    (2, &[5, 5], &[5, 5], &[1, 1], &[0, 0], &[1, 1], false),
    (1, &[6, 5], &[2, 2], &[4, 3], &[1, 1], &[1, 2], true),
    (2, &[3, 2], &[2, 2], &[1, 1], &[1, 1], &[1, 3], false),
    (2, &[4, 5, 6], &[2, 2, 2], &[2, 2, 2], &[0, 0, 0], &[1, 1, 1], false),
    (2, &[5, 4, 7], &[3, 2, 3], &[2, 1, 2], &[1, 1, 1], &[1, 1, 1], true),
    (1, &[6, 5, 8], &[2, 3, 2], &[1, 2, 3], &[1, 0, 1], &[2, 1, 3], false),
    (0, &[2, 3, 3], &[2, 2, 2], &[1, 1, 1], &[0, 0, 0], &[1, 1, 1], false),
    (2, &[2, 6, 6], &[1, 2, 2], &[1, 2, 2], &[0, 0, 0], &[1, 1, 1], false),
];

/// The last axes of three; the others are `none`.
fn volume(last: &[usize], none: usize) -> [usize; 3] {
    let mut all = [none; 3];
    all[3 - last.len()..].copy_from_slice(last);
    all
}

fn pools() -> impl Iterator<Item = Pool> {
    CASES.iter().map(|&(planes, size, kernel, stride, pad, dilation, ceil)| {
        let (size, kernel, stride) = (volume(size, 1), volume(kernel, 1), volume(stride, 1));
        let (pad, dilation) = (volume(pad, 0), volume(dilation, 1));
        let out = [0, 1, 2].map(|a| out_size(size[a], kernel[a], stride[a], pad[a], dilation[a], ceil));
        Pool { planes, size, kernel, stride, pad, dilation, out }
    })
}

/// Number `n` of a box of `sizes` as a place along each axis.
fn along(n: usize, sizes: [usize; 3]) -> [usize; 3] {
    [n / sizes[2] / sizes[1], n / sizes[2] % sizes[1], n % sizes[2]]
}

/// The places of a window that lie in the volume, and the number of the window.
fn each_window(d: &Pool, mut f: impl FnMut(usize, usize, [usize; 3], Vec<usize>)) {
    for n in 0..d.planes * d.out_plane() {
        let o = along(n % d.out_plane(), d.out);
        let mut places = vec![];
        for k in 0..d.kernel.iter().product() {
            let k = along(k, d.kernel);
            let at =
                [0, 1, 2].map(|a| (o[a] * d.stride[a] + k[a] * d.dilation[a]) as isize - d.pad[a] as isize);
            if (0..3).all(|a| (0..d.size[a] as isize).contains(&at[a])) {
                let [i, j, k] = at.map(|n| n as usize);
                places.push((i * d.size[1] + j) * d.size[2] + k);
            }
        }
        f(n, n / d.out_plane(), o, places);
    }
}

fn max_pools<T: Element>(x: impl Fn(usize) -> Vec<T>) {
    for d in pools() {
        let x = x(d.planes * d.plane());
        let (got, places) = same_for_any_thread_count(|| {
            let n = d.planes * d.out_plane();
            let (mut y, mut place, mut alone) = (vec![T::default(); n], vec![0; n], vec![T::default(); n]);
            max_pool(d, &x, &mut y, Some(&mut place));
            max_pool(d, &x, &mut alone, None);
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
            assert_eq!(places[n], best.map_or(-1, |b| b as i32), "{d:?} window {n}");
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
        max_pool(d, &x, &mut y, Some(&mut place));
        let got = same_for_any_thread_count(|| {
            let mut dx = vec![1.0; x.len()];
            max_pool_backward(d.chosen(), &place, &dy, &mut dx);
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
    for d in pools().filter(|d| d.dilation == [1, 1, 1]) {
        let (x, dy) = (numbers::<T>(d.planes * d.plane(), 1), numbers::<T>(d.planes * d.out_plane(), 2));
        for divisor in [Divisor::WithPadding, Divisor::Inside, Divisor::Fixed(-3.0)] {
            let (y, dx) = same_for_any_thread_count(|| {
                let (mut y, mut dx) = (vec![T::ONE; dy.len()], vec![T::ONE; x.len()]);
                avg_pool(d, divisor, &x, &mut y);
                avg_pool_backward(d, divisor, &dy, &mut dx);
                (y, dx)
            });
            let (mut want, mut want_dx) = (vec![], vec![0.0; x.len()]);
            each_window(&d, |n, plane, o, window| {
                let padded = |a: usize| {
                    let begin = o[a] * d.stride[a];
                    (begin + d.kernel[a]).min(d.size[a] + 2 * d.pad[a]) - begin
                };
                let by = match divisor {
                    Divisor::WithPadding => (padded(0) * padded(1) * padded(2)) as f64,
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

/// The adaptive pools: planes, size, out.
const PARTS: [(usize, [usize; 3], [usize; 3]); 10] = [
    (2, [1, 7, 9], [1, 3, 4]),
    (1, [1, 8, 8], [1, 1, 1]),
    (3, [1, 3, 3], [1, 5, 7]),
    (0, [1, 3, 3], [1, 2, 2]),
    (2, [1, 4, 4], [1, 0, 2]),
    (40, [1, 32, 32], [1, 4, 8]),
    (2, [1, 6, 5], [1, 6, 5]),
    (2, [5, 4, 7], [2, 3, 4]),
    (1, [3, 3, 3], [1, 1, 1]),
    (2, [2, 3, 2], [4, 2, 3]),
];

/// The places of part `o` of a volume.
fn part(d: &Adaptive, o: usize) -> Vec<usize> {
    let o = along(o, d.out);
    let range = |a: usize| {
        let at = |o: usize| o as f64 * d.size[a] as f64 / d.out[a] as f64;
        at(o[a]).floor() as usize..at(o[a] + 1).ceil() as usize
    };
    let mut places = vec![];
    for i in range(0) {
        for j in range(1) {
            places.extend(range(2).map(|k| (i * d.size[1] + j) * d.size[2] + k));
        }
    }
    places
}

fn adaptive_pools<T: Real>(tolerance: f64) {
    for (planes, size, out) in PARTS {
        let d = Adaptive { planes, size, out };
        let Chosen { plane, out: out_plane, .. } = d.chosen();
        let (x, dy) = (numbers::<T>(planes * plane, 1), numbers::<T>(planes * out_plane, 2));
        let (y, dx) = same_for_any_thread_count(|| {
            let (mut y, mut dx) = (vec![T::ONE; dy.len()], vec![T::ONE; x.len()]);
            adaptive_avg_pool(d, &x, &mut y);
            adaptive_avg_pool_backward(d, &dy, &mut dx);
            (y, dx)
        });
        let (mut want, mut want_dx) = (vec![], vec![0.0; x.len()]);
        for (n, dy) in dy.iter().enumerate() {
            let window: Vec<usize> =
                part(&d, n % out_plane).iter().map(|i| n / out_plane * plane + i).collect();
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

/// The first of the largest; the last NaN if there is one.
fn largest(x: &[f32], window: impl IntoIterator<Item = usize>) -> i64 {
    let best = window.into_iter().reduce(|b, i| if x[i] > x[b] || x[i].is_nan() { i } else { b });
    best.map_or(-1, |b| b as i64)
}

#[test]
fn the_maximum_of_a_part() {
    for (planes, size, out) in PARTS {
        let d = Adaptive { planes, size, out };
        let Chosen { plane, out: out_plane, .. } = d.chosen();
        let mut x = numbers::<f32>(planes * plane, 1);
        x.iter_mut().step_by(7).for_each(|x| *x = f32::NAN);
        let (y, place) = same_for_any_thread_count(|| {
            let (mut y, mut place) = (vec![0.0; planes * out_plane], vec![0; planes * out_plane]);
            adaptive_max_pool(d, &x, &mut y, &mut place);
            (y.iter().map(|y| y.to_bits()).collect::<Vec<u32>>(), place)
        });
        for n in 0..y.len() {
            let x = &x[n / out_plane * plane..];
            assert_eq!(place[n], largest(x, part(&d, n % out_plane)), "{d:?} part {n}");
            assert_eq!(y[n], x[place[n] as usize].to_bits());
        }
    }
}

#[test]
fn windows_at_random_places() {
    let cases = [
        (3, [1, 9, 8], [1, 2, 3], [1, 4, 5], 2, [0, 1, 0]),
        (2, [6, 5, 7], [2, 2, 2], [3, 4, 1], 3, [0, 1, 2]),
        (1, [1, 6, 6], [1, 2, 2], [1, 5, 0], 2, [0, 1, 0]),
    ];
    for (planes, size, kernel, out, axes, order) in cases {
        let d = Fraction { planes, size, kernel, out, axes, order };
        let Chosen { plane, out: out_plane, .. } = d.chosen();
        let x = numbers::<f32>(planes * plane, 1);
        let shifts: Vec<f32> = numbers::<f32>(planes * axes, 2).iter().map(|n| n.abs()).collect();
        let (y, place) = same_for_any_thread_count(|| {
            let (mut y, mut place) = (vec![0.0; planes * out_plane], vec![0; planes * out_plane]);
            fractional_max_pool(d, &x, &shifts, &mut y, &mut place);
            (y, place)
        });
        for n in 0..y.len() {
            let (plane_of, o) = (n / out_plane, along(n % out_plane, out));
            let begin = [0, 1, 2].map(|a| {
                let (shift, last) = (shifts[plane_of * axes + order[a]], size[a] - kernel[a]);
                if o[a] + 1 == out[a] {
                    return last;
                }
                let alpha = last as f32 / (out[a] - 1) as f32;
                ((o[a] as f32 + shift) * alpha) as usize - (shift * alpha) as usize
            });
            let window = (0..kernel.iter().product()).map(|k| {
                let k = along(k, kernel);
                let [i, j, k] = [0, 1, 2].map(|a| begin[a] + k[a]);
                (i * size[1] + j) * size[2] + k
            });
            let x = &x[plane_of * plane..];
            assert_eq!(place[n], largest(x, window), "{d:?} window {n}");
            assert_eq!(y[n], x[place[n] as usize]);
        }
    }
}

#[test]
fn numbers_go_back_to_their_places() {
    let d = Chosen { planes: 2, plane: 5, out: 3 };
    let x = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let mut y = [9.0; 10];
    assert_eq!(max_unpool(d, &x, &[0, 4, 0, 3, 2, 1], &mut y), Ok(()));
    assert_eq!(y, [3.0, 0.0, 0.0, 0.0, 2.0, 0.0, 6.0, 5.0, 4.0, 0.0]);
    assert_eq!(max_unpool(d, &x, &[0, 4, 5, 3, 2, 1], &mut y), Err(OutOfVolume(5)));
    assert_eq!(max_unpool(d, &x, &[0, 4, 5, 3, -2, 1], &mut y), Err(OutOfVolume(-2)));
    assert_eq!(max_unpool(Chosen { plane: 0, ..d }, &x, &[0; 6], &mut y[..0]), Err(OutOfVolume(0)));
}
