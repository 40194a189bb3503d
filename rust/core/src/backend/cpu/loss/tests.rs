//! The losses against their definition.

use super::*;
use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};

const SHAPES: [(usize, usize, usize); 9] = [
    (0, 3, 1),
    (1, 1, 1),
    (5, 10, 1),
    (3, 7, 5),
    (2, 10, 33),
    (300, 40, 1),
    (2, 3, 0),
    (1, 1000, 1),
    (40, 20, 36),
];

fn wide<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// `y` and `dx` of the loss `-w * f(x)[target]`, where `f` is the identity or log-softmax.
fn naive(d: Classes<f64>, x: &[f64], dy: &[f64], log_softmax: bool) -> (Vec<f64>, Vec<f64>) {
    let mut losses = vec![0.0; d.samples()];
    let mut dx = vec![0.0; x.len()];
    let weight: f64 = (0..d.samples()).filter_map(|s| d.class(s)).map(|(_, w)| w).sum();
    for s in 0..d.samples() {
        let Some((class, w)) = d.class(s) else { continue };
        let lse = (0..d.classes).map(|c| x[d.at(s, c)].exp()).sum::<f64>().ln();
        losses[s] = -w * (x[d.at(s, class)] - if log_softmax { lse } else { 0.0 });
        let g = match d.reduction {
            Reduction::None => dy[s],
            Reduction::Sum => dy[0],
            Reduction::Mean => dy[0] / weight,
        };
        for c in 0..d.classes {
            let p = if log_softmax { (x[d.at(s, c)] - lse).exp() } else { 0.0 };
            dx[d.at(s, c)] = g * w * (p - f64::from(u8::from(c == class)));
        }
    }
    let y = match d.reduction {
        Reduction::None => losses,
        Reduction::Sum => vec![losses.iter().sum()],
        Reduction::Mean => vec![losses.iter().sum::<f64>() / weight],
    };
    (y, dx)
}

fn compare<T: Real>(tolerance: f64) {
    for (n, classes, inner) in SHAPES {
        let samples = n * inner;
        let (x, dy) = (numbers::<T>(samples * classes, 1), numbers::<T>(samples + 1, 2));
        let class_weight: Vec<T> = numbers::<T>(classes, 3).iter().map(|&w| w.abs()).collect();
        let target: Vec<i64> =
            (0..samples as i64).map(|s| if s % 4 == 3 { -100 } else { s * 7 % classes as i64 }).collect();
        for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
            for weight in [None, Some(&class_weight[..])] {
                let d = Classes { n, classes, inner, target: &target, weight, ignore_index: -100, reduction };
                let (got_nll, got) = same_for_any_thread_count(|| {
                    let len = if reduction == Reduction::None { samples } else { 1 };
                    let (mut y, mut lse) = (vec![T::ZERO; len], vec![T::ZERO; 2 * samples]);
                    let mut dx = vec![T::ONE; x.len()];
                    let total = nll(d, &x, &mut y).expect("targets are classes");
                    nll_backward(d, &dy, total, &mut dx).expect("targets are classes");
                    let first = (y.clone(), dx.clone());
                    let total = cross_entropy(d, &x, &mut lse, &mut y).expect("targets are classes");
                    cross_entropy_backward(d, &x, &lse, &dy, total, &mut dx).expect("targets are classes");
                    let bits = |v: &[T]| v.iter().map(|v| v.to_f64().to_bits()).collect::<Vec<_>>();
                    ((bits(&first.0), bits(&first.1)), (bits(&y), bits(&dx)))
                });
                let wide_weight = weight.map(wide);
                let d = Classes {
                    n,
                    classes,
                    inner,
                    target: &target,
                    weight: wide_weight.as_deref(),
                    ignore_index: -100,
                    reduction,
                };
                for (got, log_softmax) in [(got_nll, false), (got, true)] {
                    let (y, dx) = naive(d, &wide(&x), &wide(&dy), log_softmax);
                    let what = format!("{d:?} {log_softmax}").chars().take(60).collect::<String>();
                    let float = |bits: &[u64]| bits.iter().map(|&b| f64::from_bits(b)).collect::<Vec<_>>();
                    close(&float(&got.0), &y, tolerance, &what);
                    close(&float(&got.1), &dx, tolerance, &what);
                }
            }
        }
    }
}

#[test]
fn equals_the_naive_twin() {
    compare::<f32>(2e-5);
    compare::<f64>(1e-11);
}

#[test]
fn a_target_that_is_no_class_is_named() {
    for target in [12, -1, 3] {
        let d = Classes::<f32> {
            n: 2,
            classes: 3,
            inner: 1,
            target: &[0, target],
            weight: None,
            ignore_index: -100,
            reduction: Reduction::Mean,
        };
        assert_eq!(nll(d, &[0.0; 6], &mut [0.0]), Err(OutOfBounds(target)));
        assert_eq!(cross_entropy(d, &[0.0; 6], &mut [0.0; 2], &mut [0.0]), Err(OutOfBounds(target)));
        assert_eq!(nll_backward(d, &[1.0], 1.0, &mut [0.0; 6]), Err(OutOfBounds(target)));
    }
}

#[test]
fn a_mean_over_nothing_is_not_a_number() {
    let target = [-100, -100];
    let d = Classes::<f32> {
        n: 2,
        classes: 3,
        inner: 1,
        target: &target,
        weight: None,
        ignore_index: -100,
        reduction: Reduction::Mean,
    };
    let mut y = [0.0];
    assert_eq!(nll(d, &[0.5; 6], &mut y), Ok(0.0));
    assert!(y[0].is_nan());
}
