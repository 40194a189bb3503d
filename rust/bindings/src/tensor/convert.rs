//! Out of Rust: `item`, `tolist`, numbers, bytes, text.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList};
use tensorrs_core::layout::Layout;
use tensorrs_core::ops::promote::default_dtype;
use tensorrs_core::tensor::display;
use tensorrs_core::{DType, Device, Result, Scalar, Tensor};

use crate::args::{Arg, shape};
use crate::border::{PyTensor, call, raise, wrap};
use crate::types::DTypeArg;

pub fn number<'py>(py: Python<'py>, n: Scalar) -> PyResult<Bound<'py, PyAny>> {
    Ok(match n {
        Scalar::Bool(b) => pyo3::types::PyBool::new(py, b).to_owned().into_any(),
        Scalar::Int(i) => i.into_pyobject(py)?.into_any(),
        Scalar::Float(x) => x.into_pyobject(py)?.into_any(),
    })
}

fn nested<'py>(py: Python<'py>, t: &Tensor, index: &mut Vec<usize>) -> PyResult<Bound<'py, PyAny>> {
    if index.len() == t.rank() {
        return number(py, t.element(index).map_err(raise)?);
    }
    let list = PyList::empty(py);
    for i in 0..t.shape()[index.len()] {
        index.push(i);
        list.append(nested(py, t, index)?)?;
        index.pop();
    }
    Ok(list.into_any())
}

/// The element that stands for the tensor where Python asks for a number.
fn only(t: &Tensor) -> PyResult<Scalar> {
    if t.numel() != 1 {
        return Err(PyValueError::new_err("only one element tensors can be converted to Python scalars"));
    }
    t.item().map_err(raise)
}

/// The tensor as text, `tensor([1., 2.])`, as PyTorch prints it.
pub fn text(t: &Tensor) -> PyResult<String> {
    let grad_fn = match t.grad_edge().map_err(raise)? {
        Some(edge) => Some(edge.node.name.to_string()),
        None => None,
    };
    let device = (t.device() != Device::Cpu).then(|| t.device().to_string());
    let shown = display::Described {
        default_dtype: default_dtype(),
        device: device.as_deref(),
        grad_fn: grad_fn.as_deref(),
        requires_grad: t.requires_grad(),
        ..display::Described::new(t.shape(), t.dtype())
    };
    let element = |index: &[usize]| t.element(index).expect("asked for only where there are numbers");
    Ok(display::tensor_text(&shown, &display::print_options(), element))
}

#[pymethods]
impl PyTensor {
    /// The only element, as a Python number.
    fn item<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        number(py, self.tensor(py).item().map_err(raise)?)
    }

    /// Nested lists of Python numbers.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        nested(py, &self.tensor(py), &mut Vec::new())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        text(&self.tensor(py))
    }

    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        let t = self.tensor(py);
        match t.numel() {
            0 => Err(raise(tensorrs_core::runtime!("Boolean value of Tensor with no values is ambiguous"))),
            1 => Ok(t.item().map_err(raise)?.to::<f64>() != 0.0),
            _ => Err(raise(tensorrs_core::runtime!(
                "Boolean value of Tensor with more than one value is ambiguous"
            ))),
        }
    }

    /// Whether the only element is not zero.
    fn is_nonzero(&self, py: Python<'_>) -> PyResult<bool> {
        self.__bool__(py)
    }

    fn __float__(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(only(&self.tensor(py))?.to_f64())
    }

    fn __int__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match only(&self.tensor(py))? {
            // Python's own rounding and errors: int(nan) is a ValueError, int(inf) an OverflowError.
            Scalar::Float(x) => number(py, Scalar::Float(x))?.call_method0("__int__"),
            n => number(py, Scalar::Int(n.to())),
        }
    }

    fn __index__(&self, py: Python<'_>) -> PyResult<i64> {
        let t = self.tensor(py);
        if t.dtype().is_float() || t.numel() != 1 {
            return Err(PyTypeError::new_err(
                "only integer tensors of a single element can be converted to an index",
            ));
        }
        Ok(t.item().map_err(raise)?.to())
    }

    fn __complex__(&self, py: Python<'_>) -> PyResult<pyo3::Py<PyAny>> {
        let x = self.__float__(py)?;
        Ok(py.import("builtins")?.call_method1("complex", (x,))?.unbind())
    }

    fn __format__(slf: &Bound<'_, Self>, format_spec: &str) -> PyResult<String> {
        let (py, t) = (slf.py(), slf.get().tensor(slf.py()));
        if t.rank() == 0 && t.device() == Device::Cpu {
            return number(py, t.item().map_err(raise)?)?
                .call_method1("__format__", (format_spec,))?
                .extract();
        }
        if format_spec.is_empty() {
            return slf.str()?.extract();
        }
        Err(PyTypeError::new_err("unsupported format string passed to Tensor.__format__"))
    }
}

/// The memory of a contiguous tensor's elements; an error on the meta device.
pub fn bytes(t: &Tensor) -> Result<&[u8]> {
    debug_assert!(t.is_contiguous());
    t.check_data()?;
    let size = t.dtype().size();
    let first = t.layout().offset * size;
    // SAFETY: a contiguous tensor's elements are this many initialised bytes behind its first element.
    Ok(unsafe { std::slice::from_raw_parts(t.storage().ptr().add(first), t.numel() * size) })
}

/// The elements of a tensor in row-major order, little-endian.
#[pyfunction]
pub fn tensor_to_bytes<'py>(py: Python<'py>, t: Arg) -> PyResult<Bound<'py, PyBytes>> {
    let t = call(py, t.0.numel(), || t.0.detach().contiguous())?;
    Ok(PyBytes::new(py, bytes(&t).map_err(raise)?))
}

/// A tensor with a copy of little-endian bytes.
#[pyfunction]
pub fn tensor_from_bytes(
    py: Python<'_>,
    buffer: &Bound<'_, PyAny>,
    dtype: DTypeArg,
    size: Vec<isize>,
) -> PyResult<Py<PyTensor>> {
    let (size, dtype) = (shape(&size)?, dtype.0);
    let held;
    let data: &[u8] = match buffer.cast::<PyBytes>() {
        Ok(bytes) => bytes.as_bytes(),
        // SAFETY: no Python runs, and so nobody resizes the bytearray, before the copy below.
        Err(_) if buffer.is_instance_of::<PyByteArray>() => unsafe {
            buffer.cast::<PyByteArray>()?.as_bytes()
        },
        Err(_) => {
            held = py.get_type::<PyBytes>().call1((buffer,))?.cast_into::<PyBytes>()?;
            held.as_bytes()
        }
    };
    let t = Tensor::empty(&size, dtype).map_err(raise)?;
    if data.len() != t.numel() * dtype.size() {
        return Err(PyValueError::new_err(format!(
            "tensor_from_bytes: {} bytes do not fill shape {} of {dtype}",
            data.len(),
            tensorrs_core::shape::show(&size)
        )));
    }
    if dtype == DType::Bool && data.iter().any(|&b| b > 1) {
        return Err(PyValueError::new_err("tensor_from_bytes: a bool is neither 0 nor 1"));
    }
    // SAFETY: `t` was just made here with exactly this many bytes.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), t.storage().ptr(), data.len()) };
    wrap(py, t)
}

/// A tensor over the memory of another one, as `tensorrs.storage` needs it: no history, and a version shared with all
/// tensors over that memory.
#[pyfunction]
pub fn tensor_over(
    py: Python<'_>,
    memory: Arg,
    dtype: DTypeArg,
    offset: usize,
    size: Vec<usize>,
    stride: Vec<usize>,
) -> PyResult<Py<PyTensor>> {
    let (storage, dtype) = (memory.0.storage(), dtype.0);
    let layout = Layout { shape: size.into(), strides: stride.into(), offset };
    // Sizes and strides that overflow lie outside any memory.
    let last = layout
        .shape
        .iter()
        .zip(&layout.strides)
        .try_fold(offset, |at, (&n, &step)| at.checked_add(n.saturating_sub(1).checked_mul(step)?));
    let bytes = last.and_then(|last| last.checked_add(1)?.checked_mul(dtype.size()));
    if layout.shape.len() != layout.strides.len()
        || !layout.shape.contains(&0) && bytes.is_none_or(|bytes| bytes > storage.len())
    {
        return Err(raise(tensorrs_core::runtime!(
            "setStorage: sizes {}, strides {}, storage offset {offset}, and itemsize {} are out of bounds for storage of size {}",
            tensorrs_core::shape::show(&layout.shape),
            tensorrs_core::shape::show(&layout.strides),
            dtype.size(),
            storage.len()
        )));
    }
    if dtype == DType::Bool && !storage.is_empty() && storage.has_data() {
        // SAFETY: the storage has that many bytes, and any byte is a value of u8.
        let data = unsafe { std::slice::from_raw_parts(storage.ptr(), storage.len()) };
        if memory.0.dtype() != DType::Bool && data.iter().any(|&b| b > 1) {
            return Err(PyValueError::new_err("tensor_over: a bool is neither 0 nor 1"));
        }
    }
    wrap(py, Tensor::new(storage.clone(), layout, dtype))
}
