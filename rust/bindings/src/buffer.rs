//! The buffer protocol both ways: `memoryview(tensor)`, and `frombuffer(bytearray, dtype=…)`.
//!
//! Every CPython has the protocol, but its stable ABI has it only from 3.11 on, and this module is built for 3.10. So its
//! two functions are asked of `ctypes`, and the class gets its two slots by hand, at a place that is checked first.
//! <https://docs.python.org/3/c-api/buffer.html>

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::Once;

use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use tensorrs_core::layout::Layout;
use tensorrs_core::storage::Storage;
use tensorrs_core::{DType, Device, Tensor};

use crate::border::{PyTensor, wrap};
use crate::interop::{aligned, warn_once};
use crate::tensor::create::start_history;
use crate::types::DTypeArg;

/// `Py_buffer`, whose layout is part of the stable ABI from 3.11 on and was the same before.
#[repr(C)]
struct Raw {
    buf: *mut c_void,
    obj: *mut ffi::PyObject,
    len: isize,
    itemsize: isize,
    readonly: c_int,
    ndim: c_int,
    format: *const c_char,
    shape: *mut isize,
    strides: *mut isize,
    suboffsets: *mut isize,
    internal: *mut c_void,
}

const WRITABLE: c_int = 1;
const FORMAT: c_int = 4;
const ND: c_int = 8;
const STRIDES: c_int = 0x10 | ND;

/// `PyBufferProcs`.
#[repr(C)]
struct Slots {
    get: Option<unsafe extern "C" fn(*mut ffi::PyObject, *mut Raw, c_int) -> c_int>,
    release: Option<unsafe extern "C" fn(*mut ffi::PyObject, *mut Raw)>,
}

/// Where a type object of a 64-bit CPython with a GIL keeps the address of its buffer slots.
const SLOTS_AT: usize = 160;

/// Give a class the buffer protocol. Where type objects look otherwise than expected, it stays without.
pub fn offer(class: &Bound<'_, PyType>) -> PyResult<()> {
    let start = class.as_ptr() as usize;
    let size: usize = class.get_type().getattr("__basicsize__")?.extract()?;
    if size_of::<usize>() != 8 || size < SLOTS_AT + 8 {
        return Ok(());
    }
    // SAFETY: inside the type object, which is `size` bytes long.
    let slots = unsafe { *((start + SLOTS_AT) as *const usize) };
    // A class made at run time keeps its slots in itself, and this one has none yet.
    if slots < start || slots + size_of::<Slots>() > start + size || slots % align_of::<Slots>() != 0 {
        return Ok(());
    }
    let slots = slots as *mut Slots;
    // SAFETY: two words inside the type object, as just checked; the GIL is held.
    unsafe {
        if (*slots).get.is_none() && (*slots).release.is_none() {
            slots.write(Slots { get: Some(get), release: Some(release) });
        }
    }
    Ok(())
}

/// What a consumer's view points to until it is released.
struct Lent {
    _tensor: Tensor,
    shape: Vec<isize>,
    strides: Vec<isize>,
}

fn format(dtype: DType) -> Option<&'static CStr> {
    Some(match dtype {
        DType::Bool => c"?",
        DType::U8 => c"B",
        DType::I8 => c"b",
        DType::I16 => c"h",
        DType::I32 => c"i",
        DType::I64 => c"q",
        DType::F16 => c"e",
        DType::F32 => c"f",
        DType::F64 => c"d",
        DType::BF16 => return None,
    })
}

unsafe extern "C" fn get(object: *mut ffi::PyObject, view: *mut Raw, flags: c_int) -> c_int {
    // SAFETY: Python calls this under the GIL, with an object of the class and room for a view.
    unsafe {
        let py = Python::assume_attached();
        let object = Bound::from_borrowed_ptr(py, object);
        (*view).obj = std::ptr::null_mut();
        match fill(&object, flags) {
            Ok(raw) => {
                view.write(raw);
                0
            }
            Err(e) => {
                e.restore(py);
                -1
            }
        }
    }
}

unsafe extern "C" fn release(_: *mut ffi::PyObject, view: *mut Raw) {
    // SAFETY: `internal` was set by `get`, and Python releases a view once.
    drop(unsafe { Box::from_raw((*view).internal.cast::<Lent>()) });
}

fn fill(object: &Bound<'_, PyAny>, flags: c_int) -> PyResult<Raw> {
    let t = object.cast::<PyTensor>()?.get().tensor(object.py());
    let refuse = |text: &str| Err(PyBufferError::new_err(text.to_string()));
    if t.requires_grad() {
        return refuse("a Tensor that requires grad has no buffer. Use tensor.detach() instead.");
    }
    if t.device() != Device::Cpu {
        return refuse("only CPU tensors have a buffer");
    }
    let Some(format) = format(t.dtype()) else { return refuse("bfloat16 has no buffer format") };
    if flags & STRIDES != STRIDES && !t.is_contiguous() {
        return refuse("the tensor is not contiguous, and the buffer was asked for without strides");
    }
    let size = t.dtype().size();
    let mut lent = Box::new(Lent {
        shape: t.shape().iter().map(|&n| n as isize).collect(),
        strides: t.strides().iter().map(|&n| (n * size) as isize).collect(),
        _tensor: t.detach(),
    });
    let null = std::ptr::null_mut();
    Ok(Raw {
        buf: t.storage().ptr().wrapping_add(t.layout().offset * size).cast(),
        obj: object.clone().into_ptr(),
        len: (t.numel() * size) as isize,
        itemsize: size as isize,
        readonly: 0,
        ndim: t.rank() as c_int,
        format: if flags & FORMAT != 0 { format.as_ptr() } else { std::ptr::null() },
        shape: if flags & ND != 0 { lent.shape.as_mut_ptr() } else { null },
        strides: if flags & STRIDES == STRIDES { lent.strides.as_mut_ptr() } else { null },
        suboffsets: null,
        internal: Box::into_raw(lent).cast(),
    })
}

/// `PyObject_GetBuffer` and `PyBuffer_Release`.
#[derive(Clone, Copy)]
struct Functions {
    get: unsafe extern "C" fn(*mut ffi::PyObject, *mut Raw, c_int) -> c_int,
    release: unsafe extern "C" fn(*mut Raw),
}

fn functions(py: Python<'_>) -> PyResult<Functions> {
    static FOUND: PyOnceLock<Functions> = PyOnceLock::new();
    let found = FOUND.get_or_try_init(py, || {
        let ctypes = py.import("ctypes")?;
        let (api, pointer) = (ctypes.getattr("pythonapi")?, ctypes.getattr("c_void_p")?);
        let address = |name: &str| -> PyResult<usize> {
            ctypes.call_method1("cast", (api.getattr(name)?, &pointer))?.getattr("value")?.extract()
        };
        let (get, release) = (address("PyObject_GetBuffer")?, address("PyBuffer_Release")?);
        // SAFETY: the addresses are of the functions of these names, whose signatures these are.
        Ok::<_, PyErr>(unsafe {
            Functions {
                get: std::mem::transmute::<
                    usize,
                    unsafe extern "C" fn(*mut ffi::PyObject, *mut Raw, c_int) -> c_int,
                >(get),
                release: std::mem::transmute::<usize, unsafe extern "C" fn(*mut Raw)>(release),
            }
        })
    })?;
    Ok(*found)
}

/// A view of somebody's memory; released with the last tensor on it.
struct Borrowed {
    raw: Box<Raw>,
    release: unsafe extern "C" fn(*mut Raw),
}

// SAFETY: the view is only touched to release it, under the GIL.
unsafe impl Send for Borrowed {}
// SAFETY: as above.
unsafe impl Sync for Borrowed {}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // SAFETY: the view was filled by Python and is released once.
        Python::try_attach(|_| unsafe { (self.release)(&raw mut *self.raw) });
    }
}

fn borrow(object: &Bound<'_, PyAny>) -> PyResult<Borrowed> {
    let py = object.py();
    let functions = functions(py)?;
    // SAFETY: an all-zero view is what Python expects to fill.
    let mut raw: Box<Raw> = Box::new(unsafe { std::mem::zeroed() });
    // SAFETY: a live object and room for a view; first the writable view is asked for.
    let fetch = |raw: &mut Raw, flags| unsafe { (functions.get)(object.as_ptr(), raw, flags) };
    if fetch(&mut raw, WRITABLE) != 0 {
        drop(PyErr::fetch(py));
        if fetch(&mut raw, 0) != 0 {
            drop(PyErr::fetch(py));
            return Err(PyValueError::new_err("object does not implement Python buffer protocol."));
        }
    }
    Ok(Borrowed { raw, release: functions.release })
}

/// A one-dimensional tensor on the memory of an object with the buffer protocol.
#[pyfunction]
#[pyo3(signature = (buffer, *, dtype, count = -1, offset = 0, requires_grad = false))]
pub fn frombuffer(
    buffer: &Bound<'_, PyAny>,
    dtype: DTypeArg,
    count: isize,
    offset: isize,
    requires_grad: bool,
) -> PyResult<Py<PyTensor>> {
    let (py, dtype) = (buffer.py(), dtype.0);
    let view = borrow(buffer)?;
    let (length, size) = (view.raw.len, dtype.size() as isize);
    let count = checked_count(length, size, count, offset)?;
    if view.raw.readonly != 0 {
        let text = "The given buffer is not writable, and tensorrs does not support non-writable tensors. This means you can write to the underlying (supposedly non-writable) buffer using the tensor. You may want to copy the buffer to protect its data or make it writable before converting it to a tensor. This type of warning will be suppressed for the rest of this program.";
        static WARNED: Once = Once::new();
        warn_once(py, &WARNED, text)?;
    }
    let address = view.raw.buf.cast::<u8>().wrapping_offset(offset);
    aligned(address, dtype)?;
    let data = NonNull::new(address)
        .ok_or_else(|| PyValueError::new_err("object does not implement Python buffer protocol."))?;
    // SAFETY: `count` elements behind `offset` lie inside the view, which lives as long as its owner here.
    let storage = unsafe { Storage::foreign(data, (count * size) as usize, Box::new(view)) };
    let t = Tensor::new(storage, Layout::contiguous(&[count as usize]), dtype);
    if requires_grad {
        start_history(&t)?;
    }
    wrap(py, t)
}

/// How many elements there are, all checks of PyTorch made.
fn checked_count(length: isize, size: isize, count: isize, offset: isize) -> PyResult<isize> {
    if length == 0 || count == 0 {
        return Err(PyValueError::new_err(format!(
            "both buffer length ({length}) and count ({count}) must not be 0"
        )));
    }
    if offset < 0 || offset >= length {
        return Err(PyValueError::new_err(format!(
            "offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )));
    }
    let rest = length - offset;
    if count < 0 {
        if rest % size != 0 {
            return Err(PyValueError::new_err(format!(
                "buffer length ({rest} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})"
            )));
        }
        return Ok(rest / size);
    }
    if count.checked_mul(size).is_none_or(|bytes| bytes > rest) {
        return Err(PyValueError::new_err(format!(
            "requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than actual buffer length ({length} bytes)"
        )));
    }
    Ok(count)
}
