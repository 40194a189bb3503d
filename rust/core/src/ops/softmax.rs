//! softmax and log_softmax along one dimension.

use crate::backend::{Soft, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::shape::wrap_dim;
use crate::tensor::{Tensor, grad_enabled};

impl Tensor {
    /// `exp(x) / sum(exp(x))` along `dim`.
    pub fn softmax(&self, dim: isize, dtype: Option<DType>) -> Result<Tensor> {
        self.soft(Soft::Plain, dim, dtype)
    }

    /// `ln(softmax(x))` along `dim`, without the loss of digits of the two steps.
    pub fn log_softmax(&self, dim: isize, dtype: Option<DType>) -> Result<Tensor> {
        self.soft(Soft::Log, dim, dtype)
    }

    fn soft(&self, kind: Soft, dim: isize, dtype: Option<DType>) -> Result<Tensor> {
        let x = match dtype {
            Some(d) => self.to_dtype(d)?,
            None => self.clone(),
        };
        let dim = wrap_dim(dim, x.rank())?;
        if !x.dtype().is_float() {
            if x.numel() == 0 {
                return x.dup(); // PyTorch looks at the dtype only where there is something to do
            }
            let op = match (kind, dim + 1 >= x.rank()) {
                (Soft::Plain, true) => "softmax_lastdim_kernel_impl",
                (Soft::Plain, false) => "softmax_kernel_impl",
                (Soft::Log, true) => "log_softmax_lastdim_kernel_impl",
                (Soft::Log, false) => "log_softmax_kernel_impl",
            };
            return Err(Error::NotImplemented { op: op.into(), dtype: x.dtype() });
        }
        let wide = x.widened()?.contiguous_data()?;
        let out = x.new_empty(x.shape(), wide.dtype())?;
        backend(x.device()).softmax(kind, wide.raw(), dim, out.raw())?;
        let grad = match kind {
            Soft::Plain => "SoftmaxBackward0",
            Soft::Log => "LogSoftmaxBackward0",
        };
        out.cast_data(x.dtype())?.record(grad, &[&x], |save| {
            let y = save.output(0);
            move |ctx, g| grads![Some(backward(kind, &y.get(ctx)?, g, dim)?)]
        })
    }
}

/// The gradient from the result: in one pass, or in differentiable steps if it will be differentiated again.
fn backward(kind: Soft, y: &Tensor, g: &Tensor, dim: usize) -> Result<Tensor> {
    if grad_enabled() {
        let dims = [dim as isize];
        return match kind {
            Soft::Plain => y.mul(&g.sub(&g.mul(y)?.sum(&dims, true, None)?)?),
            Soft::Log => g.sub(&y.exp()?.mul(&g.sum(&dims, true, None)?)?),
        };
    }
    let (wide, dy) = (y.widened()?.contiguous_data()?, g.widened()?.contiguous_data()?);
    let dx = y.new_empty(y.shape(), wide.dtype())?;
    backend(y.device()).softmax_backward(kind, wide.raw(), dy.raw(), dim, dx.raw())?;
    dx.cast_data(y.dtype())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::check_vjp;
    use crate::tensor::no_grad;

    fn sample() -> [Tensor; 2] {
        let values: Vec<f64> = (0..24).map(|i| ((i * 7) % 11) as f64 / 4.0 - 1.0).collect();
        let weights: Vec<f64> = (0..24).map(|i| ((i * 5) % 13) as f64 / 6.0 - 1.0).collect();
        [values, weights].map(|v| Tensor::from_slice(&v, &[2, 3, 4]).expect("small"))
    }

    #[test]
    fn derivatives_match_finite_differences() {
        for dim in [-1, 0, 1] {
            for kind in [Soft::Plain, Soft::Log] {
                let [x, _] = sample();
                let (taped, measured) = check_vjp(|v| v[0].soft(kind, dim, None), &[x]).expect("runs");
                assert!(
                    (taped - measured).abs() < 1e-7 * measured.abs().max(1.0),
                    "{kind:?} {taped} {measured}"
                );
            }
        }
    }

    #[test]
    fn the_pass_and_the_steps_agree() {
        for kind in [Soft::Plain, Soft::Log] {
            let [x, g] = sample();
            let y = x.soft(kind, 1, None).expect("runs");
            let steps = backward(kind, &y, &g, 1).expect("runs");
            let pass = no_grad(|| backward(kind, &y, &g, 1)).expect("runs");
            for (a, b) in steps.slice::<f64>().iter().zip(pass.slice::<f64>()) {
                assert!((a - b).abs() < 1e-14, "{kind:?} {a} {b}");
            }
        }
    }
}
