//! Every row of the tables: its derivative by finite differences, twice, and its fused form against the composed one.

use super::{exponential, special, trigonometric};
use crate::autograd::check::{check_second, check_vjp};
use crate::autograd::{Options, grad_of};
use crate::error::Result;
use crate::tensor::{Tensor, no_grad};

type Row = (&'static str, fn(&Tensor) -> Result<Tensor>);

fn rows() -> impl Iterator<Item = &'static Row> {
    [exponential::TABLE, special::TABLE, trigonometric::TABLE].into_iter().flatten()
}

/// Those of some points around which the function is defined and tame.
fn domain(f: fn(&Tensor) -> Result<Tensor>) -> Tensor {
    let tame = |x: f64| {
        let around = Tensor::from_slice(&[x - 0.05, x, x + 0.05], &[3]).expect("small");
        let y = f(&around).expect("runs");
        y.slice::<f64>().iter().all(|y| y.is_finite() && y.abs() < 50.0)
    };
    let points: Vec<f64> =
        [-2.3, -1.4, -0.7, -0.35, 0.15, 0.4, 0.8, 1.3, 2.1, 3.2].into_iter().filter(|&x| tame(x)).collect();
    assert!(points.len() >= 3);
    Tensor::from_slice(&points, &[points.len()]).expect("small")
}

fn close(what: &str, taped: f64, measured: f64) {
    assert!((taped - measured).abs() < 2e-6 * measured.abs().max(1.0), "{what}: {taped} {measured}");
}

#[test]
fn derivatives_match_finite_differences() {
    for &(name, f) in rows() {
        let (taped, measured) = check_vjp(|v| f(&v[0]), &[domain(f)]).expect(name);
        close(name, taped, measured);
    }
}

#[test]
fn second_derivatives_match_finite_differences() {
    for &(name, f) in rows() {
        let (taped, measured) = check_second(|v| f(&v[0]), &[domain(f)]).expect(name);
        close(name, taped, measured);
    }
}

#[test]
fn fused_derivatives_equal_the_composed_ones() {
    for &(name, f) in rows() {
        let slope = |create_graph: bool| {
            let x = domain(f);
            x.set_requires_grad(true).expect("float");
            let y = f(&x).expect(name);
            let options = Options { create_graph, ..Options::default() };
            let g = grad_of(&[(y.clone(), Some(y.ones_like().expect("small")))], &[x], options).expect(name);
            g[0].clone().expect("reaches")
        };
        let (fused, composed) = (slope(false), slope(true));
        for (a, b) in fused.slice::<f64>().iter().zip(composed.slice::<f64>()) {
            close(name, *a, *b);
        }
    }
}

#[test]
fn in_place_forms_write_where_the_tensor_lies() {
    let x = Tensor::from_slice(&[0.5f32, 1.0, 2.0], &[3]).expect("small");
    let at = x.ptr::<f32>();
    no_grad(|| x.sqrt_()).expect("runs");
    assert_eq!((x.ptr::<f32>(), x.slice::<f32>()[2]), (at, 2f32.sqrt()));
    assert_eq!(x.storage().version(), 1);
}
