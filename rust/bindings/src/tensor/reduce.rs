//! Sums, means, products, truth over dimensions, counts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::args::{Dims, Ints, named_varargs};
use crate::border::{PyTensor, run};
use crate::types::DTypeArg;

/// The dims of a reduction: None for all. An empty tuple also means all, but PyTorch tells them apart in `grad_fn`.
pub fn over(dim: Option<Dims>, rank: usize) -> Ints {
    match dim {
        None => Ints::new(),
        Some(Dims(dims)) if dims.is_empty() => (0..rank as isize).collect(),
        Some(Dims(dims)) => dims,
    }
}

/// Reductions over no, one or several dims, with a dtype.
macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        #[pymethods]
        impl PyTensor {
            $(
                $(#[$doc])*
                #[pyo3(signature = (dim = None, keepdim = false, *, dtype = None))]
                fn $name(
                    &self,
                    py: Python<'_>,
                    dim: Option<Dims>,
                    keepdim: bool,
                    dtype: Option<DTypeArg>,
                ) -> PyResult<Py<PyTensor>> {
                    let x = self.tensor(py);
                    let dims = over(dim, x.rank());
                    run(py, x.numel(), || x.$name(&dims, keepdim, dtype.map(|d| d.0)))
                }
            )*
        }
    };
}
sums! {
    /// The sum of all elements, or over `dim`; integers and bools add up as int64. `dtype` converts before.
    sum,
    /// As `sum`, with nan counted as 0.
    nansum,
    /// The mean of all elements, or over `dim`. RuntimeError for integers, unless `dtype` is a float type.
    mean,
    /// The mean of the elements that are not nan, of all or over `dim`; nan where all are.
    nanmean,
}

#[pymethods]
impl PyTensor {
    /// The product of all elements, or along `dim`; integers and bools multiply as int64. `dtype` converts before.
    #[pyo3(signature = (dim = None, keepdim = false, *, dtype = None))]
    fn prod(
        &self,
        py: Python<'_>,
        dim: Option<isize>,
        keepdim: bool,
        dtype: Option<DTypeArg>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.prod(dim, keepdim, dtype.map(|d| d.0)))
    }

    /// Whether some element is not zero, of all or over `dim`: a bool tensor (uint8 for uint8).
    #[pyo3(signature = (dim = None, keepdim = false))]
    fn any(&self, py: Python<'_>, dim: Option<Dims>, keepdim: bool) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.any(dim.as_ref().map(|d| d.0.as_slice()), keepdim))
    }

    /// Whether all elements are not zero, of all or over `dim`: a bool tensor (uint8 for uint8).
    #[pyo3(signature = (dim = None, keepdim = false))]
    fn all(&self, py: Python<'_>, dim: Option<Dims>, keepdim: bool) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.all(dim.as_ref().map(|d| d.0.as_slice()), keepdim))
    }

    /// How many elements are not zero, of all or over `dim`: int64.
    #[pyo3(signature = (dim = None))]
    fn count_nonzero(&self, py: Python<'_>, dim: Option<Dims>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.count_nonzero(&dim.unwrap_or_default().0))
    }

    /// Sum over broadcast dimensions until the shape is `size`.
    #[pyo3(signature = (*size, **named))]
    fn sum_to_size(
        &self,
        py: Python<'_>,
        size: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, size) =
            (self.tensor(py), crate::args::shape(&named_varargs("sum_to_size", "size", size, named)?)?);
        run(py, x.numel(), || x.sum_to_size(&size))
    }
}
