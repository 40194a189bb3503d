//! softmax and log_softmax.

use pyo3::prelude::*;

use crate::border::{PyTensor, run};
use crate::types::DTypeArg;

#[pymethods]
impl PyTensor {
    /// e^x[i] / sum_j e^x[j] along `dim`, without overflow between. `dtype` converts before.
    #[pyo3(signature = (dim, dtype = None))]
    fn softmax(&self, py: Python<'_>, dim: isize, dtype: Option<DTypeArg>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.softmax(dim, dtype.map(|d| d.0)))
    }

    /// x[i] - log(sum_j e^x[j]) along `dim`, without overflow between. `dtype` converts before.
    #[pyo3(signature = (dim, dtype = None))]
    fn log_softmax(&self, py: Python<'_>, dim: isize, dtype: Option<DTypeArg>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.log_softmax(dim, dtype.map(|d| d.0)))
    }
}
