//! Tables, one-hot vectors and margins: functions, not methods.

use pyo3::prelude::*;

use crate::args::{Arg, Dims, Number};
use crate::border::{PyTensor, run};

/// Rows of `weight` by their numbers. The row `padding_idx` gets no gradient. `sparse` is accepted: gradients are dense.
#[pyfunction]
#[pyo3(signature = (weight, indices, padding_idx = -1, scale_grad_by_freq = false, sparse = false))]
pub fn embedding(
    py: Python<'_>,
    weight: Arg,
    indices: Arg,
    padding_idx: i64,
    scale_grad_by_freq: bool,
    sparse: bool,
) -> PyResult<Py<PyTensor>> {
    let _ = sparse;
    let padding = usize::try_from(padding_idx).ok();
    let width = weight.0.shape().last().copied().unwrap_or(1);
    run(py, indices.0.numel() * width, || weight.0.embedding(&indices.0, padding, scale_grad_by_freq))
}

/// 1 at the class that each element names, 0 elsewhere.
#[pyfunction]
#[pyo3(signature = (tensor, num_classes = -1))]
pub fn one_hot(py: Python<'_>, tensor: Arg, num_classes: i64) -> PyResult<Py<PyTensor>> {
    run(py, tensor.0.numel(), || tensor.0.one_hot(num_classes))
}

/// Margins around the last dimensions: pairs (before, after), the last dimension first. `mode` is `'constant'`,
/// `'reflect'`, `'replicate'` or `'circular'`.
#[pyfunction]
#[pyo3(signature = (input, pad, mode = "constant", value = None))]
pub fn pad(
    py: Python<'_>,
    input: Arg,
    pad: Dims,
    mode: &str,
    value: Option<Number>,
) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.pad(&pad.0, mode, value.map(|v| v.0)))
}
