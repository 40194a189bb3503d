//! Losses: functions, not methods. `reduction` is a number: 0 none, 1 mean, 2 sum.

use pyo3::prelude::*;
use tensorrs_core::Tensor;
use tensorrs_core::ops::loss::reduction as core_reduction;

use crate::args::Arg;
use crate::border::{PyTensor, raise, run};

/// The tensor of an optional argument.
fn tensor(arg: &Option<Arg>) -> Option<&Tensor> {
    arg.as_ref().map(|a| &a.0)
}

/// `-weight[y] * x[y]` for log-probabilities and classes.
#[pyfunction]
#[pyo3(signature = (input, target, weight = None, reduction = 1, ignore_index = -100))]
pub fn nll_loss(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    weight: Option<Arg>,
    reduction: i64,
    ignore_index: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || input.0.nll_loss(&target.0, tensor(&weight), how, ignore_index))
}

/// `nll_loss(log_softmax(x), y)`; a target of the shape of the input holds probabilities.
#[pyfunction]
#[pyo3(signature = (input, target, weight = None, reduction = 1, ignore_index = -100, label_smoothing = 0.0))]
pub fn cross_entropy(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    weight: Option<Arg>,
    reduction: i64,
    ignore_index: i64,
    label_smoothing: f64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || {
        input.0.cross_entropy(&target.0, tensor(&weight), how, ignore_index, label_smoothing)
    })
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident($($arg:ident = $default:expr)?);)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (input, target, reduction = 1 $(, $arg = $default)?))]
        pub fn $name(
            py: Python<'_>,
            input: Arg,
            target: Arg,
            reduction: i64,
            $($arg: f64,)?
        ) -> PyResult<Py<PyTensor>> {
            let how = core_reduction(reduction).map_err(raise)?;
            run(py, input.0.numel(), || input.0.$name(&target.0, how $(, $arg)?))
        }
    )*};
}

errors! {
    /// `(x - y)^2`
    mse_loss();
    /// `|x - y|`
    l1_loss();
    /// `|x - y|` from `beta` on, a parabola below.
    smooth_l1_loss(beta = 1.0);
    /// A parabola up to `delta`, `delta * (|x - y| - delta / 2)` beyond.
    huber_loss(delta = 1.0);
}

/// `-(y ln(x) + (1 - y) ln(1 - x))` for probabilities.
#[pyfunction]
#[pyo3(signature = (input, target, weight = None, reduction = 1))]
pub fn binary_cross_entropy(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    weight: Option<Arg>,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || input.0.binary_cross_entropy(&target.0, tensor(&weight), how))
}

/// `binary_cross_entropy(sigmoid(x), y)`, exact for large x.
#[pyfunction]
#[pyo3(signature = (input, target, weight = None, pos_weight = None, reduction = 1))]
pub fn binary_cross_entropy_with_logits(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    weight: Option<Arg>,
    pos_weight: Option<Arg>,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || {
        input.0.binary_cross_entropy_with_logits(&target.0, tensor(&weight), tensor(&pos_weight), how)
    })
}

/// `y (ln(y) - x)` for log-probabilities x; with `log_target` the target holds logarithms too.
#[pyfunction]
#[pyo3(signature = (input, target, reduction = 1, *, log_target = false))]
pub fn kl_div(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    reduction: i64,
    log_target: bool,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || input.0.kl_div(&target.0, how, log_target))
}
