//! Ops that take an index tensor or a mask.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tensorrs_core::ops::gather::Meet;
use tensorrs_core::{Result, Scalar, Tensor};

use crate::args::{Arg, Filling, Number, Operand};
use crate::border::{PyTensor, call, run, run_inplace, wrap};

fn meet(reduce: Option<&str>) -> PyResult<Meet> {
    match reduce {
        None => Ok(Meet::Replace),
        Some("add") => Ok(Meet::Add),
        Some("multiply") => Ok(Meet::Multiply),
        Some(_) => Err(PyRuntimeError::new_err("reduce argument must be either add or multiply.")),
    }
}

/// A number stands for a tensor shaped like the index.
fn scattered(x: &Tensor, dim: isize, index: &Tensor, src: &Operand, meet: Meet) -> Result<Tensor> {
    match src.0.is_wrapped() {
        true => x.scatter_value(dim, index, src.0.item()?, meet),
        false => x.scatter(dim, index, &src.0, meet),
    }
}

/// A method and its in-place twin that differ in nothing else.
macro_rules! with_inplace {
    ($($(#[$doc:meta])* $name:ident / $inplace:ident ($($arg:ident: $ty:ty $(= $default:expr)?),*) |$x:ident| $body:expr;)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                $(#[$doc])*
                #[pyo3(signature = ($($arg $(= $default)?),*))]
                fn $name(&self, py: Python<'_>, $($arg: $ty),*) -> PyResult<Py<PyTensor>> {
                    let $x = &self.tensor(py);
                    run(py, $x.numel(), || $body)
                }

                #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
                #[pyo3(signature = ($($arg $(= $default)?),*))]
                fn $inplace<'py>(slf: &Bound<'py, Self>, $($arg: $ty),*) -> PyResult<Bound<'py, Self>> {
                    run_inplace(slf, |x| x.inplace(|$x| $body))
                }
            )*
        }
    };
}

with_inplace! {
    /// x with x[index[i][j]][j] += src[i][j] for `dim` 0, and so on.
    scatter_add / scatter_add_ (dim: isize, index: Arg, src: Arg) |x| x.scatter(dim, &index.0, &src.0, Meet::Add);
    /// x with x[index[i]] += alpha * source[i] along `dim`.
    index_add / index_add_ (dim: isize, index: Arg, source: Arg, alpha: Number = Number(Scalar::Int(1)))
        |x| x.index_add(dim, &index.0, &source.0, alpha.0);
    /// x with x[index[i]] = source[i] along `dim`.
    index_copy / index_copy_ (dim: isize, index: Arg, source: Arg) |x| x.index_copy(dim, &index.0, &source.0);
    /// x with x[index[i]] = value along `dim`.
    index_fill / index_fill_ (dim: isize, index: Arg, value: Operand) |x| x.index_fill(dim, &index.0, &value.0);
    /// x with `value` where `mask` is True; the mask is broadcast.
    masked_fill / masked_fill_ (mask: Arg, value: Filling) |x| x.masked_fill(&mask.0, &value.0);
    /// x with the elements of `source`, in their order, where `mask` is True. RuntimeError for too few.
    masked_scatter / masked_scatter_ (mask: Arg, source: Arg) |x| x.masked_scatter(&mask.0, &source.0);
}

#[pymethods]
impl PyTensor {
    /// y[i][j][k] = x[index[i][j][k]][j][k] for `dim` 0, and so on: y has the shape of `index` (int64).
    /// RuntimeError where `index` leaves x or is greater than it in another dimension.
    #[pyo3(signature = (dim, index, *, sparse_grad = false))]
    fn gather(&self, py: Python<'_>, dim: isize, index: Arg, sparse_grad: bool) -> PyResult<Py<PyTensor>> {
        let _ = sparse_grad;
        let x = self.tensor(py);
        run(py, index.0.numel(), || x.gather(dim, &index.0))
    }

    /// x with x[index[i][j]][j] = src[i][j] for `dim` 0, and so on; `src` is a tensor or a number, `reduce` "add" or
    /// "multiply" combines with what is there.
    #[pyo3(signature = (dim, index, src = None, *, value = None, reduce = None))]
    fn scatter(
        &self,
        py: Python<'_>,
        dim: isize,
        index: Arg,
        src: Option<Operand>,
        value: Option<Operand>,
        reduce: Option<&str>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, meet, src) = (self.tensor(py), meet(reduce)?, given(src, value)?);
        run(py, x.numel(), || scattered(&x, dim, &index.0, &src, meet))
    }

    /// `scatter`, written into this tensor.
    #[pyo3(signature = (dim, index, src = None, *, value = None, reduce = None))]
    fn scatter_<'py>(
        slf: &Bound<'py, Self>,
        dim: isize,
        index: Arg,
        src: Option<Operand>,
        value: Option<Operand>,
        reduce: Option<&str>,
    ) -> PyResult<Bound<'py, Self>> {
        let (meet, src) = (meet(reduce)?, given(src, value)?);
        run_inplace(slf, |x| {
            x.check_overlap(&[&index.0, &src.0])?;
            x.inplace(|x| scattered(x, dim, &index.0, &src, meet))
        })
    }

    /// The slices `index` (int32 or int64, one dimension) along `dim`. IndexError for one out of range.
    fn index_select(&self, py: Python<'_>, dim: isize, index: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.index_select(dim, &index.0))
    }

    /// The elements where `mask` is True, as one dimension; both are broadcast.
    fn masked_select(&self, py: Python<'_>, mask: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.masked_select(&mask.0))
    }

    /// The elements `index` (int64) of the flattened tensor, in the shape of `index`.
    fn take(&self, py: Python<'_>, index: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, index.0.numel(), || x.take(&index.0))
    }

    /// As `gather`, with index and tensor broadcast against each other; without `dim` on the flattened tensor.
    #[pyo3(signature = (indices, dim = None))]
    fn take_along_dim(&self, py: Python<'_>, indices: Arg, dim: Option<isize>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.take_along_dim(&indices.0, dim))
    }

    /// The indices of the elements that are not zero.
    #[pyo3(signature = (*, as_tuple = false))]
    fn nonzero<'py>(&self, py: Python<'py>, as_tuple: bool) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        if !as_tuple {
            return Ok(run(py, x.numel(), || x.nonzero())?.into_bound(py).into_any());
        }
        let columns = call(py, x.numel(), || x.at_least_1d()?.nonzero_columns())?;
        let columns: Vec<_> = columns.into_iter().map(|t| wrap(py, t)).collect::<PyResult<_>>()?;
        Ok(PyTuple::new(py, columns)?.into_any())
    }

    /// The indices of the elements that are not zero: (count, number of dimensions), int64.
    fn argwhere(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.nonzero())
    }

    /// x with x[indices] = values, or += with `accumulate`; `indices` as in x[...], None for a whole dimension.
    #[pyo3(signature = (indices, values, accumulate = false))]
    fn index_put(
        &self,
        py: Python<'_>,
        indices: Vec<Option<Arg>>,
        values: Arg,
        accumulate: bool,
    ) -> PyResult<Py<PyTensor>> {
        let (x, picks) = (self.tensor(py), picks(indices));
        run(py, x.numel(), || {
            x.put(&x.picks(&picks)?, &x.put_values(&picks, &values.0, accumulate)?, accumulate)
        })
    }

    /// `index_put`, written into this tensor.
    #[pyo3(signature = (indices, values, accumulate = false))]
    fn index_put_<'py>(
        slf: &Bound<'py, Self>,
        indices: Vec<Option<Arg>>,
        values: Arg,
        accumulate: bool,
    ) -> PyResult<Bound<'py, Self>> {
        let picks = picks(indices);
        run_inplace(slf, |x| {
            x.put_(&x.picks(&picks)?, &x.put_values(&picks, &values.0, accumulate)?, accumulate)
        })
    }
}

fn picks(indices: Vec<Option<Arg>>) -> Vec<Option<Tensor>> {
    indices.into_iter().map(|t| t.map(|t| t.0)).collect()
}

fn given(src: Option<Operand>, value: Option<Operand>) -> PyResult<Operand> {
    src.or(value).ok_or_else(|| {
        pyo3::exceptions::PyTypeError::new_err("scatter() missing 1 required argument: 'src' or 'value'")
    })
}
