//! The normalisations against their definitions, in f64 with one accumulator.

use super::*;
use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};

fn wide<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// One normalisation: the elements that share statistics, and which weight and bias an element takes.
struct Case<P: Fn(usize) -> usize> {
    groups: Vec<Vec<usize>>,
    param: P,
    w: Vec<f64>,
    b: Vec<f64>,
    eps: f64,
    /// Mean and invstd that do not come from `x`.
    fixed: Option<(Vec<f64>, Vec<f64>)>,
}

/// `y, mean, invstd, dx, dweight, dbias`.
fn naive<P: Fn(usize) -> usize>(case: &Case<P>, x: &[f64], dy: &[f64]) -> [Vec<f64>; 6] {
    let Case { groups, param, w, b, eps, fixed } = case;
    let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; w.len()]);
    let (mut means, mut invstds) = (vec![], vec![]);
    for (g, group) in groups.iter().enumerate() {
        let n = group.len() as f64;
        let mut mean = group.iter().map(|&i| x[i]).sum::<f64>() / n;
        let mut invstd = 1.0 / (group.iter().map(|&i| (x[i] - mean).powi(2)).sum::<f64>() / n + eps).sqrt();
        if let Some((m, r)) = fixed {
            (mean, invstd) = (m[g], r[g]);
        }
        let xhat = |i: usize| (x[i] - mean) * invstd;
        let gw = |i: usize| dy[i] * w[param(i)];
        let along = group.iter().map(|&i| gw(i)).sum::<f64>() / n;
        let across = group.iter().map(|&i| gw(i) * xhat(i)).sum::<f64>() / n;
        for &i in group {
            y[i] = xhat(i) * w[param(i)] + b[param(i)];
            dw[param(i)] += dy[i] * xhat(i);
            db[param(i)] += dy[i];
            dx[i] = match fixed {
                None => invstd * (gw(i) - along - xhat(i) * across),
                Some(_) => invstd * gw(i),
            };
        }
        means.push(mean);
        invstds.push(invstd);
    }
    [y, means, invstds, dx, dw, db]
}

const SHAPES: [(usize, usize, usize); 11] = [
    (1, 1, 2),
    (3, 2, 1),
    (64, 37, 1),
    (2000, 20, 1),
    (2, 3, 7),
    (5, 1, 16),
    (4, 6, 100),
    (2, 2, 5000),
    (1, 1, 9001),
    (32, 16, 64),
    (3, 0, 4),
];

fn batch_norms<T: Real>(tolerance: f64) {
    for (n, c, inner) in SHAPES {
        let d = Channels { n, c, inner };
        let size = n * c * inner;
        let (x, dy) = (numbers::<T>(size, 1), numbers::<T>(size, 2));
        let x: Vec<T> = x.iter().map(|&x| x + T::of(3.0)).collect();
        let (w, b) = (numbers::<T>(c, 3), numbers::<T>(c, 4));
        let groups: Vec<Vec<usize>> =
            (0..c).map(|c| (0..size).filter(|i| i / inner % d.c == c).collect()).collect();
        let running: (Vec<f64>, Vec<f64>) =
            (numbers(c, 5), numbers::<f64>(c, 6).iter().map(|v| v.abs()).collect());
        for train in [true, false] {
            let got = same_for_any_thread_count(|| {
                let (mut mean, mut var) = running.clone();
                if train {
                    batch_norm_stats(d, &x, &mut mean, &mut var);
                    var.iter_mut().for_each(|v| *v = 1.0 / (*v + 1e-5).sqrt());
                }
                let [mut y, mut dx] = [vec![T::ZERO; size], vec![T::ZERO; size]];
                let [mut dw, mut db] = [vec![T::ZERO; c], vec![T::ZERO; c]];
                batch_norm(d, &x, &mean, &var, Affine { weight: Some(&w), bias: Some(&b) }, &mut y);
                let grads = Grads { dx: Some(&mut dx), dweight: Some(&mut dw), dbias: Some(&mut db) };
                let saved = Saved { x: &x[..], mean: &mean, invstd: &var, weight: Some(&w) };
                batch_norm_backward(d, saved, &dy, train, grads);
                (y, mean, var, dx, dw, db)
            });
            let case = Case {
                groups: groups.clone(),
                param: |i| i / inner % d.c,
                w: wide(&w),
                b: wide(&b),
                eps: 1e-5,
                fixed: (!train).then(|| running.clone()),
            };
            let [y, mean, invstd, dx, dw, db] = naive(&case, &wide(&x), &wide(&dy));
            let what = format!("{d:?} train={train}");
            close(&got.0, &y, tolerance, &what);
            close(&got.1, &mean, tolerance, &what);
            close(&got.2, &invstd, tolerance, &what);
            close(&got.3, &dx, tolerance, &what);
            close(&got.4, &dw, tolerance * 10.0, &what);
            close(&got.5, &db, tolerance * 10.0, &what);
        }
    }
}

#[test]
fn batch_norm_equals_the_naive_twin() {
    batch_norms::<f32>(2e-5);
    batch_norms::<f64>(1e-11);
}

#[test]
fn a_mean_far_from_zero_costs_no_digits() {
    let x: Vec<f32> = (0..8192).map(|i| 10000.0 + (i % 2) as f32).collect();
    for d in [Channels { n: 2, c: 1, inner: 4096 }, Channels { n: 8192, c: 1, inner: 1 }] {
        let (mut mean, mut var) = ([0.0], [0.0]);
        batch_norm_stats(d, &x, &mut mean, &mut var);
        close(&mean, &[10000.5], 1e-12, "mean");
        close(&var, &[0.25], 1e-9, "var");
    }
}

#[test]
fn numbers_far_from_the_others_cost_no_digits() {
    for far in [0, 2048, 4080] {
        let x: Vec<f32> =
            (0..4096).map(|i| if (far..far + 16).contains(&i) { 1e3 } else { (i % 2) as f32 }).collect();
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / 4096.0;
        let squares = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
        let all = Moments::of(&x);
        close(&[all.mean, all.squares], &[mean, squares], 1e-6, "moments");
    }
}

fn layer_norms<T: Real>(tolerance: f64) {
    for (n, c, inner) in SHAPES {
        let d = Rows { rows: n * c, width: inner };
        let size = d.rows * d.width;
        let (x, dy) = (numbers::<T>(size, 1), numbers::<T>(size, 2));
        let (w, b) = (numbers::<T>(inner, 3), numbers::<T>(inner, 4));
        let groups: Vec<Vec<usize>> = (0..d.rows).map(|r| (r * inner..(r + 1) * inner).collect()).collect();
        for affine in [[true, true], [true, false], [false, true], [false, false]] {
            let (weight, bias) = (affine[0].then_some(&w[..]), affine[1].then_some(&b[..]));
            let got = same_for_any_thread_count(|| {
                let [mut y, mut dx] = [vec![T::ZERO; size], vec![T::ZERO; size]];
                let [mut mean, mut rstd] = [vec![T::ZERO; d.rows], vec![T::ZERO; d.rows]];
                let [mut dw, mut db] = [vec![T::ZERO; inner], vec![T::ZERO; inner]];
                layer_norm(d, &x, Affine { weight, bias }, 1e-3, &mut y, &mut mean, &mut rstd);
                let grads = Grads { dx: Some(&mut dx), dweight: Some(&mut dw), dbias: Some(&mut db) };
                layer_norm_backward(d, Saved { x: &x, mean: &mean, invstd: &rstd, weight }, &dy, grads);
                (y, mean, rstd, dx, dw, db)
            });
            let case = Case {
                groups: groups.clone(),
                param: |i| i % inner,
                w: if affine[0] { wide(&w) } else { vec![1.0; inner] },
                b: if affine[1] { wide(&b) } else { vec![0.0; inner] },
                eps: 1e-3,
                fixed: None,
            };
            let [y, mean, rstd, dx, dw, db] = naive(&case, &wide(&x), &wide(&dy));
            let what = format!("{d:?} {affine:?}");
            close(&got.0, &y, tolerance, &what);
            close(&got.1, &mean, tolerance, &what);
            close(&got.2, &rstd, tolerance, &what);
            close(&got.3, &dx, tolerance, &what);
            close(&got.4, &dw, tolerance * 10.0, &what);
            close(&got.5, &db, tolerance * 10.0, &what);
        }
    }
}

#[test]
fn layer_norm_equals_the_naive_twin() {
    layer_norms::<f32>(2e-5);
    layer_norms::<f64>(1e-11);
}

fn group_norms<T: Real>(tolerance: f64) {
    for (n, groups, width, inner) in
        [(1, 1, 1, 1), (3, 2, 4, 1), (2, 3, 2, 7), (5, 2, 3, 100), (32, 8, 8, 49)]
    {
        let d = Groups { n, groups, width, inner };
        let (c, each) = (groups * width, width * inner);
        let size = n * c * inner;
        let (x, dy) = (numbers::<T>(size, 1), numbers::<T>(size, 2));
        let (w, b) = (numbers::<T>(c, 3), numbers::<T>(c, 4));
        let all: Vec<Vec<usize>> = (0..n * groups).map(|g| (g * each..(g + 1) * each).collect()).collect();
        for affine in [[true, true], [true, false], [false, true], [false, false]] {
            let (weight, bias) = (affine[0].then_some(&w[..]), affine[1].then_some(&b[..]));
            let got = same_for_any_thread_count(|| {
                let [mut y, mut dx] = [vec![T::ZERO; size], vec![T::ZERO; size]];
                let [mut mean, mut invstd] = [vec![0.0; n * groups], vec![0.0; n * groups]];
                let [mut dw, mut db] = [vec![T::ZERO; c], vec![T::ZERO; c]];
                group_norm(d, &x, Affine { weight, bias }, 1e-3, &mut y, &mut mean, &mut invstd);
                let grads = Grads { dx: Some(&mut dx), dweight: Some(&mut dw), dbias: Some(&mut db) };
                group_norm_backward(d, Saved { x: &x, mean: &mean, invstd: &invstd, weight }, &dy, grads);
                (y, mean, invstd, dx, dw, db)
            });
            let case = Case {
                groups: all.clone(),
                param: |i| i / inner % c,
                w: if affine[0] { wide(&w) } else { vec![1.0; c] },
                b: if affine[1] { wide(&b) } else { vec![0.0; c] },
                eps: 1e-3,
                fixed: None,
            };
            let [y, mean, invstd, dx, dw, db] = naive(&case, &wide(&x), &wide(&dy));
            let what = format!("{d:?} {affine:?}");
            close(&got.0, &y, tolerance, &what);
            close(&got.1, &mean, tolerance, &what);
            close(&got.2, &invstd, tolerance, &what);
            close(&got.3, &dx, tolerance * 10.0, &what);
            close(&got.4, &dw, tolerance * 10.0, &what);
            close(&got.5, &db, tolerance * 10.0, &what);
        }
    }
}

#[test]
fn group_norm_equals_the_naive_twin() {
    group_norms::<f32>(2e-5);
    group_norms::<f64>(1e-11);
}
