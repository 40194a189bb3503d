//! Activations: the functions that `nn.functional` is made of, and the methods that Tensor has of them.

use pyo3::prelude::*;

use super::random::shared;
use crate::args::Arg;
use crate::border::{PyTensor, run, run_inplace};

#[pymethods]
impl PyTensor {
    /// max(0, x) for each element.
    #[pyo3(name = "relu")]
    fn relu_method(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.relu())
    }

    /// `relu`, written into this tensor.
    #[pyo3(name = "relu_")]
    fn relu_method_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.relu_())
    }

    /// x where positive, weight * x elsewhere. `weight` has one number, or one for each channel (dim 1).
    /// He et al., arXiv:1502.01852.
    #[pyo3(name = "prelu")]
    fn prelu_method(&self, py: Python<'_>, weight: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.prelu(&weight.0))
    }

    /// x where |x| > lambd, 0 elsewhere.
    #[pyo3(name = "hardshrink", signature = (lambd = 0.5))]
    fn hardshrink_method(&self, py: Python<'_>, lambd: f64) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.hardshrink(lambd))
    }
}

/// `name(arg: type = default, …)`: a function of a tensor and numbers.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty $(= $default:expr)?),*);)*) => {
        $($(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (input $(, $arg $(= $default)?)*))]
        pub fn $name(py: Python<'_>, input: Arg $(, $arg: $type)*) -> PyResult<Py<PyTensor>> {
            run(py, input.0.numel(), || input.0.$name($($arg),*))
        })*
    };
}

/// As `functions!` for the in-place forms.
macro_rules! inplace_functions {
    ($($name:ident($($arg:ident: $type:ty $(= $default:expr)?),*);)*) => {
        $(#[doc = concat!("`", stringify!($name), "(x)` is the function without the underscore, written into `input`.")]
        #[pyfunction]
        #[pyo3(signature = (input $(, $arg $(= $default)?)*))]
        pub fn $name<'py>(input: &Bound<'py, PyTensor> $(, $arg: $type)*) -> PyResult<Bound<'py, PyTensor>> {
            run_inplace(input, |x| x.$name($($arg),*))
        })*
    };
}

functions! {
    /// `max(0, x)`
    relu();
    /// `x` where positive, `negative_slope * x` elsewhere.
    leaky_relu(negative_slope: f64 = 0.01);
    /// `x` between `min_val` and `max_val`, the nearer of the two elsewhere.
    hardtanh(min_val: f64 = -1.0, max_val: f64 = 1.0);
    /// `x` where it is greater than `threshold`, `value` elsewhere.
    threshold(threshold: f64, value: f64);
    /// `min(max(0, x + 3), 6) / 6`
    hardsigmoid();
    /// `x * hardsigmoid(x)`
    hardswish();
    /// `x` drawn towards 0 by `lambd`, 0 where it is closer than that.
    softshrink(lambd: f64 = 0.5);
    /// `x`, 0 where its size is at most `lambd`.
    hardshrink(lambd: f64 = 0.5);
    /// `x` where positive, `alpha * (exp(x) - 1)` elsewhere. Clevert et al., arXiv:1511.07289.
    elu(alpha: f64 = 1.0);
    /// `elu` scaled so that layers keep mean 0 and variance 1. Klambauer et al., arXiv:1706.02515.
    selu();
    /// `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`. Barron, arXiv:1704.07483.
    celu(alpha: f64 = 1.0);
    /// `x * sigmoid(x)`. Hendrycks and Gimpel, arXiv:1606.08415.
    silu();
    /// `x * tanh(softplus(x))`. Misra, arXiv:1908.08681.
    mish();
    /// `log(1 + exp(beta * x)) / beta`; `x` itself where `beta * x > threshold`.
    softplus(beta: f64 = 1.0, threshold: f64 = 20.0);
    /// `log(sigmoid(x))`
    logsigmoid();
}

inplace_functions! {
    relu_();
    leaky_relu_(negative_slope: f64 = 0.01);
    hardtanh_(min_val: f64 = -1.0, max_val: f64 = 1.0);
    threshold_(threshold: f64, value: f64);
    elu_(alpha: f64 = 1.0);
    selu_();
    celu_(alpha: f64 = 1.0);
    silu_();
    mish_();
    hardsigmoid_();
    hardswish_();
}

/// `x * P(Z <= x)` for a standard normal Z; `approximate="tanh"` takes an approximation. Hendrycks and Gimpel,
/// arXiv:1606.08415.
#[pyfunction]
#[pyo3(signature = (input, *, approximate = "none"))]
pub fn gelu(py: Python<'_>, input: Arg, approximate: &str) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.gelu(approximate))
}

/// `a * sigmoid(b)` for the two halves of the input along `dim`. Dauphin et al., arXiv:1612.08083.
#[pyfunction]
#[pyo3(signature = (input, dim = -1))]
pub fn glu(py: Python<'_>, input: Arg, dim: isize) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.glu(dim))
}

/// `x` where positive, `weight * x` elsewhere. He et al., arXiv:1502.01852.
#[pyfunction]
pub fn prelu(py: Python<'_>, input: Arg, weight: Arg) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.prelu(&weight.0))
}

/// `x` where positive, `a * x` elsewhere; in training a is drawn between the bounds. Xu et al., arXiv:1505.00853.
#[pyfunction]
#[pyo3(signature = (input, lower = 0.125, upper = 1.0 / 3.0, training = false, generator = None))]
pub fn rrelu(
    py: Python<'_>,
    input: Arg,
    lower: f64,
    upper: f64,
    training: bool,
    generator: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyTensor>> {
    let source = shared(generator)?;
    run(py, input.0.numel(), || input.0.rrelu(lower, upper, training, source.as_ref()))
}

/// As `rrelu`, in place.
#[pyfunction]
#[pyo3(signature = (input, lower = 0.125, upper = 1.0 / 3.0, training = false, generator = None))]
pub fn rrelu_<'py>(
    input: &Bound<'py, PyTensor>,
    lower: f64,
    upper: f64,
    training: bool,
    generator: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTensor>> {
    let source = shared(generator)?;
    run_inplace(input, |x| x.rrelu_(lower, upper, training, source.as_ref()))
}
