//! NumPy's names of arguments: `axis` for `dim` and `keepdims` for `keepdim`, in every method of Tensor that has them.
//!
//! Each such method is replaced by a gate of the same signature. A call without keywords goes straight on; in one with
//! keywords the names are exchanged first. The methods themselves know nothing of it.

use std::ffi::{CStr, CString};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::border::PyTensor;

type FastCall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// NumPy's name and ours.
const NAMES: [(&CStr, &CStr); 2] = [(c"axis", c"dim"), (c"keepdims", c"keepdim")];

/// How many methods there may be.
const GATES: usize = 256;

/// The methods behind the gates.
static BEHIND: [AtomicPtr<()>; GATES] = [const { AtomicPtr::new(null_mut()) }; GATES];

/// # Safety
/// Called by Python as the method it stands for.
unsafe extern "C" fn gate<const I: usize>(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: `put_gate` has stored a function of this type before the gate could be called.
    let behind: FastCall = unsafe { std::mem::transmute(BEHIND[I].load(Ordering::Relaxed)) };
    if names.is_null() {
        // SAFETY: the arguments are handed on as they came.
        return unsafe { behind(slf, args, count, names) };
    }
    // SAFETY: `names` is the tuple of keyword names that Python hands over, under the GIL.
    unsafe {
        let ours = exchanged(names);
        if ours.is_null() {
            return null_mut();
        }
        let result = behind(slf, args, count, ours);
        ffi::Py_DECREF(ours);
        result
    }
}

/// A new reference to the keyword names, NumPy's replaced by ours; null with an exception set if memory runs out.
///
/// # Safety
/// `names` is a tuple of str; the GIL is held.
unsafe fn exchanged(names: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as the caller says; every item of the new tuple is set once, with a reference of its own.
    unsafe {
        let n = ffi::PyTuple_Size(names);
        let ours_of = |i| {
            let name = ffi::PyTuple_GetItem(names, i);
            NAMES.iter().find(|(theirs, _)| ffi::PyUnicode_CompareWithASCIIString(name, theirs.as_ptr()) == 0)
        };
        if (0..n).all(|i| ours_of(i).is_none()) {
            ffi::Py_INCREF(names);
            return names;
        }
        let out = ffi::PyTuple_New(n);
        for i in 0..n {
            if out.is_null() {
                break;
            }
            let item = match ours_of(i) {
                Some((_, ours)) => ffi::PyUnicode_InternFromString(ours.as_ptr()),
                None => {
                    let item = ffi::PyTuple_GetItem(names, i);
                    ffi::Py_INCREF(item);
                    item
                }
            };
            ffi::PyTuple_SetItem(out, i, item);
        }
        out
    }
}

macro_rules! gates {
    ($($eight:literal)*) => {
        [$(gates!(@ $eight, 0 1 2 3 4 5 6 7)),*]
    };
    (@ $eight:literal, $($unit:literal)*) => { [$(gate::<{ $eight * 8 + $unit }> as FastCall),*] };
}
static TABLE: [[FastCall; 8]; GATES / 8] =
    gates!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);

/// Put a gate before every method of Tensor that takes `dim` or `keepdim`.
pub fn offer(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let sample = Bound::new(
        py,
        PyTensor::bare(
            tensorrs_core::Tensor::empty(&[0], tensorrs_core::DType::F32).map_err(crate::border::raise)?,
        ),
    )?;
    let mut next = 0;
    for name in class.getattr("__dict__")?.call_method0("keys")?.try_iter()? {
        let name: String = name?.extract()?;
        let method = class.getattr(name.as_str())?;
        let Ok(signature) = method.getattr("__text_signature__").and_then(|s| s.extract::<String>()) else {
            continue;
        };
        let takes =
            |what: &str| signature.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == what);
        if takes("dim") || takes("keepdim") {
            let doc = method.getattr("__doc__")?.extract::<Option<String>>()?.unwrap_or_default();
            if put_gate(class, sample.as_any(), &name, &signature, &doc, next)? {
                next += 1;
            }
        }
    }
    Ok(())
}

/// Put gate number `i` before a method; false if it takes its keywords another way.
fn put_gate(
    class: &Bound<'_, PyType>,
    sample: &Bound<'_, PyAny>,
    name: &str,
    signature: &str,
    doc: &str,
    i: usize,
) -> PyResult<bool> {
    let py = class.py();
    let bound = sample.getattr(name)?;
    // SAFETY: the object is checked to be a built-in function first.
    let behind = unsafe {
        if ffi::PyCFunction_Check(bound.as_ptr()) == 0
            || ffi::PyCFunction_GetFlags(bound.as_ptr()) != ffi::METH_FASTCALL | ffi::METH_KEYWORDS
        {
            return Ok(false);
        }
        ffi::PyCFunction_GetFunction(bound.as_ptr())
    };
    let gate = TABLE.as_flattened().get(i).ok_or_else(|| PyRuntimeError::new_err("too few gates"))?;
    BEHIND[i].store(behind.map_or(null_mut(), |f| f as *mut ()), Ordering::Relaxed);
    let text = |s: String| CString::new(s).map_err(PyErr::from);
    // The definition lives as long as the type, which is for ever.
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: text(name.to_string())?.into_raw(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: *gate },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: text(format!("{name}{signature}\n--\n\n{doc}"))?.into_raw(),
    }));
    // SAFETY: the definition is never freed; the new object is owned by the Bound.
    let method = unsafe {
        Bound::from_owned_ptr_or_err(py, ffi::PyDescr_NewMethod(class.as_ptr().cast(), definition))?
    };
    class.setattr(name, method)?;
    Ok(true)
}
