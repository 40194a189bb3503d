//! Distances of pairs of rows, for `_distance.py`, which checks the arguments.

use pyo3::prelude::*;

use crate::args::Arg;
use crate::border::{PyTensor, run};

/// The distance of every row of `x1` to every row of `x2`; for p = 2 by a product of matrices, if wanted.
#[pyfunction]
#[pyo3(signature = (x1, x2, p, by_product))]
pub fn _cdist(py: Python<'_>, x1: Arg, x2: Arg, p: f64, by_product: bool) -> PyResult<Py<PyTensor>> {
    let (a, b) = (&x1.0, &x2.0);
    run(py, a.numel() * b.shape().iter().rev().nth(1).copied().unwrap_or(1), || {
        if by_product { a.euclidean_distances(b) } else { a.cdist(b, p) }
    })
}

/// The distances of all pairs of rows.
#[pyfunction]
#[pyo3(signature = (input, p))]
pub fn _pdist(py: Python<'_>, input: Arg, p: f64) -> PyResult<Py<PyTensor>> {
    let x = &input.0;
    run(py, x.numel() * x.shape().first().copied().unwrap_or(1), || x.pdist(p))
}
