//! The safetensors format, by its own crate: named tensors in one run of bytes.
//!
//! <https://github.com/huggingface/safetensors>

use std::collections::HashMap;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use tensorrs_core::{DType, Tensor};

use crate::args::Arg;
use crate::border::{call, raise, wrap};
use crate::tensor::convert::bytes;

/// Text by name.
type Metadata = Option<HashMap<String, String>>;

const NAMES: [(DType, Dtype); 10] = [
    (DType::Bool, Dtype::BOOL),
    (DType::U8, Dtype::U8),
    (DType::I8, Dtype::I8),
    (DType::I16, Dtype::I16),
    (DType::I32, Dtype::I32),
    (DType::I64, Dtype::I64),
    (DType::F16, Dtype::F16),
    (DType::BF16, Dtype::BF16),
    (DType::F32, Dtype::F32),
    (DType::F64, Dtype::F64),
];

fn broken(error: &SafeTensorError) -> PyErr {
    PyRuntimeError::new_err(format!("cannot read the safetensors file: {error}"))
}

/// The tensors in the bytes of a safetensors file, by name, and its metadata.
#[pyfunction]
pub fn safetensors_read<'py>(py: Python<'py>, data: &[u8]) -> PyResult<(Bound<'py, PyDict>, Metadata)> {
    let (_, metadata) = SafeTensors::read_metadata(data).map_err(|e| broken(&e))?;
    let file = SafeTensors::deserialize(data).map_err(|e| broken(&e))?;
    let tensors = PyDict::new(py);
    for name in metadata.offset_keys() {
        let view = file.tensor(&name).map_err(|e| broken(&e))?;
        let Some(&(dtype, _)) = NAMES.iter().find(|n| n.1 == view.dtype()) else {
            return Err(PyRuntimeError::new_err(format!(
                "the safetensors file has tensor '{name}' of type {:?}, which is not supported",
                view.dtype()
            )));
        };
        if dtype == DType::Bool && view.data().iter().any(|&b| b > 1) {
            return Err(PyRuntimeError::new_err(format!(
                "the safetensors file has a bool in '{name}' that is not 0 or 1"
            )));
        }
        let t = Tensor::empty(view.shape(), dtype).map_err(raise)?;
        // SAFETY: `t` was just made here; the crate has checked that the view has its size.
        unsafe { std::ptr::copy_nonoverlapping(view.data().as_ptr(), t.storage().ptr(), view.data().len()) };
        tensors.set_item(name, wrap(py, t)?)?;
    }
    Ok((tensors, metadata.metadata().clone()))
}

/// A safetensors file of `tensors`.
#[pyfunction]
#[pyo3(signature = (tensors, metadata = None))]
pub fn safetensors_write<'py>(
    py: Python<'py>,
    tensors: HashMap<String, Arg>,
    metadata: Metadata,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut rows = Vec::with_capacity(tensors.len());
    for (name, t) in tensors {
        rows.push((name, call(py, t.0.numel(), || t.0.detach().contiguous())?));
    }
    let wrong = |e: SafeTensorError| PyValueError::new_err(format!("cannot write a safetensors file: {e}"));
    let views = rows
        .iter()
        .map(|(name, t)| {
            let dtype = NAMES.iter().find(|n| n.0 == t.dtype()).map_or(Dtype::U8, |n| n.1);
            let view = TensorView::new(dtype, t.shape().to_vec(), bytes(t).map_err(raise)?);
            Ok((name.as_str(), view.map_err(wrong)?))
        })
        .collect::<PyResult<Vec<_>>>()?;
    Ok(PyBytes::new(py, &safetensors::serialize(views, metadata).map_err(wrong)?))
}
