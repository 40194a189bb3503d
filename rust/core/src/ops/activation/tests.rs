//! Each activation by finite differences, twice; the fused slopes against the composed ones; the kinks.

use crate::autograd::check::check_vjp;
use crate::autograd::{Options, grad_of};
use crate::error::Result;
use crate::tensor::{GradMode, Tensor};

type Row = (&'static str, fn(&Tensor) -> Result<Tensor>);

const ROWS: &[Row] = &[
    ("relu", |x| x.relu()),
    ("leaky_relu", |x| x.leaky_relu(0.1)),
    ("hardtanh", |x| x.hardtanh(-0.6, 0.9)),
    ("threshold", |x| x.threshold(0.1, 2.0)),
    ("hardsigmoid", |x| x.hardsigmoid()),
    ("hardswish", |x| x.hardswish()),
    ("softshrink", |x| x.softshrink(0.5)),
    ("hardshrink", |x| x.hardshrink(0.5)),
    ("elu", |x| x.elu(0.7)),
    ("selu", |x| x.selu()),
    ("celu", |x| x.celu(0.7)),
    ("gelu", |x| x.gelu("none")),
    ("gelu tanh", |x| x.gelu("tanh")),
    ("silu", |x| x.silu()),
    ("mish", |x| x.mish()),
    ("softplus", |x| x.softplus(2.0, 3.0)),
    ("logsigmoid", |x| x.logsigmoid()),
];

fn points() -> Tensor {
    let points = [-4.0, -2.3, -1.1, -0.65, -0.2, 0.15, 0.45, 0.8, 1.7, 3.6];
    Tensor::from_slice(&points, &[2, 5]).expect("small")
}

fn slope_of(f: fn(&Tensor) -> Result<Tensor>, x: &Tensor, create_graph: bool) -> Result<Tensor> {
    let _on = GradMode::set(true);
    let x = if x.requires_grad() { x.clone() } else { x.detach() };
    x.set_requires_grad(true)?;
    let y = f(&x)?;
    let options = Options { create_graph, ..Options::default() };
    let g = grad_of(&[(y.clone(), Some(y.detach().ones_like()?))], &[x], options)?;
    Ok(g[0].clone().expect("reaches"))
}

fn close(what: &str, a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{what}: {a} {b}");
}

#[test]
fn derivatives_match_finite_differences_twice() {
    for &(name, f) in ROWS {
        let (taped, measured) = check_vjp(|v| f(&v[0]), &[points()]).expect(name);
        close(name, taped, measured);
        // Times x, since the slope of a straight piece alone has no history.
        let weighted = |v: &[Tensor]| slope_of(f, &v[0], true)?.mul(&v[0]);
        let (taped, measured) = check_vjp(weighted, &[points()]).expect(name);
        close(name, taped, measured);
    }
}

#[test]
fn fused_slopes_equal_the_composed_ones() {
    for &(name, f) in ROWS {
        let x = points();
        let (fused, composed) = (slope_of(f, &x, false), slope_of(f, &x, true));
        let (fused, composed) = (fused.expect(name), composed.expect(name));
        for (a, b) in fused.slice::<f64>().iter().zip(composed.slice::<f64>()) {
            close(name, *a, *b);
        }
    }
}

#[test]
fn at_a_kink_the_slope_is_pytorchs() {
    let at = |f: fn(&Tensor) -> Result<Tensor>, x: f64| {
        let x = Tensor::from_slice(&[x], &[1]).expect("small");
        slope_of(f, &x, false).expect("runs").slice::<f64>()[0]
    };
    assert_eq!(at(|x| x.relu(), 0.0), 0.0);
    assert_eq!(at(|x| x.leaky_relu(0.1), 0.0), 0.1);
    assert_eq!(at(|x| x.hardtanh(-1.0, 1.0), 1.0), 0.0);
    assert_eq!(at(|x| x.elu(2.0), 0.0), 2.0);
    assert_eq!(at(|x| x.abs(), 0.0), 0.0);
    assert_eq!(at(|x| x.clamp(Some(0.0.into()), None), 0.0), 0.0);
}
