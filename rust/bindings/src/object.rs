//! New objects of `Tensor`.
//!
//! Python 3.11 and 3.12 give every new object of a class with `__dict__` its dictionary at once, which takes as long as
//! a small op. An object of this class is a head and three words: the tensor, the dictionary, the weak references. Where
//! that is found to be so, the words are filled here, and the dictionary is made when somebody asks for it, as before
//! 3.11 and from 3.13 on.

use std::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tensorrs_core::{DType, Tensor};

use crate::border::{PyTensor, raise};

/// How an object is made, its words counted in bytes from its start.
struct Plan {
    class: usize,
    alloc: ffi::allocfunc,
    tensor: usize,
    dict: usize,
    weak: usize,
    /// Whether the garbage collector looks at objects of the class.
    collected: bool,
}

static PLAN: PyOnceLock<Option<Plan>> = PyOnceLock::new();

/// An object that stands for a tensor.
#[inline]
pub fn new(py: Python<'_>, tensor: Tensor) -> PyResult<Py<PyTensor>> {
    let Some(plan) = PLAN.get_or_try_init(py, || plan(py))? else {
        return Py::new(py, PyTensor::bare(tensor));
    };
    // SAFETY: an object of the class, whose words lie where `plan` found them, and which nobody has seen yet. The GIL is
    // held, and the class lives as long as the module.
    unsafe {
        let object = (plan.alloc)(plan.class as *mut ffi::PyTypeObject, 0);
        if object.is_null() {
            return Err(PyErr::fetch(py));
        }
        for place in [plan.dict, plan.weak] {
            object.byte_add(place).cast::<*mut ffi::PyObject>().write(std::ptr::null_mut());
        }
        object.byte_add(plan.tensor).cast::<PyTensor>().write(PyTensor::bare(tensor));
        // An object that is used again is not known to the garbage collector, and its cycles would stay for ever.
        if plan.collected && ffi::PyObject_GC_IsTracked(object) == 0 {
            ffi::PyObject_GC_Track(object.cast());
        }
        Ok(Bound::from_owned_ptr(py, object).cast_into_unchecked::<PyTensor>().unbind())
    }
}

fn plan(py: Python<'_>) -> PyResult<Option<Plan>> {
    const WORD: usize = size_of::<usize>();
    const ALLOC: c_int = ffi::Py_tp_alloc;
    let class = py.get_type::<PyTensor>();
    let number = |name: &str| class.getattr(name)?.extract::<usize>();
    let object = Py::new(py, PyTensor::bare(Tensor::empty(&[0], DType::U8).map_err(raise)?))?;
    let tensor = std::ptr::from_ref(object.get()) as usize - object.as_ptr() as usize;
    let (size, dict, weak) =
        (number("__basicsize__")?, number("__dictoffset__")?, number("__weakrefoffset__")?);
    let head = size_of::<ffi::PyObject>();
    let mut words = [tensor, dict, weak];
    words.sort_unstable();
    let expected = [head, head + WORD, head + 2 * WORD];
    if words != expected || size != head + 3 * WORD || size_of::<PyTensor>() != WORD {
        return Ok(None);
    }
    // SAFETY: a live class; the slot, if it has one, is a function of this type.
    let alloc = unsafe {
        let slot = ffi::PyType_GetSlot(class.as_type_ptr(), ALLOC);
        std::mem::transmute::<*mut std::ffi::c_void, Option<ffi::allocfunc>>(slot)
    };
    // SAFETY: a live class.
    let collected = unsafe { ffi::PyType_GetFlags(class.as_type_ptr()) & ffi::Py_TPFLAGS_HAVE_GC != 0 };
    Ok(alloc.map(|alloc| Plan { class: class.as_ptr() as usize, alloc, tensor, dict, weak, collected }))
}
