//! Finite differences for Rust tests: the derivative by the tape against the derivative by definition.

use crate::error::Result;
use crate::tensor::{GradMode, Tensor, no_grad};

/// `<u, J v>` two ways: by the tape, and by central differences along one direction. Inputs are float64.
pub fn check_vjp(f: impl Fn(&[Tensor]) -> Result<Tensor>, xs: &[Tensor]) -> Result<(f64, f64)> {
    let eps = 1e-6;
    let xs: Vec<Tensor> =
        xs.iter().map(|x| x.copied(x.dtype(), x.layout().preserved())).collect::<Result<_>>()?;
    for x in &xs {
        x.set_requires_grad(true)?;
    }
    let y = f(&xs)?;
    let u = direction(&y, 1)?;
    let vs: Vec<Tensor> = xs.iter().map(|x| direction(x, 2)).collect::<Result<_>>()?;
    let grads = super::grad_of(&[(y, Some(u.clone()))], &xs, super::Options::default())?;
    no_grad(|| {
        let mut taped = 0.0;
        for (g, v) in grads.iter().zip(&vs) {
            if let Some(g) = g {
                taped += g.mul(v)?.sum(&[], false, None)?.item()?.to_f64();
            }
        }
        let at = |s: f64| -> Result<f64> {
            let moved: Vec<Tensor> = xs
                .iter()
                .zip(&vs)
                .map(|(x, v)| x.detach().add(&v.mul(&Tensor::wrapped((s * eps).into())?)?))
                .collect::<Result<_>>()?;
            f(&moved)?.mul(&u)?.sum(&[], false, None)?.item().map(|s| s.to_f64())
        };
        Ok((taped, (at(1.0)? - at(-1.0)?) / (2.0 * eps)))
    })
}

/// As `check_vjp` for the gradients of `f`, as a function of its inputs and of the gradient of its output.
pub fn check_second(f: impl Fn(&[Tensor]) -> Result<Tensor>, xs: &[Tensor]) -> Result<(f64, f64)> {
    let u = direction(&no_grad(|| f(xs))?, 5)?;
    let all: Vec<Tensor> = xs.iter().cloned().chain([u]).collect();
    let options = super::Options { retain_graph: true, create_graph: true };
    let gradient = |given: &[Tensor]| {
        let _mode = GradMode::set(true);
        for x in given.iter().filter(|x| !x.requires_grad()) {
            x.set_requires_grad(true)?;
        }
        let (u, xs) = given.split_last().expect("the gradient of the output is among them");
        let grads = super::grad_of(&[(f(xs)?, Some(u.clone()))], xs, options)?;
        let flat = grads.iter().zip(xs).map(|(g, x)| match g {
            Some(g) => g.reshape(&[x.numel()]),
            None => Tensor::zeros(&[x.numel()], x.dtype()),
        });
        Tensor::cat(&flat.collect::<Result<Vec<_>>>()?, 0)
    };
    check_vjp(gradient, &all)
}

/// A fixed direction without symmetry, so that no derivative hides in a zero product.
fn direction(like: &Tensor, seed: usize) -> Result<Tensor> {
    let values: Vec<f64> = (0..like.numel()).map(|i| ((i * 7 + seed * 3) % 11) as f64 / 5.0 - 0.9).collect();
    Tensor::from_slice(&values, like.shape())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::{Options, backward};
    use crate::dtype::DType;

    fn leaf(values: &[f64], shape: &[usize]) -> Tensor {
        let t = Tensor::from_slice(values, shape).expect("small");
        t.set_requires_grad(true).expect("float");
        t
    }

    #[test]
    fn a_small_expression_matches_finite_differences() {
        let x = Tensor::from_slice(&[0.3, -0.7, 1.1, 0.2, -1.0, 0.5], &[2, 3]).expect("small");
        let b = Tensor::from_slice(&[0.5, 2.0, -1.5], &[3]).expect("small");
        let (taped, measured) = check_vjp(|v| v[0].mul(&v[1])?.exp()?.add(&v[1]), &[x, b]).expect("runs");
        assert!((taped - measured).abs() < 1e-6 * measured.abs().max(1.0), "{taped} {measured}");
    }

    #[test]
    fn a_value_used_twice_gets_both_gradients() {
        let x = leaf(&[2.0, 3.0], &[2]);
        let y = x.mul(&x).expect("fits").add(&x).expect("fits").sum(&[], false, None).expect("fits");
        backward(&[(y, None)], &[], Options::default()).expect("runs");
        assert_eq!(x.grad().expect("set").slice::<f64>(), [5.0, 7.0]);
    }

    #[test]
    fn writes_through_views_change_the_history_of_the_base() {
        let x = leaf(&[1.0, 2.0, 3.0], &[3]);
        let y = x.mul(&x).expect("fits");
        let v = y.as_strided(y.layout().select(0, 1).expect("in range")).expect("inside");
        let two = Tensor::wrapped(2.0.into()).expect("scalar");
        v.inplace(|v| v.mul(&two)).expect("may be written");
        assert_eq!(y.slice::<f64>(), [1.0, 8.0, 9.0]);
        let z = y.sum(&[], false, None).expect("fits");
        backward(&[(z, None)], &[], Options::default()).expect("runs");
        assert_eq!(x.grad().expect("set").slice::<f64>(), [2.0, 8.0, 6.0]);
    }

    #[test]
    fn a_million_ops_run_and_are_freed() {
        let x = leaf(&[1.0], &[1]);
        let one = Tensor::ones(&[1], DType::F64).expect("small");
        let mut y = x.add(&one).expect("fits");
        for _ in 0..1_000_000 {
            y = y.add(&one).expect("fits");
        }
        backward(&[(y.clone(), None)], &[], Options::default()).expect("runs");
        assert_eq!(x.grad().expect("set").slice::<f64>(), [1.0]);
        drop(y);
    }
}
