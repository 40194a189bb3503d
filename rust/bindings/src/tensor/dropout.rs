//! Dropout: functions, not methods.

use pyo3::prelude::*;

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
