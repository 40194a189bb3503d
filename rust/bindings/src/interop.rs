//! NumPy without NumPy: arrays come and go through `__array_interface__`, sharing memory.
//!
//! <https://numpy.org/doc/stable/reference/arrays.interface.html>

use std::ptr::NonNull;
use std::sync::Once;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tensorrs_core::layout::Layout;
use tensorrs_core::storage::Storage;
use tensorrs_core::{DType, Tensor};

use crate::border::{PyTensor, raise, wrap};

/// The type string of a dtype, native byte order; bfloat16 has none.
fn type_string(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Bool => "|b1",
        DType::U8 => "|u1",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::BF16 => return None,
    })
}

/// A tensor on the memory of an object with `__array_interface__`; the object lives as long as the tensor.
pub fn from_array(py: Python<'_>, array: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let interface = array.getattr("__array_interface__")?.cast_into::<PyDict>()?;
    let field = |name: &str| interface.get_item(name);
    let missing = |name: &str| PyTypeError::new_err(format!("__array_interface__ lacks '{name}'"));
    let typestr: String = field("typestr")?.ok_or_else(|| missing("typestr"))?.extract()?;
    let Some(dtype) = DType::ALL.into_iter().find(|&d| type_string(d) == Some(typestr.as_str())) else {
        if typestr.starts_with('>') {
            return Err(PyValueError::new_err(
                "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported.",
            ));
        }
        let name = array.getattr("dtype").and_then(|d| d.getattr("type")?.getattr("__name__"));
        let name = name.map_or(typestr, |name| name.to_string());
        return Err(PyTypeError::new_err(format!(
            "can't convert np.ndarray of type numpy.{name}. The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )));
    };
    let shape: Vec<usize> = field("shape")?.ok_or_else(|| missing("shape"))?.extract()?;
    let (address, read_only): (usize, bool) = field("data")?.ok_or_else(|| missing("data"))?.extract()?;
    let strides: Option<Vec<isize>> = field("strides")?.map(|s| s.extract()).transpose()?.flatten();
    let mut layout = Layout::contiguous(&shape);
    if let Some(strides) = strides {
        for (i, &s) in strides.iter().enumerate() {
            if s < 0 {
                return Err(PyValueError::new_err(
                    "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. (You can probably work around this by making a copy of your array  with array.copy().) ",
                ));
            }
            if !(s as usize).is_multiple_of(dtype.size()) {
                return Err(PyValueError::new_err(
                    "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory.",
                ));
            }
            layout.strides[i] = s as usize / dtype.size();
        }
    }
    if read_only {
        let text = "The given NumPy array is not writable, and tensorrs does not support non-writable tensors. This means writing to this tensor will result in undefined behavior. You may want to copy the array to protect its data or make it writable before converting it to a tensor. This type of warning will be suppressed for the rest of this program.";
        static WARNED: Once = Once::new();
        warn_once(py, &WARNED, text)?;
    }
    let bytes = layout.extent() * dtype.size();
    let Some(ptr) = NonNull::new(address as *mut u8).filter(|_| bytes > 0) else {
        return Tensor::empty(&shape, dtype).map_err(raise);
    };
    aligned(address as *const u8, dtype)?;
    // SAFETY: the interface promises that memory under this shape and these strides, and the owner keeps it alive.
    let storage = unsafe { Storage::foreign(ptr, bytes, Box::new(array.clone().unbind())) };
    Ok(Tensor::new(storage, layout, dtype))
}

/// Memory from outside may lie anywhere; elements are only read at multiples of their size.
pub fn aligned(address: *const u8, dtype: DType) -> PyResult<()> {
    if !(address as usize).is_multiple_of(dtype.size()) {
        return Err(PyValueError::new_err(format!(
            "the given memory begins at an address that is no multiple of {}, the size of a {dtype}. Copy it first.",
            dtype.size()
        )));
    }
    Ok(())
}

/// A `UserWarning` that is given once in the life of the process.
pub fn warn_once(py: Python<'_>, given: &Once, text: &str) -> PyResult<()> {
    let mut result = Ok(());
    given.call_once(|| {
        result = warn(py, text);
    });
    result
}

/// A `UserWarning` at the caller's line.
pub fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    py.import("warnings")?.call_method1("warn", (text,)).map(drop)
}

/// A tensor that shares memory with a NumPy array.
#[pyfunction]
pub fn from_numpy(py: Python<'_>, ndarray: &Bound<'_, PyAny>) -> PyResult<Py<PyTensor>> {
    let is_array = ndarray
        .get_type()
        .mro()
        .iter()
        .any(|c| c.getattr("__name__").is_ok_and(|n| n.to_string() == "ndarray"));
    if !is_array {
        return Err(PyTypeError::new_err(format!(
            "expected np.ndarray (got {})",
            crate::args::type_name(ndarray)
        )));
    }
    wrap(py, from_array(py, ndarray)?)
}

/// A tensor's memory as NumPy takes it: `numpy.asarray` of this object shares it and keeps it alive.
#[pyclass(frozen)]
pub struct ArrayView(Tensor);

#[pymethods]
impl ArrayView {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let t = &self.0;
        let typestr = type_string(t.dtype()).ok_or_else(|| {
            PyTypeError::new_err(format!("Got unsupported ScalarType {}", t.dtype().scalar_type()))
        })?;
        let size = t.dtype().size();
        let strides: Vec<usize> = t.strides().iter().map(|s| s * size).collect();
        let out = PyDict::new(py);
        out.set_item("version", 3)?;
        out.set_item("typestr", typestr)?;
        out.set_item("shape", PyTuple::new(py, t.shape())?)?;
        out.set_item("strides", PyTuple::new(py, strides)?)?;
        out.set_item("data", (t.storage().ptr() as usize + t.layout().offset * size, false))?;
        Ok(out)
    }
}

#[pymethods]
impl PyTensor {
    /// A NumPy array that shares this tensor's memory.
    #[pyo3(signature = (*, force = false))]
    fn numpy<'py>(&self, py: Python<'py>, force: bool) -> PyResult<Bound<'py, PyAny>> {
        let t = self.tensor(py);
        if t.requires_grad() && !force {
            return Err(raise(tensorrs_core::runtime!(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )));
        }
        if type_string(t.dtype()).is_none() {
            return Err(PyTypeError::new_err(format!(
                "Got unsupported ScalarType {}",
                t.dtype().scalar_type()
            )));
        }
        if !t.has_data() {
            return Err(PyTypeError::new_err(
                "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
            ));
        }
        let view = Py::new(py, ArrayView(t.detach()))?;
        py.import("numpy")?.call_method1("asarray", (view,))
    }

    /// As NumPy asks for an array. The memory is shared unless another dtype or a copy is wanted.
    #[pyo3(signature = (dtype = None, copy = None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = self.numpy(py, false)?;
        let Some(dtype) = dtype else {
            return if copy == Some(true) { array.call_method0("copy") } else { Ok(array) };
        };
        if copy == Some(false)
            && !array.getattr("dtype")?.eq(py.import("numpy")?.call_method1("dtype", (&dtype,))?)?
        {
            return Err(PyValueError::new_err(
                "Unable to avoid copy while creating an array as requested: the dtype differs",
            ));
        }
        let keywords = PyDict::new(py);
        keywords.set_item("copy", copy == Some(true))?;
        array.call_method("astype", (dtype,), Some(&keywords))
    }

    /// What NumPy makes of the result of one of its functions on a tensor: a tensor again.
    #[pyo3(signature = (array, context = None, return_scalar = false))]
    fn __array_wrap__(
        &self,
        py: Python<'_>,
        array: &Bound<'_, PyAny>,
        context: Option<&Bound<'_, PyAny>>,
        return_scalar: bool,
    ) -> PyResult<Py<PyTensor>> {
        let _ = (context, return_scalar);
        from_numpy(py, array)
    }
}
