//! Arithmetic on two tensors, or a tensor and a number.

use pyo3::prelude::*;

use crate::args::Operand;
use crate::border::{PyTensor, run, run_inplace};

#[pymethods]
impl PyTensor {
    fn __add__(&self, py: Python<'_>, other: Operand) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.add(&other.0))
    }

    fn __iadd__<'py>(slf: &Bound<'py, Self>, other: Operand) -> PyResult<()> {
        run_inplace(slf, |x| x.inplace(|x| x.add(&other.0))).map(drop)
    }
}
