//! Dropout: functions, not methods.

use pyo3::prelude::*;

use tensorrs_core::ops::dropout::Dropped;

use crate::args::Arg;
use crate::border::{PyTensor, run, run_inplace};

/// In training each element is zero with chance `p`, and the others are divided by `1 - p`.
#[pyfunction]
#[pyo3(signature = (input, p = 0.5, train = true))]
pub fn dropout(py: Python<'_>, input: Arg, p: f64, train: bool) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.dropout(p, train, None))
}

/// As `dropout`, in place.
#[pyfunction]
#[pyo3(signature = (input, p = 0.5, train = true))]
pub fn dropout_<'py>(input: &Bound<'py, PyTensor>, p: f64, train: bool) -> PyResult<Bound<'py, PyTensor>> {
    run_inplace(input, |x| x.dropout_(p, train, None))
}

/// Dropout that keeps mean and variance of what selu gives. Klambauer et al., arXiv:1706.02515.
#[pyfunction]
pub fn alpha_dropout(py: Python<'_>, input: Arg, p: f64, train: bool) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.dropout_as(Dropped::Alpha, p, train, None))
}

/// As `alpha_dropout`, in place.
#[pyfunction]
pub fn alpha_dropout_<'py>(
    input: &Bound<'py, PyTensor>,
    p: f64,
    train: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    run_inplace(input, |x| x.dropout_as_(Dropped::Alpha, p, train, None))
}

/// Dropout of whole channels. Tompson et al., arXiv:1411.4280.
#[pyfunction]
pub fn feature_dropout(py: Python<'_>, input: Arg, p: f64, train: bool) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.dropout_as(Dropped::Feature, p, train, None))
}

/// As `feature_dropout`, in place.
#[pyfunction]
pub fn feature_dropout_<'py>(
    input: &Bound<'py, PyTensor>,
    p: f64,
    train: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    run_inplace(input, |x| x.dropout_as_(Dropped::Feature, p, train, None))
}

/// `alpha_dropout` of whole channels: x (N, C, ...) keeps or loses each x[n, c] at once.
#[pyfunction]
pub fn feature_alpha_dropout(py: Python<'_>, input: Arg, p: f64, train: bool) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.dropout_as(Dropped::FeatureAlpha, p, train, None))
}

/// As `feature_alpha_dropout`, in place.
#[pyfunction]
pub fn feature_alpha_dropout_<'py>(
    input: &Bound<'py, PyTensor>,
    p: f64,
    train: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    run_inplace(input, |x| x.dropout_as_(Dropped::FeatureAlpha, p, train, None))
}
