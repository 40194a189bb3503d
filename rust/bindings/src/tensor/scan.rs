//! Running sums, products and extremes.

use pyo3::prelude::*;

use crate::border::{PyTensor, run, run_inplace};
use crate::tensor::extreme::pair;
use crate::types::DTypeArg;

#[pymethods]
impl PyTensor {
    /// y[i] = x[0] + ... + x[i] along `dim`; integers add up as int64. IndexError for a `dim` out of range.
    #[pyo3(signature = (dim, *, dtype = None))]
    fn cumsum(&self, py: Python<'_>, dim: isize, dtype: Option<DTypeArg>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.cumsum(dim, dtype.map(|d| d.0)))
    }

    /// `cumsum`, written into this tensor.
    #[pyo3(signature = (dim, *, dtype = None))]
    fn cumsum_<'py>(
        slf: &Bound<'py, Self>,
        dim: isize,
        dtype: Option<DTypeArg>,
    ) -> PyResult<Bound<'py, PyTensor>> {
        run_inplace(slf, |x| x.inplace(|x| x.cumsum(dim, Some(dtype.map_or(x.dtype(), |d| d.0)))))
    }

    /// y[i] = x[0] * ... * x[i] along `dim`; integers multiply as int64. IndexError for a `dim` out of range.
    #[pyo3(signature = (dim, *, dtype = None))]
    fn cumprod(&self, py: Python<'_>, dim: isize, dtype: Option<DTypeArg>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.cumprod(dim, dtype.map(|d| d.0)))
    }

    /// `cumprod`, written into this tensor.
    #[pyo3(signature = (dim, *, dtype = None))]
    fn cumprod_<'py>(
        slf: &Bound<'py, Self>,
        dim: isize,
        dtype: Option<DTypeArg>,
    ) -> PyResult<Bound<'py, PyTensor>> {
        run_inplace(slf, |x| x.inplace(|x| x.cumprod(dim, Some(dtype.map_or(x.dtype(), |d| d.0)))))
    }

    /// y[i] = log(e^x[0] + ... + e^x[i]) along `dim`, without overflow between.
    fn logcumsumexp(&self, py: Python<'_>, dim: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.logcumsumexp(dim))
    }

    /// (values, indices): the greatest of x[0], ..., x[i] along `dim` and where it is; of equal ones the last.
    fn cummax<'py>(&self, py: Python<'py>, dim: isize) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        pair(py, "cummax", x.numel(), || x.cummax(dim))
    }

    /// (values, indices): the smallest of x[0], ..., x[i] along `dim` and where it is; of equal ones the last.
    fn cummin<'py>(&self, py: Python<'py>, dim: isize) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        pair(py, "cummin", x.numel(), || x.cummin(dim))
    }
}
