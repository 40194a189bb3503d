//! Orders along a dimension, medians, different elements.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tensorrs_core::{Result, Tensor};

use crate::border::{PyTensor, call, run, wrap};
use crate::tensor::extreme::pair;

macro_rules! medians {
    ($($(#[$doc:meta])* $name:ident, $skip_nan:literal;)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                $(#[$doc])*
                #[pyo3(signature = (dim = None, keepdim = None))]
                fn $name<'py>(
                    &self,
                    py: Python<'py>,
                    dim: Option<isize>,
                    keepdim: Option<bool>,
                ) -> PyResult<Bound<'py, PyAny>> {
                    let x = self.tensor(py);
                    let Some(dim) = dim else {
                        if keepdim.is_some() {
                            return Err(PyTypeError::new_err(concat!(
                                stringify!($name),
                                "() missing 1 required positional arguments: \"dim\""
                            )));
                        }
                        let whole = run(py, x.numel(), || x.median_all($skip_nan))?;
                        return Ok(whole.into_bound(py).into_any());
                    };
                    let keepdim = keepdim.unwrap_or(false);
                    pair(py, stringify!($name), x.numel(), || x.median_dim(dim, keepdim, $skip_nan))
                }
            )*
        }
    };
}
medians! {
    /// median(): the middle element. median(dim): (values, indices) along `dim`. The lower of two middle ones.
    median, false;
    /// As `median`, with nan left out.
    nanmedian, true;
}

#[pymethods]
impl PyTensor {
    /// (values, indices) in ascending order along `dim`, or `descending`; nan is the greatest. `stable` keeps equal ones.
    #[pyo3(signature = (dim = -1, descending = false, *, stable = None))]
    fn sort<'py>(
        &self,
        py: Python<'py>,
        dim: isize,
        descending: bool,
        stable: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        pair(py, "sort", x.numel(), || x.sort(dim, descending, stable))
    }

    /// The indices that sort along `dim`: those of `sort`.
    #[pyo3(signature = (dim = -1, descending = false, *, stable = None))]
    fn argsort(
        &self,
        py: Python<'_>,
        dim: isize,
        descending: bool,
        stable: Option<bool>,
    ) -> PyResult<Py<PyTensor>> {
        let _ = stable; // every order is stable
        let x = self.tensor(py);
        run(py, x.numel(), || x.argsort(dim, descending))
    }

    /// The elements sorted in ascending order along dimension 0: the values of `sort(dim=0)`.
    fn msort(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.sort(0, false, None).map(|(values, _)| values))
    }

    /// (values, indices) of the `k` greatest elements along `dim`, or the smallest unless `largest`.
    /// RuntimeError for `k` out of range.
    #[pyo3(signature = (k, dim = -1, largest = true, sorted = true))]
    fn topk<'py>(
        &self,
        py: Python<'py>,
        k: isize,
        dim: isize,
        largest: bool,
        sorted: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = sorted; // PyTorch leaves the order open then
        let x = self.tensor(py);
        pair(py, "topk", x.numel(), || x.topk(k, dim, largest))
    }

    /// (values, indices) of the `k`th smallest element along `dim`, from 1 on. RuntimeError for `k` out of range.
    #[pyo3(signature = (k, dim = -1, keepdim = false))]
    fn kthvalue<'py>(
        &self,
        py: Python<'py>,
        k: isize,
        dim: isize,
        keepdim: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        pair(py, "kthvalue", x.numel(), || x.kthvalue(k, dim, keepdim))
    }

    /// The different elements, sorted; along `dim` the different slices. With `return_inverse` also where each element
    /// went, with `return_counts` how often each occurs.
    #[pyo3(signature = (sorted = true, return_inverse = false, return_counts = false, dim = None))]
    fn unique<'py>(
        &self,
        py: Python<'py>,
        sorted: bool,
        return_inverse: bool,
        return_counts: bool,
        dim: Option<isize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = sorted; // PyTorch sorts either way
        let x = self.tensor(py);
        distinct(py, x.numel(), return_inverse, return_counts, || x.unique(dim))
    }

    /// As `unique`, but equal elements fall together only where they are neighbours, in the given order.
    #[pyo3(signature = (return_inverse = false, return_counts = false, dim = None))]
    fn unique_consecutive<'py>(
        &self,
        py: Python<'py>,
        return_inverse: bool,
        return_counts: bool,
        dim: Option<isize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        distinct(py, x.numel(), return_inverse, return_counts, || x.unique_consecutive(dim))
    }
}

/// One tensor, or a tuple of those that were asked for.
fn distinct<'py>(
    py: Python<'py>,
    size: usize,
    inverse: bool,
    counts: bool,
    f: impl FnOnce() -> Result<(Tensor, Tensor, Tensor)> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let (out, places, number) = call(py, size, f)?;
    let mut parts = vec![wrap(py, out)?];
    if inverse {
        parts.push(wrap(py, places)?);
    }
    if counts {
        parts.push(wrap(py, number)?);
    }
    match parts.len() {
        1 => Ok(parts.remove(0).into_bound(py).into_any()),
        _ => PyTuple::new(py, parts).map(Bound::into_any),
    }
}
