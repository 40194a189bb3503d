//! Views of the same elements in another shape: view, reshape, expand, transpose, as_strided.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyTuple};
use tensorrs_core::Tensor;
use tensorrs_core::layout::Layout;

use crate::args::{Arg, Dims, named_varargs, shape, varargs_or_named};
use crate::border::{PyTensor, call, raise, run};
use crate::types::DTypeArg;

/// An in-place change of shape: the object stands for a view of its old tensor.
pub fn reshape_inplace<'py>(
    slf: &Bound<'py, PyTensor>,
    f: impl FnOnce(&Tensor) -> tensorrs_core::Result<Tensor> + Send,
) -> PyResult<Bound<'py, PyTensor>> {
    let x = slf.get().tensor(slf.py());
    let y = call(slf.py(), 0, || f(&x))?;
    let edge = y.grad_edge().map_err(raise)?;
    PyTensor::set(slf, x.with_data(&y));
    if let Some(edge) = edge {
        slf.get().tensor(slf.py()).set_edge(edge);
    }
    Ok(slf.clone())
}

#[pymethods]
impl PyTensor {
    /// The same elements in another shape (or as another dtype), sharing memory.
    #[pyo3(signature = (*shape, size = None, dtype = None))]
    fn view(
        &self,
        py: Python<'_>,
        shape: &Bound<'_, PyTuple>,
        size: Option<&Bound<'_, PyAny>>,
        dtype: Option<DTypeArg>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let by_position = match shape.len() {
            // Numbers are no dtype, and need not be told so.
            1 => Some(shape.get_borrowed_item(0)?)
                .filter(|a| !(a.is_instance_of::<PyInt>() || a.is_instance_of::<PyTuple>()))
                .and_then(|a| a.extract().ok()),
            _ => None,
        };
        if let Some(DTypeArg(d)) = by_position.or(dtype) {
            return run(py, 0, || x.view_dtype(d));
        }
        let sizes = varargs_or_named("view", "size", shape, size)?;
        run(py, 0, || x.view_sizes(&sizes))
    }

    /// The same elements in the shape `shape`, one size may be -1; a view where strides allow, otherwise a copy.
    /// RuntimeError unless the number of elements fits.
    #[pyo3(signature = (*shape, **named))]
    fn reshape(
        &self,
        py: Python<'_>,
        shape: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, sizes) = (self.tensor(py), named_varargs("reshape", "shape", shape, named)?);
        run(py, x.numel(), || x.reshape_sizes(&sizes))
    }

    /// The same elements in the shape of `other`, sharing memory.
    fn view_as(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let sizes: Vec<isize> = other.0.shape().iter().map(|&n| n as isize).collect();
        run(py, 0, || x.view_sizes(&sizes))
    }

    /// The same elements in the shape of `other`; a view where strides allow, otherwise a copy.
    fn reshape_as(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let sizes: Vec<isize> = other.0.shape().iter().map(|&n| n as isize).collect();
        run(py, x.numel(), || x.reshape_sizes(&sizes))
    }

    /// Dimensions of size 1 repeated without copying; -1 keeps a size.
    #[pyo3(signature = (*size, implicit = false, **named))]
    fn expand(
        &self,
        py: Python<'_>,
        size: &Bound<'_, PyTuple>,
        implicit: bool,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let _ = implicit;
        let (x, sizes) = (self.tensor(py), named_varargs("expand", "size", size, named)?);
        run(py, 0, || x.expand_sizes(&sizes))
    }

    /// A view with dimensions of size 1 repeated to the shape of `other`.
    fn expand_as(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let sizes: Vec<isize> = other.0.shape().iter().map(|&n| n as isize).collect();
        run(py, 0, || x.expand_sizes(&sizes))
    }

    /// A view with dimensions of size 1 repeated to `size`. RuntimeError where sizes differ otherwise.
    #[pyo3(signature = (*size, **named))]
    fn broadcast_to(
        &self,
        py: Python<'_>,
        size: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, sizes) = (self.tensor(py), named_varargs("broadcast_to", "size", size, named)?);
        run(py, 0, || x.expand_sizes(&sizes))
    }

    /// A view with `dim0` and `dim1` exchanged.
    fn transpose(&self, py: Python<'_>, dim0: isize, dim1: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.transpose(dim0, dim1))
    }

    /// Another name of `transpose`.
    fn swapaxes(&self, py: Python<'_>, axis0: isize, axis1: isize) -> PyResult<Py<PyTensor>> {
        self.transpose(py, axis0, axis1)
    }

    /// Another name of `transpose`.
    fn swapdims(&self, py: Python<'_>, dim0: isize, dim1: isize) -> PyResult<Py<PyTensor>> {
        self.transpose(py, dim0, dim1)
    }

    /// `transpose`, written into this tensor.
    fn transpose_<'py>(slf: &Bound<'py, Self>, dim0: isize, dim1: isize) -> PyResult<Bound<'py, Self>> {
        reshape_inplace(slf, |x| x.transpose(dim0, dim1))
    }

    /// A view of a matrix with rows and columns exchanged; vectors and numbers stay. RuntimeError for more dimensions.
    fn t(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.t())
    }

    /// `t`, written into this tensor.
    fn t_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        reshape_inplace(slf, |x| x.t())
    }

    /// The view with all dimensions in reverse order.
    #[getter(T)]
    fn reversed(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.reversed())
    }

    /// The last two dimensions exchanged.
    #[getter(mT)]
    fn matrix_transpose(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        if x.rank() < 2 {
            return Err(raise(tensorrs_core::runtime!(
                "tensor.mT is only supported on matrices or batches of matrices. Got {}-D tensor.",
                x.rank()
            )));
        }
        run(py, 0, || x.transpose(-2, -1))
    }

    /// A matrix with rows and columns exchanged, a view. RuntimeError for other than two dimensions.
    #[getter(H)]
    fn hermitian(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        if x.rank() != 0 && x.rank() != 2 {
            return Err(raise(tensorrs_core::runtime!(
                "tensor.H is only supported on matrices (2-D tensors). Got {}-D tensor.",
                x.rank()
            )));
        }
        run(py, 0, || x.reversed())
    }

    /// The view with the last two dimensions exchanged. RuntimeError for less than two.
    #[getter(mH)]
    fn matrix_hermitian(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        self.matrix_transpose(py)
    }

    /// A view with element (i, j, ...) at storage_offset + i stride[0] + j stride[1] + ... of the same memory.
    /// RuntimeError where that leaves the storage.
    #[pyo3(signature = (size, stride, storage_offset = None))]
    fn as_strided(
        &self,
        py: Python<'_>,
        size: Dims,
        stride: Dims,
        storage_offset: Option<usize>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        if size.0.len() != stride.0.len() {
            return Err(raise(tensorrs_core::runtime!("mismatch in length of strides and shape")));
        }
        if stride.0.iter().any(|&s| s < 0) {
            return Err(raise(tensorrs_core::runtime!(
                "as_strided: Negative strides are not supported at the moment, got strides: {}",
                tensorrs_core::shape::show(&stride.0)
            )));
        }
        let offset = storage_offset.unwrap_or(x.layout().offset);
        let layout = Layout { shape: shape(&size.0)?.into(), strides: shape(&stride.0)?.into(), offset };
        run(py, 0, || x.as_strided(layout))
    }
}
