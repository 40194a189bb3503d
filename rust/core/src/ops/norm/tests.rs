//! Norms: values by the definition, derivatives against finite differences.

use super::*;
use crate::autograd::check::{check_second, check_vjp};
use crate::autograd::{Options, grad_of};

fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let values: Vec<f64> =
        (0..crate::shape::numel(shape)).map(|i| ((i * 37 + seed * 11) % 23) as f64 / 7.0 - 1.5).collect();
    Tensor::from_slice(&values, shape).expect("small")
}

/// Finite differences of both orders, and the kernel against the formula in steps.
#[track_caller]
fn check(f: impl Fn(&[Tensor]) -> Result<Tensor> + Copy, xs: &[Tensor]) {
    let (taped, measured) = check_vjp(f, xs).expect("fits");
    assert!((taped - measured).abs() < 1e-5 * measured.abs().max(1.0), "{taped} {measured}");
    let (taped, measured) = check_second(f, xs).expect("fits");
    assert!((taped - measured).abs() < 1e-4 * measured.abs().max(1.0), "second: {taped} {measured}");
    let leaves: Vec<Tensor> = xs.iter().map(|x| x.dup().expect("small")).collect();
    leaves.iter().for_each(|x| x.set_requires_grad(true).expect("float"));
    let gradients = |create_graph| {
        let y = f(&leaves).expect("fits");
        let u = numbers(y.shape(), 9);
        let options = Options { retain_graph: true, create_graph };
        grad_of(&[(y, Some(u))], &leaves, options).expect("runs")
    };
    for (fused, steps) in gradients(false).into_iter().zip(gradients(true)) {
        let (fused, steps) = (fused.expect("wanted"), steps.expect("wanted"));
        let (fused, steps) =
            (fused.contiguous_data().expect("small"), steps.contiguous_data().expect("small"));
        for (a, b) in fused.slice::<f64>().iter().zip(steps.slice::<f64>()) {
            assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} {b}");
        }
    }
}

#[test]
fn derivatives_of_batch_norm_match_finite_differences() {
    let running = (numbers(&[3], 4), numbers(&[3], 5).exp().expect("small"));
    for shape in [&[4, 3][..], &[2, 3, 4], &[2, 3, 2, 2]] {
        for training in [true, false] {
            let how = BatchNorm {
                weight: None,
                bias: None,
                running_mean: (!training).then_some(&running.0),
                running_var: (!training).then_some(&running.1),
                training,
                momentum: 0.1,
                eps: 1e-3,
            };
            let xs = [numbers(shape, 1), numbers(&[3], 2), numbers(&[3], 3)];
            check(|v| v[0].batch_norm(BatchNorm { weight: Some(&v[1]), bias: Some(&v[2]), ..how }), &xs);
            check(|v| v[0].batch_norm(how), &xs[..1]);
        }
    }
}

#[test]
fn derivatives_of_layer_norm_match_finite_differences() {
    let xs = [numbers(&[3, 2, 4], 1), numbers(&[4], 2), numbers(&[4], 3)];
    check(|v| v[0].layer_norm(&[4], Some(&v[1]), Some(&v[2]), 1e-3), &xs);
    check(|v| v[0].layer_norm(&[2, 4], None, None, 1e-3), &xs[..1]);
    let xs = [numbers(&[3, 2, 4], 1), numbers(&[2, 4], 2), numbers(&[2, 4], 3)];
    check(|v| v[0].layer_norm(&[2, 4], Some(&v[1]), Some(&v[2]), 1e-3), &xs);
    check(|v| v[0].layer_norm(&[3, 2, 4], None, None, 1e-3), &xs[..1]);
}

#[test]
fn running_statistics_follow_the_batch() {
    let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 6.0], &[4, 1]).expect("small");
    let (mean, var) = (Tensor::zeros(&[1], DType::F32), Tensor::ones(&[1], DType::F32));
    let (mean, var) = (mean.expect("small"), var.expect("small"));
    let how = BatchNorm {
        weight: None,
        bias: None,
        running_mean: Some(&mean),
        running_var: Some(&var),
        training: true,
        momentum: 0.5,
        eps: 0.0,
    };
    let y = x.batch_norm(how).expect("fits");
    assert_eq!(mean.slice::<f32>(), [1.5]);
    // The unbiased variance is 14 / 3.
    assert!((var.slice::<f32>()[0] - (0.5 + 7.0 / 3.0)).abs() < 1e-6);
    assert!((y.slice::<f32>()[3] - 3.0 / 3.5f32.sqrt()).abs() < 1e-6);
}

#[test]
fn half_types_take_float_parameters() {
    let x = numbers(&[4, 3], 1).cast_data(DType::BF16).expect("small");
    let w = numbers(&[3], 2).cast_data(DType::F32).expect("small");
    let y = x.layer_norm(&[3], Some(&w), None, 1e-5).expect("fits");
    assert_eq!(y.dtype(), DType::BF16);
    assert!(numbers(&[4, 3], 1).layer_norm(&[3], Some(&w), None, 1e-5).is_err());
}
