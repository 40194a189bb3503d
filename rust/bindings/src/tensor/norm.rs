//! Normalisations: functions, not methods.
#![allow(non_snake_case)] // PyTorch's names of arguments

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use tensorrs_core::Tensor;
use tensorrs_core::ops::norm::BatchNorm;

use crate::args::{Arg, shape, type_name, varargs};
use crate::border::{PyTensor, run, run_all};

/// The tensors of arguments that may be None.
fn tensors<const N: usize>(args: [&Option<Arg>; N]) -> [Option<&Tensor>; N] {
    args.map(|arg| arg.as_ref().map(|t| &t.0))
}

/// A tuple or a list of sizes.
fn normalized(op: &str, sizes: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    if !sizes.is_instance_of::<PyTuple>() && !sizes.is_instance_of::<PyList>() {
        return Err(PyTypeError::new_err(format!(
            "{op}(): argument 'normalized_shape' (position 2) must be tuple of ints, not {}",
            type_name(sizes)
        )));
    }
    shape(&varargs(&PyTuple::new(sizes.py(), [sizes])?)?)
}

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
    let [weight, bias, running_mean, running_var] = tensors([&weight, &bias, &running_mean, &running_var]);
    let how = BatchNorm { weight, bias, running_mean, running_var, training, momentum, eps };
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
    let sizes = normalized("layer_norm", normalized_shape)?;
    let [weight, bias] = tensors([&weight, &bias]);
    run(py, input.0.numel(), || input.0.layer_norm(&sizes, weight, bias, eps))
}

/// `(x - mean) / sqrt(var + eps) * weight + bias` for each of `num_groups` groups of channels of each sample.
#[pyfunction]
#[pyo3(signature = (input, num_groups, weight = None, bias = None, eps = 1e-5, cudnn_enabled = true))]
pub fn group_norm(
    py: Python<'_>,
    input: Arg,
    num_groups: i64,
    weight: Option<Arg>,
    bias: Option<Arg>,
    eps: f64,
    cudnn_enabled: bool,
) -> PyResult<Py<PyTensor>> {
    let _ = cudnn_enabled;
    let [weight, bias] = tensors([&weight, &bias]);
    run(py, input.0.numel(), || input.0.group_norm(num_groups, weight, bias, eps))
}

/// `group_norm` of (N, C, HxW), with the mean and `1 / sqrt(var + eps)` of each group.
#[pyfunction]
#[pyo3(signature = (input, weight, bias, N, C, HxW, group, eps))]
#[allow(clippy::too_many_arguments)]
pub fn native_group_norm(
    py: Python<'_>,
    input: Arg,
    weight: Option<Arg>,
    bias: Option<Arg>,
    N: usize,
    C: usize,
    HxW: usize,
    group: i64,
    eps: f64,
) -> PyResult<Three> {
    let [weight, bias] = tensors([&weight, &bias]);
    let given = input.0.shape();
    if given.len() < 2 || given[..2] != [N, C] || given[2..].iter().product::<usize>() != HxW {
        return Err(pyo3::exceptions::PyRuntimeError::new_err(format!(
            "native_group_norm: N, C and HxW ({N}, {C}, {HxW}) are not those of the input"
        )));
    }
    three(run_all(py, input.0.numel(), || input.0.native_group_norm(group, weight, bias, eps))?)
}

/// (x - mean) / sqrt(var + eps) * weight + bias, with mean and variance of each x[n, c] in (N, C, ...).
#[pyfunction]
#[pyo3(signature = (input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled))]
#[allow(clippy::too_many_arguments)]
pub fn instance_norm(
    py: Python<'_>,
    input: Arg,
    weight: Option<Arg>,
    bias: Option<Arg>,
    running_mean: Option<Arg>,
    running_var: Option<Arg>,
    use_input_stats: bool,
    momentum: f64,
    eps: f64,
    cudnn_enabled: bool,
) -> PyResult<Py<PyTensor>> {
    let _ = cudnn_enabled;
    let [weight, bias, running_mean, running_var] = tensors([&weight, &bias, &running_mean, &running_var]);
    let how = BatchNorm { weight, bias, running_mean, running_var, training: use_input_stats, momentum, eps };
    run(py, input.0.numel(), || input.0.instance_norm(how))
}

/// `x / sqrt(mean(x^2) + eps) * weight` over the last dimensions, of shape `normalized_shape`.
#[pyfunction]
#[pyo3(signature = (input, normalized_shape, weight = None, eps = None))]
pub fn rms_norm(
    py: Python<'_>,
    input: Arg,
    normalized_shape: &Bound<'_, PyAny>,
    weight: Option<Arg>,
    eps: Option<f64>,
) -> PyResult<Py<PyTensor>> {
    let sizes = normalized("rms_norm", normalized_shape)?;
    run(py, input.0.numel(), || input.0.rms_norm(&sizes, weight.as_ref().map(|t| &t.0), eps))
}

/// `layer_norm`, with the mean and `1 / sqrt(var + eps)` of each row.
#[pyfunction]
#[pyo3(signature = (input, normalized_shape, weight, bias, eps))]
pub fn native_layer_norm(
    py: Python<'_>,
    input: Arg,
    normalized_shape: &Bound<'_, PyAny>,
    weight: Option<Arg>,
    bias: Option<Arg>,
    eps: f64,
) -> PyResult<Three> {
    let sizes = normalized("native_layer_norm", normalized_shape)?;
    let [weight, bias] = tensors([&weight, &bias]);
    three(run_all(py, input.0.numel(), || input.0.native_layer_norm(&sizes, weight, bias, eps))?)
}

/// `batch_norm`, with the mean and `1 / sqrt(var + eps)` of each channel in training.
#[pyfunction]
#[pyo3(signature = (input, weight, bias, running_mean, running_var, training, momentum, eps))]
#[allow(clippy::too_many_arguments)]
pub fn native_batch_norm(
    py: Python<'_>,
    input: Arg,
    weight: Option<Arg>,
    bias: Option<Arg>,
    running_mean: Option<Arg>,
    running_var: Option<Arg>,
    training: bool,
    momentum: f64,
    eps: f64,
) -> PyResult<Three> {
    let [weight, bias, running_mean, running_var] = tensors([&weight, &bias, &running_mean, &running_var]);
    let how = BatchNorm { weight, bias, running_mean, running_var, training, momentum, eps };
    three(run_all(py, input.0.numel(), || input.0.native_batch_norm(how))?)
}

type Three = (Py<PyTensor>, Py<PyTensor>, Py<PyTensor>);

fn three(parts: Vec<Py<PyTensor>>) -> PyResult<Three> {
    let [out, mean, invstd]: [Py<PyTensor>; 3] = parts
        .try_into()
        .map_err(|_| pyo3::exceptions::PyRuntimeError::new_err("a normalisation gives three"))?;
    Ok((out, mean, invstd))
}
