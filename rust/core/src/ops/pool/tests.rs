//! Derivatives of the pools against finite differences.

use super::*;
use crate::autograd::check::{check_second, check_vjp};

fn numbers(shape: &[usize]) -> Tensor {
    let values: Vec<f64> =
        (0..crate::shape::numel(shape)).map(|i| ((i * 7919 % 1009) as f64 - 500.0) / 250.0).collect();
    Tensor::from_slice(&values, shape).expect("small")
}

const PLAIN: Windows = Windows { kernel: &[2], stride: &[], padding: &[0], dilation: &[1], ceil: false };

#[track_caller]
fn check(f: impl Fn(&[Tensor]) -> Result<Tensor> + Copy, x: &Tensor) {
    let (taped, measured) = check_vjp(f, std::slice::from_ref(x)).expect("fits");
    assert!((taped - measured).abs() < 1e-6, "{taped} {measured}");
    // A pool is linear where no maximum changes, so its square has the interesting second derivative.
    let (taped, measured) = check_second(|v| f(v)?.mul(&f(v)?), std::slice::from_ref(x)).expect("fits");
    assert!((taped - measured).abs() < 1e-5, "second: {taped} {measured}");
}

#[test]
fn derivatives_match_finite_differences() {
    let windows = [
        PLAIN,
        Windows { kernel: &[3, 2], stride: &[2, 1], padding: &[1, 1], ..PLAIN },
        Windows { kernel: &[3], stride: &[2], padding: &[1], ceil: true, ..PLAIN },
    ];
    for x in [numbers(&[2, 2, 6, 7]), numbers(&[2, 5, 4]), numbers(&[0, 2, 4, 4])] {
        for w in windows {
            check(|v| v[0].max_pool2d(w), &x);
            check(|v| v[0].avg_pool2d(w, true, None), &x);
            check(|v| v[0].avg_pool2d(w, false, None), &x);
            check(|v| v[0].avg_pool2d(w, true, Some(3)), &x);
        }
        check(|v| v[0].max_pool2d(Windows { dilation: &[2], ..PLAIN }), &x);
        check(|v| v[0].adaptive_avg_pool2d(&[Some(2), None]), &x);
        check(|v| v[0].adaptive_avg_pool2d(&[Some(1), Some(1)]), &x);
    }
    let x = numbers(&[2, 3, 7]);
    check(|v| v[0].max_pool1d(PLAIN), &x);
    check(|v| v[0].avg_pool1d(PLAIN, true), &x);
    check(|v| v[0].adaptive_avg_pool1d(Some(3)), &x);
}

#[test]
fn half_types_give_the_rounded_result_of_f32() {
    let x = numbers(&[1, 2, 4, 4]).cast_data(DType::F16).expect("small");
    let wide = x.cast_data(DType::F32).expect("small").avg_pool2d(PLAIN, true, None).expect("fits");
    let half = x.avg_pool2d(PLAIN, true, None).expect("fits");
    assert_eq!(half.dtype(), DType::F16);
    assert_eq!(half.slice::<half::f16>(), wide.cast_data(DType::F16).expect("small").slice::<half::f16>());
}

#[test]
fn derivatives_in_volumes_and_of_the_rare_pools() {
    for x in [numbers(&[2, 2, 4, 5, 4]), numbers(&[2, 4, 4, 5])] {
        for w in [PLAIN, Windows { kernel: &[3, 2, 2], stride: &[2, 1, 2], padding: &[1, 1, 0], ..PLAIN }] {
            check(|v| v[0].max_pool3d(w), &x);
            check(|v| v[0].avg_pool3d(w, false, None), &x);
        }
        check(|v| v[0].adaptive_avg_pool3d(&[Some(3), None, Some(1)]), &x);
        check(|v| Ok(v[0].adaptive_max_pool3d(&[3, 2, 1])?.0), &x);
    }
    let x = numbers(&[2, 3, 6, 6]);
    let shifts = Tensor::from_slice(&[0.3; 12], &[2, 3, 2]).expect("small");
    check(|v| Ok(v[0].adaptive_max_pool2d(&[4, 2])?.0), &x);
    check(|v| Ok(v[0].fractional_max_pool2d(&[2], &[4], &shifts)?.0), &x);
    let places = x.max_pool2d_with_indices(PLAIN).expect("fits").1;
    check(|v| v[0].max_unpool2d(&places, &[6, 6]), &numbers(&[2, 3, 3, 3]));
}
