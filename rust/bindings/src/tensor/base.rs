//! What a tensor is: shape, strides, dtype, and its Python object.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use tensorrs_core::Tensor;

use crate::args::Arg;
use crate::border::{PyTensor, raise, take_pending, wrap_as};

#[pymethods]
impl PyTensor {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<PyTensor> {
        if let Some(tensor) = take_pending() {
            return Ok(PyTensor::bare(tensor));
        }
        let _ = (args, kwargs);
        Tensor::empty(&[0], tensorrs_core::DType::F32).map(PyTensor::bare).map_err(raise)
    }

    /// A tensor of a subclass that shares `data`'s memory; its history starts here.
    #[staticmethod]
    #[pyo3(signature = (cls, data, require_grad = false))]
    fn _make_subclass<'py>(
        cls: &Bound<'py, PyType>,
        data: Arg,
        require_grad: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tensor = data.0.detach();
        tensor.set_requires_grad(require_grad).map_err(raise)?;
        wrap_as(cls, tensor)
    }
}
