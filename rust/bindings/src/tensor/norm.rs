//! Normalisations: functions, not methods.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use tensorrs_core::ops::norm::BatchNorm;

use crate::args::{Arg, shape, type_name, varargs};
use crate::border::{PyTensor, run};

/// `(x - mean) / sqrt(var + eps) * weight + bias` for each channel, which is dimension 1.
#[pyfunction]
#[pyo3(signature = (input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled = true))]
#[allow(clippy::too_many_arguments)]
pub fn batch_norm(
    py: Python<'_>,
    input: Arg,
    weight: Option<Arg>,
    bias: Option<Arg>,
    running_mean: Option<Arg>,
    running_var: Option<Arg>,
    training: bool,
    momentum: f64,
    eps: f64,
    cudnn_enabled: bool,
) -> PyResult<Py<PyTensor>> {
    // PyTorch's switch for another library's kernels; there are none here.
    let _ = cudnn_enabled;
    let how = BatchNorm {
        weight: weight.as_ref().map(|t| &t.0),
        bias: bias.as_ref().map(|t| &t.0),
        running_mean: running_mean.as_ref().map(|t| &t.0),
        running_var: running_var.as_ref().map(|t| &t.0),
        training,
        momentum,
        eps,
    };
    run(py, input.0.numel(), || input.0.batch_norm(how))
}

/// `(x - mean) / sqrt(var + eps) * weight + bias` over the last dimensions, of shape `normalized_shape`.
#[pyfunction]
#[pyo3(signature = (input, normalized_shape, weight = None, bias = None, eps = 1e-5, cudnn_enable = true))]
pub fn layer_norm(
    py: Python<'_>,
    input: Arg,
    normalized_shape: &Bound<'_, PyAny>,
    weight: Option<Arg>,
    bias: Option<Arg>,
    eps: f64,
    cudnn_enable: bool,
) -> PyResult<Py<PyTensor>> {
    let _ = cudnn_enable;
    if !normalized_shape.is_instance_of::<PyTuple>() && !normalized_shape.is_instance_of::<PyList>() {
        return Err(PyTypeError::new_err(format!(
            "layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not {}",
            type_name(normalized_shape)
        )));
    }
    let sizes = shape(&varargs(&PyTuple::new(py, [normalized_shape])?)?)?;
    let (weight, bias) = (weight.as_ref().map(|t| &t.0), bias.as_ref().map(|t| &t.0));
    run(py, input.0.numel(), || input.0.layer_norm(&sizes, weight, bias, eps))
}
