//! Largest and smallest elements, and where they are.

use pyo3::prelude::*;

use crate::border::{PyTensor, run};

#[pymethods]
impl PyTensor {
    #[pyo3(signature = (dim = None, keepdim = false))]
    fn argmax(&self, py: Python<'_>, dim: Option<isize>, keepdim: bool) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.argmax(dim, keepdim))
    }

    #[pyo3(signature = (dim = None, keepdim = false))]
    fn argmin(&self, py: Python<'_>, dim: Option<isize>, keepdim: bool) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.argmin(dim, keepdim))
    }
}
