//! Losses: derivatives against finite differences, and the fused forms against the plain ones.

use super::*;
use crate::autograd::check::{check_second, check_vjp};

fn scores(shape: &[usize]) -> Tensor {
    let values: Vec<f64> =
        (0..crate::shape::numel(shape)).map(|i| (i * 37 % 23) as f64 / 7.0 - 1.5).collect();
    Tensor::from_slice(&values, shape).expect("small")
}

fn classes(shape: &[usize], n: usize) -> Tensor {
    let values: Vec<i64> = (0..crate::shape::numel(shape)).map(|i| ((i * 5 + 1) % n) as i64).collect();
    Tensor::from_slice(&values, shape).expect("small")
}

#[track_caller]
fn check(f: impl Fn(&[Tensor]) -> Result<Tensor> + Copy, xs: &[Tensor]) {
    let (taped, measured) = check_vjp(f, xs).expect("fits");
    assert!((taped - measured).abs() < 1e-6 * measured.abs().max(1.0), "{taped} {measured}");
    let (taped, measured) = check_second(f, xs).expect("fits");
    assert!((taped - measured).abs() < 1e-5 * measured.abs().max(1.0), "second: {taped} {measured}");
}

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Mean, Reduction::Sum];

#[test]
fn derivatives_match_finite_differences() {
    let cases: [(&[usize], &[usize]); 5] =
        [(&[3, 4], &[3]), (&[4], &[]), (&[3, 4, 2], &[3, 2]), (&[2, 4, 2, 3], &[2, 2, 3]), (&[0, 4], &[0])];
    let w = Tensor::from_slice(&[0.5, 1.5, 0.7, 2.0], &[4]).expect("small");
    for (shape, target) in cases {
        let (x, t) = (scores(shape), classes(target, 4));
        for r in REDUCTIONS {
            if shape[0] == 0 && r == Reduction::Mean {
                continue;
            }
            for weight in [None, Some(&w)] {
                check(|v| v[0].cross_entropy(&t, weight, r, -100, 0.0), std::slice::from_ref(&x));
                check(|v| v[0].cross_entropy(&t, weight, r, 2, 0.0), std::slice::from_ref(&x));
                check(|v| v[0].mul(&v[0])?.nll_loss(&t, weight, r, -100), std::slice::from_ref(&x));
                check(|v| v[0].cross_entropy(&t, weight, r, 2, 0.2), std::slice::from_ref(&x));
            }
        }
    }
}

#[test]
fn probabilities_are_targets_too() {
    let (x, t) = (scores(&[3, 4, 2]), scores(&[3, 4, 2]).exp().expect("small"));
    let w = Tensor::from_slice(&[0.5, 1.5, 0.7, 2.0], &[4]).expect("small");
    for r in REDUCTIONS {
        check(|v| v[0].cross_entropy(&v[1], Some(&w), r, -100, 0.1), &[x.clone(), t.clone()]);
    }
}

#[test]
fn cross_entropy_is_nll_of_log_softmax() {
    let (x, t) = (scores(&[5, 4, 3]), classes(&[5, 3], 4));
    for r in REDUCTIONS {
        let fused = x.cross_entropy(&t, None, r, -100, 0.0).expect("fits");
        let steps = x.log_softmax(1, None).and_then(|p| p.nll_loss(&t, None, r, -100)).expect("fits");
        for (a, b) in fused.slice::<f64>().iter().zip(steps.slice::<f64>()) {
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }
}

#[test]
fn a_target_that_is_no_class_is_an_error() {
    let x = scores(&[2, 3]);
    let t = Tensor::from_slice(&[0i64, 3], &[2]).expect("small");
    let error = x.cross_entropy(&t, None, Reduction::Mean, -100, 0.0).expect_err("3 is no class");
    assert_eq!(error, Error::Index("Target 3 is out of bounds.".into()));
}

#[test]
fn losses_on_numbers_match_finite_differences() {
    let (x, t) = (scores(&[3, 5]), scores(&[15]).neg().and_then(|t| t.view(&[3, 5])).expect("small"));
    let (p, q) = (x.sigmoid().expect("small"), t.sigmoid().expect("small"));
    let w = scores(&[5]).exp().expect("small");
    for r in REDUCTIONS {
        let xs = [x.clone(), t.clone()];
        check(|v| v[0].mse_loss(&v[1], r), &xs);
        check(|v| v[0].l1_loss(&v[1], r), &xs);
        check(|v| v[0].smooth_l1_loss(&v[1], r, 0.8), &xs);
        check(|v| v[0].huber_loss(&v[1], r, 1.3), &xs);
        check(|v| v[0].kl_div(&v[1], r, true), &xs);
        let ps = [p.clone(), q.clone()];
        check(|v| v[0].binary_cross_entropy(&v[1], None, r), &ps);
        check(|v| v[0].binary_cross_entropy(&v[1], Some(&w), r), &ps);
        check(|v| v[0].kl_div(&v[1], r, false), &ps);
        let ls = [x.clone(), q.clone()];
        check(|v| v[0].binary_cross_entropy_with_logits(&v[1], None, None, r), &ls);
        check(|v| v[0].binary_cross_entropy_with_logits(&v[1], Some(&w), None, r), &ls);
        check(|v| v[0].binary_cross_entropy_with_logits(&v[1], Some(&w), Some(&w), r), &ls);
        check(|v| v[0].mse_loss(&v[1], r), &[x.clone(), scores(&[5])]);
    }
}

/// The one-pass gradient against the one in ops.
#[test]
fn fused_gradients_are_those_in_steps() {
    let (x, t) = (scores(&[3, 4]), scores(&[4, 3]).sigmoid().and_then(|t| t.view(&[3, 4])).expect("small"));
    let classes = classes(&[3], 4);
    type Loss<'a> = Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>;
    for r in REDUCTIONS {
        let losses: Vec<Loss> = vec![
            Box::new(|x| x.mse_loss(&t, r)),
            Box::new(|x| x.smooth_l1_loss(&t, r, 0.8)),
            Box::new(|x| x.smooth_l1_loss(&t, r, 0.0)),
            Box::new(|x| x.huber_loss(&t, r, 0.7)),
            Box::new(|x| x.sigmoid()?.binary_cross_entropy(&t, Some(&t), r)),
            Box::new(|x| x.binary_cross_entropy_with_logits(&t, Some(&t), None, r)),
            Box::new(|x| x.cross_entropy(&classes, None, r, 1, 0.0)),
        ];
        for loss in &losses {
            let leaf = x.dup().expect("small");
            leaf.set_requires_grad(true).expect("float");
            let gradient = |create_graph| {
                let y = loss(&leaf).expect("fits");
                let u = scores(&[y.numel()]).exp().and_then(|u| u.view(y.shape())).expect("small");
                let options = crate::autograd::Options { retain_graph: true, create_graph };
                let g = crate::autograd::grad_of(&[(y, Some(u))], std::slice::from_ref(&leaf), options)
                    .expect("runs");
                g[0].clone().expect("wanted").contiguous_data().expect("small")
            };
            for (a, b) in gradient(false).slice::<f64>().iter().zip(gradient(true).slice::<f64>()) {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }
}

#[test]
fn what_is_no_probability_is_an_error() {
    let x = scores(&[3]);
    assert!(x.binary_cross_entropy(&x, None, Reduction::Mean).is_err());
}
