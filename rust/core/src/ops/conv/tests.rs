//! Convolutions against finite differences, and their corners.

use crate::autograd::check::{check_second, check_vjp};
use crate::error::Result;
use crate::ops::conv::{ConvArgs, Padding};
use crate::tensor::Tensor;

fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let values: Vec<f64> =
        (0..crate::shape::numel(shape)).map(|i| ((i * 37 + seed * 11) % 23) as f64 / 11.0 - 1.0).collect();
    Tensor::from_slice(&values, shape).expect("small")
}

const PLAIN: ConvArgs = ConvArgs { stride: &[1], padding: Padding::Sizes(&[0]), dilation: &[1], groups: 1 };

#[track_caller]
fn check(f: impl Fn(&[Tensor]) -> Result<Tensor> + Copy, xs: &[Tensor]) {
    let (taped, measured) = check_vjp(f, xs).expect("fits");
    assert!((taped - measured).abs() < 1e-5 * measured.abs().max(1.0), "{taped} {measured}");
    let (taped, measured) = check_second(f, xs).expect("fits");
    assert!((taped - measured).abs() < 1e-5 * measured.abs().max(1.0), "second: {taped} {measured}");
}

#[test]
fn derivatives_of_convolutions_match_finite_differences() {
    let strided = ConvArgs { stride: &[2, 1], padding: Padding::Sizes(&[1, 2]), ..PLAIN };
    let grouped = ConvArgs { groups: 2, dilation: &[2], ..PLAIN };
    for args in [PLAIN, strided, ConvArgs { padding: Padding::Same, ..PLAIN }] {
        let xs = [numbers(&[2, 3, 6, 5], 1), numbers(&[4, 3, 3, 2], 2), numbers(&[4], 3)];
        check(|v| v[0].conv(2, &v[1], Some(&v[2]), args), &xs);
    }
    let xs = [numbers(&[2, 4, 7, 6], 1), numbers(&[6, 2, 3, 2], 2)];
    check(|v| v[0].conv(2, &v[1], None, grouped), &xs);
    let xs = [numbers(&[2, 3, 7], 1), numbers(&[4, 3, 3], 2), numbers(&[4], 3)];
    let row = ConvArgs { stride: &[2], padding: Padding::Sizes(&[1]), ..PLAIN };
    check(|v| v[0].conv(1, &v[1], Some(&v[2]), row), &xs);
    let xs = [numbers(&[3, 6, 5], 1), numbers(&[4, 3, 2, 2], 2)];
    check(|v| v[0].conv(2, &v[1], None, PLAIN), &xs);
}

#[test]
fn derivatives_of_transposed_convolutions_match_finite_differences() {
    let xs = [numbers(&[2, 3, 4, 3], 1), numbers(&[3, 2, 3, 2], 2), numbers(&[2], 3)];
    let args = ConvArgs { stride: &[2], padding: Padding::Sizes(&[1, 0]), ..PLAIN };
    check(|v| v[0].conv_transpose(2, &v[1], Some(&v[2]), args, &[1, 0]), &xs);
    // More room than a step, which the spread of the kernel allows.
    let far = ConvArgs { dilation: &[3], padding: Padding::Sizes(&[1]), ..PLAIN };
    check(|v| v[0].conv_transpose(2, &v[1], Some(&v[2]), far, &[2, 1]), &xs);
    assert_eq!(xs[0].conv_transpose(2, &xs[1], None, far, &[2, 1]).expect("fits").shape(), [2, 2, 10, 5]);
    let xs = [numbers(&[4, 5], 1), numbers(&[4, 3, 2], 2), numbers(&[6], 3)];
    check(|v| v[0].conv_transpose(1, &v[1], Some(&v[2]), ConvArgs { groups: 2, ..PLAIN }, &[0]), &xs);
}

#[test]
fn derivatives_over_three_dimensions_match_finite_differences() {
    let args =
        ConvArgs { stride: &[1, 2, 1], padding: Padding::Sizes(&[1, 0, 1]), dilation: &[1], groups: 1 };
    let xs = [numbers(&[2, 2, 3, 4, 3], 1), numbers(&[3, 2, 2, 2, 3], 2), numbers(&[3], 3)];
    check(|v| v[0].conv(3, &v[1], Some(&v[2]), args), &xs);
    let xs = [numbers(&[2, 2, 3, 2], 1), numbers(&[2, 1, 2, 1, 2], 2), numbers(&[2], 3)];
    let turned = ConvArgs { groups: 2, padding: Padding::Sizes(&[0]), stride: &[2], ..args };
    check(|v| v[0].conv_transpose(3, &v[1], Some(&v[2]), turned, &[1, 0, 1]), &xs);
}

#[test]
fn an_empty_batch_gives_an_empty_result_and_zero_gradients() {
    let (x, w) = (numbers(&[0, 3, 6, 5], 1), numbers(&[4, 3, 3, 3], 2));
    w.set_requires_grad(true).expect("float");
    let y = x.conv(2, &w, None, PLAIN).expect("fits");
    assert_eq!(y.shape(), [0, 4, 4, 3]);
    let loss = y.sum(&[], false, None).expect("fits");
    crate::autograd::backward(&[(loss, None)], &[], Default::default()).expect("runs");
    assert!(w.grad().expect("set").slice::<f64>().iter().all(|&g| g == 0.0));
}

#[test]
fn integers_are_convolved_exactly() {
    let x = Tensor::from_slice(&[1i64, 2, 3, 4], &[1, 1, 4]).expect("small");
    let w = Tensor::from_slice(&[10i64, 1], &[1, 1, 2]).expect("small");
    assert_eq!(x.conv(1, &w, None, PLAIN).expect("fits").slice::<i64>(), [12, 23, 34]);
}
