//! The one door between Python and the core: tensors become Python objects and back, errors become exceptions, the GIL
//! is released around large work.

use std::cell::UnsafeCell;

use pyo3::exceptions::{
    PyIndexError, PyMemoryError, PyNotImplementedError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::PyType;
use tensorrs_core::{Error, Result, Tensor};

/// Elements from which on the GIL is released: below, letting go and taking it again costs more than the work.
const HEAVY: usize = 1 << 16;

/// `tensorrs.Tensor`. The cell is only touched while the GIL is held; work runs on a clone of the handle.
#[pyclass(name = "Tensor", module = "tensorrs", subclass, weakref, dict, frozen, freelist = 1024)]
pub struct PyTensor {
    cell: UnsafeCell<Tensor>,
}

// SAFETY: every access to the cell takes a `Python` token, so the GIL orders them.
unsafe impl Send for PyTensor {}
// SAFETY: as above.
unsafe impl Sync for PyTensor {}

impl PyTensor {
    /// A Python object not yet known to the tensor; `wrap` and `adopt` make the link.
    pub fn bare(tensor: Tensor) -> PyTensor {
        PyTensor { cell: UnsafeCell::new(tensor) }
    }

    #[inline]
    pub fn tensor(&self, _py: Python<'_>) -> Tensor {
        // SAFETY: the GIL is held, and no reference into the cell outlives a call.
        unsafe { (*self.cell.get()).clone() }
    }

    /// Let this object stand for another tensor: `x.data = y`, `x.t_()`.
    pub fn set(slf: &Bound<'_, PyTensor>, tensor: Tensor) {
        // SAFETY: the GIL is held, as `slf` proves.
        let old = unsafe { std::mem::replace(&mut *slf.get_cell(), tensor.clone()) };
        tensor.set_slot(old.slot());
        old.set_slot(0);
    }
}

trait CellOf {
    fn get_cell(&self) -> *mut Tensor;
}

impl CellOf for Bound<'_, PyTensor> {
    fn get_cell(&self) -> *mut Tensor {
        self.get().cell.get()
    }
}

impl Drop for PyTensor {
    fn drop(&mut self) {
        self.cell.get_mut().set_slot(0);
    }
}

/// The Python object of a tensor: the one that already stands for it, or a new one.
#[inline]
pub fn wrap(py: Python<'_>, tensor: Tensor) -> PyResult<Py<PyTensor>> {
    let slot = tensor.slot();
    if slot != 0 {
        // SAFETY: the slot is cleared before its object is freed, and both happen under the GIL.
        let known = unsafe { Bound::from_borrowed_ptr(py, slot as *mut pyo3::ffi::PyObject) };
        return Ok(known.cast_into::<PyTensor>()?.unbind());
    }
    let object = crate::object::new(py, tensor.clone())?;
    tensor.set_slot(object.as_ptr() as usize);
    Ok(object)
}

thread_local! {
    /// The tensor that the next `Tensor.__new__` on this thread is to stand for.
    static PENDING: std::cell::RefCell<Option<Tensor>> = const { std::cell::RefCell::new(None) };
}

pub fn take_pending() -> Option<Tensor> {
    PENDING.with(|p| p.borrow_mut().take())
}

/// A new object of a subclass of Tensor (Parameter, say) that stands for a tensor.
pub fn wrap_as<'py>(class: &Bound<'py, PyType>, tensor: Tensor) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    PENDING.with(|p| *p.borrow_mut() = Some(tensor.clone()));
    let object = py.get_type::<PyTensor>().call_method1("__new__", (class,));
    take_pending();
    let object = object?;
    tensor.set_slot(object.as_ptr() as usize);
    Ok(object)
}

pyo3::create_exception!(
    tensorrs._C,
    _LinAlgError,
    PyRuntimeError,
    "A matrix that cannot be factored: singular, not positive-definite, or without convergence."
);

/// The exception PyTorch raises for it.
pub fn raise(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Dim { .. } | Error::Index(_) => PyIndexError::new_err(text),
        Error::LinAlg(_) => _LinAlgError::new_err(text),
        Error::Value(_) => PyValueError::new_err(text),
        Error::Type(_) => PyTypeError::new_err(text),
        Error::NotImplemented { .. } | Error::Unsupported { .. } | Error::Missing(_) => {
            PyNotImplementedError::new_err(text)
        }
        Error::Memory { .. } if text.is_empty() => PyMemoryError::new_err(text),
        Error::Callback(_) => take_callback_error().unwrap_or_else(|| PyRuntimeError::new_err(text)),
        _ => PyRuntimeError::new_err(text),
    }
}

thread_local! {
    /// The exception a Python callback raised inside the core, on its way back out.
    static RAISED: std::cell::RefCell<Option<PyErr>> = const { std::cell::RefCell::new(None) };
}

/// Carry a Python exception through the core.
pub fn callback_error(err: PyErr) -> Error {
    let text = err.to_string();
    RAISED.with(|r| *r.borrow_mut() = Some(err));
    Error::Callback(text)
}

fn take_callback_error() -> Option<PyErr> {
    RAISED.with(|r| r.borrow_mut().take())
}

/// Call into the core; `size` is the number of elements at work and decides whether the GIL is released.
#[inline]
pub fn call<R: Send>(py: Python<'_>, size: usize, f: impl FnOnce() -> Result<R> + Send) -> PyResult<R> {
    let result = if size >= HEAVY { py.detach(f) } else { f() };
    result.map_err(raise)
}

/// As `call`, for an op that gives one tensor.
#[inline]
pub fn run(py: Python<'_>, size: usize, f: impl FnOnce() -> Result<Tensor> + Send) -> PyResult<Py<PyTensor>> {
    wrap(py, call(py, size, f)?)
}

/// As `call`, for an op that gives several.
pub fn run_all(
    py: Python<'_>,
    size: usize,
    f: impl FnOnce() -> Result<Vec<Tensor>> + Send,
) -> PyResult<Vec<Py<PyTensor>>> {
    call(py, size, f)?.into_iter().map(|t| wrap(py, t)).collect()
}

/// An in-place method: run `f`, return the object it was called on.
#[inline]
pub fn run_inplace<'py>(
    slf: &Bound<'py, PyTensor>,
    f: impl FnOnce(&Tensor) -> Result<()> + Send,
) -> PyResult<Bound<'py, PyTensor>> {
    let x = slf.get().tensor(slf.py());
    call(slf.py(), x.numel(), || f(&x))?;
    Ok(slf.clone())
}
