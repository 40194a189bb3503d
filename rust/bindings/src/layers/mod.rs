//! `Module.__call__` and `Module.__getattr__`, the two methods of every layer that run at each step of a model.
//!
//! They are put into the Python class as method descriptors, so that subclasses override them and reach them through
//! `super()` as ever, and a module stays an ordinary Python object. A call without hooks goes straight to `forward`; the
//! layers listed in `stock` run here, without a line of Python.

pub mod stock;

use std::ffi::{CStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{ffi, intern};

/// What the methods need from the Python side, handed over once.
struct Known {
    /// The hooks that run around the call of any module.
    hooks: Vec<Py<PyDict>>,
    /// `HookedCall`, which runs a module that has hooks.
    hooked: Py<PyAny>,
    /// `Module.__call__` itself.
    call: Py<PyAny>,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

type Method = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// Give `module`, the base class of layers, its call and its attributes. `hooks` are the dictionaries of the
/// hooks that run around the call of any module, `hooked` the class that runs a module with hooks.
#[pyfunction]
pub fn equip_module<'py>(
    module: &Bound<'py, PyType>,
    hooks: Vec<Bound<'py, PyDict>>,
    hooked: Bound<'py, PyAny>,
) -> PyResult<()> {
    let py = module.py();
    let call = descriptor(
        module,
        c"__call__",
        call,
        c"__call__($self, /, *args, **kwargs)\n--\n\nThe hooks and `forward`.",
    )?;
    let find = descriptor(
        module,
        c"__getattr__",
        find,
        c"__getattr__($self, name, /)\n--\n\nParameters, buffers and submodules, which are not in `__dict__`.",
    )?;
    module.setattr("__call__", &call)?;
    module.setattr("__getattr__", find)?;
    let hooks = hooks.into_iter().map(Bound::unbind).collect();
    let known = Known { hooks, hooked: hooked.unbind(), call: call.unbind() };
    KNOWN.set(py, known).map_err(|_| PyTypeError::new_err("modules are equipped already"))
}

/// A method of a class written in Python.
fn descriptor<'py>(
    class: &Bound<'py, PyType>,
    name: &'static CStr,
    method: Method,
    doc: &'static CStr,
) -> PyResult<Bound<'py, PyAny>> {
    // A class lives on when the module is gone, and so does its method.
    let definition: &'static mut ffi::PyMethodDef = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: method },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.as_ptr(),
    }));
    // SAFETY: a live class and a definition that is never freed, whose flags are those of the function's type.
    unsafe {
        let made = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        Bound::from_owned_ptr_or_err(class.py(), made)
    }
}

/// Run a method that Python calls: errors and panics become exceptions.
fn enter<'py>(py: Python<'py>, f: impl FnOnce() -> PyResult<Bound<'py, PyAny>>) -> *mut ffi::PyObject {
    let result = catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|s| (*s).to_string());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(PanicException::new_err((text.unwrap_or_else(|| "panic from Rust code".to_string()),)))
    });
    match result {
        Ok(value) => value.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

unsafe extern "C" fn call(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: Python calls this with the GIL, an object, `count` arguments and as many more as there are names.
    Python::attach(|py| unsafe {
        let slf = Bound::from_borrowed_ptr(py, slf);
        let names = Bound::from_borrowed_ptr_or_opt(py, names);
        let at = |i: isize| Bound::from_borrowed_ptr(py, *args.offset(i));
        enter(py, || match names {
            None if count == 1 => call_with(&slf, &at(0), false),
            _ => {
                let args = PyTuple::new(py, (0..count).map(at))?;
                let kwargs = PyDict::new(py);
                for (i, name) in names.iter().flat_map(|n| n.cast::<PyTuple>()).flatten().enumerate() {
                    kwargs.set_item(name, at(count + i as isize))?;
                }
                call_plainly(&slf, &args, &kwargs)
            }
        })
    })
}

/// The instance's dictionary.
fn fields<'py>(slf: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: a live object; one without a dictionary gives an error.
    let dict = unsafe {
        let dict = ffi::PyObject_GenericGetDict(slf.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(slf.py(), dict)
    };
    Ok(dict?.cast_into()?)
}

fn unknown() -> PyErr {
    PyTypeError::new_err("modules are not equipped")
}

/// Whether hooks run around a call; None for a module whose `__init__` was not called.
fn has_hooks(fields: &Bound<'_, PyDict>, known: &Known) -> PyResult<Option<bool>> {
    let py = fields.py();
    for name in [
        intern!(py, "_forward_hooks"),
        intern!(py, "_forward_pre_hooks"),
        intern!(py, "_backward_hooks"),
        intern!(py, "_backward_pre_hooks"),
    ] {
        let Some(hooks) = fields.get_item(name)? else { return Ok(None) };
        if match hooks.cast::<PyDict>() {
            Ok(hooks) => !hooks.is_empty(),
            Err(_) => hooks.is_truthy()?,
        } {
            return Ok(Some(true));
        }
    }
    Ok(Some(known.hooks.iter().any(|hooks| !hooks.bind(py).is_empty())))
}

/// `module(input)`; an input that is `spare` is the caller's alone, who drops it afterwards.
fn call_with<'py>(
    slf: &Bound<'py, PyAny>,
    input: &Bound<'py, PyAny>,
    spare: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let known = KNOWN.get(py).ok_or_else(unknown)?;
    let own = fields(slf)?;
    if has_hooks(&own, known)? == Some(false) {
        if let Some(output) = stock::run(slf, &own, input, spare)? {
            return Ok(output);
        }
        return slf.getattr(intern!(py, "forward"))?.call1((input,));
    }
    call_plainly(slf, &PyTuple::new(py, [input])?, &PyDict::new(py))
}

/// `module(*args, **kwargs)`
fn call_plainly<'py>(
    slf: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let known = KNOWN.get(py).ok_or_else(unknown)?;
    match has_hooks(&fields(slf)?, known)? {
        Some(false) => {
            let kwargs = (!kwargs.is_empty()).then_some(kwargs);
            slf.getattr(intern!(py, "forward"))?.call(args, kwargs)
        }
        Some(true) => known.hooked.bind(py).call1((slf, args, kwargs))?.call_method0(intern!(py, "run")),
        // The AttributeError of a module whose `__init__` was not called.
        None => slf.getattr(intern!(py, "_backward_hooks")),
    }
}

unsafe extern "C" fn find(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: Python calls this with the GIL, an object and `count` arguments.
    Python::attach(|py| unsafe {
        let slf = Bound::from_borrowed_ptr(py, slf);
        enter(py, || {
            if count != 1 || !names.is_null() {
                let given = count + 1;
                return Err(PyTypeError::new_err(match count {
                    0 => "Module.__getattr__() missing 1 required positional argument: 'name'".to_string(),
                    _ => format!("Module.__getattr__() takes 2 positional arguments but {given} were given"),
                }));
            }
            attribute(&slf, &Bound::from_borrowed_ptr(py, *args))
        })
    })
}

/// An attribute that is not in `__dict__`.
fn attribute<'py>(slf: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let (py, own) = (slf.py(), fields(slf)?);
    for place in [intern!(py, "_parameters"), intern!(py, "_buffers"), intern!(py, "_modules")] {
        let Some(found) = own.get_item(place)? else { continue };
        let value = match found.cast_exact::<PyDict>() {
            Ok(found) => found.get_item(name)?,
            Err(_) if found.contains(name)? => Some(found.get_item(name)?),
            Err(_) => None,
        };
        if let Some(value) = value {
            return Ok(value);
        }
    }
    Err(PyAttributeError::new_err(format!(
        "'{}' object has no attribute '{}'",
        slf.get_type().name()?,
        name.str()?
    )))
}

/// As Python's own calls: a model that contains itself ends in a RecursionError.
struct Depth;

impl Depth {
    fn enter(py: Python<'_>) -> PyResult<Depth> {
        let place: &'static CStr = c" while calling a module";
        let place: *const c_char = place.as_ptr();
        // SAFETY: the GIL is held, and a level that was entered is left once, in `drop`.
        let refused: c_int = unsafe { ffi::Py_EnterRecursiveCall(place) };
        if refused != 0 { Err(PyErr::fetch(py)) } else { Ok(Depth) }
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        // SAFETY: entered in `enter`, under the GIL.
        unsafe { ffi::Py_LeaveRecursiveCall() }
    }
}

/// `module(input)` for something that may be a module; `spare` as in `call_with`.
fn call_child<'py>(
    child: &Bound<'py, PyAny>,
    input: &Bound<'py, PyAny>,
    spare: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, known) = (child.py(), KNOWN.get(child.py()).ok_or_else(unknown)?);
    if child.get_type().getattr(intern!(py, "__call__")).is_ok_and(|call| call.is(&known.call)) {
        let _depth = Depth::enter(py)?;
        return call_with(child, input, spare);
    }
    child.call1((input,))
}
