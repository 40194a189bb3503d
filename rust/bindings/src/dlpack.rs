//! DLPack both ways: tensors of other libraries without a copy.
//!
//! A capsule named `dltensor` owns its tensor until a consumer renames it to `used_dltensor` and takes over the duty to
//! call its deleter. <https://dmlc.github.io/dlpack/latest/python_spec.html>

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use pyo3::exceptions::{PyBufferError, PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tensorrs_core::layout::Layout;
use tensorrs_core::storage::Storage;
use tensorrs_core::{DType, Device, Tensor};

use crate::border::{PyTensor, raise, wrap};
use crate::device::DeviceArg;
use crate::interop::aligned;

const CPU: i32 = 1;
const PLAIN: &CStr = c"dltensor";
const PLAIN_USED: &CStr = c"used_dltensor";
const VERSIONED: &CStr = c"dltensor_versioned";
const VERSIONED_USED: &CStr = c"used_dltensor_versioned";
const READ_ONLY: u64 = 1;
const IS_COPIED: u64 = 2;

#[repr(C)]
struct DataType {
    code: u8,
    bits: u8,
    lanes: u16,
}

/// `DLTensor`.
#[repr(C)]
struct Dense {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    ndim: i32,
    dtype: DataType,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

/// `DLManagedTensor`.
#[repr(C)]
struct Managed {
    tensor: Dense,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Managed)>,
}

/// `DLManagedTensorVersioned`, of versions 1.x.
#[repr(C)]
struct ManagedVersioned {
    major: u32,
    minor: u32,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut ManagedVersioned)>,
    flags: u64,
    tensor: Dense,
}

/// The two forms of a managed tensor, as far as capsules see them.
trait Capsuled {
    const FRESH: &'static CStr;
    const USED: &'static CStr;
    /// # Safety
    /// `this` is a managed tensor of this form that nobody has deleted.
    unsafe fn delete(this: *mut Self);
}

impl Capsuled for Managed {
    const FRESH: &'static CStr = PLAIN;
    const USED: &'static CStr = PLAIN_USED;

    unsafe fn delete(this: *mut Self) {
        // SAFETY: passed on from the caller.
        unsafe {
            if let Some(deleter) = (*this).deleter {
                deleter(this);
            }
        }
    }
}

impl Capsuled for ManagedVersioned {
    const FRESH: &'static CStr = VERSIONED;
    const USED: &'static CStr = VERSIONED_USED;

    unsafe fn delete(this: *mut Self) {
        // SAFETY: passed on from the caller.
        unsafe {
            if let Some(deleter) = (*this).deleter {
                deleter(this);
            }
        }
    }
}

fn type_of(dtype: DType) -> DataType {
    let code = match dtype {
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => 0,
        DType::U8 => 1,
        DType::F16 | DType::F32 | DType::F64 => 2,
        DType::BF16 => 4,
        DType::Bool => 6,
    };
    DataType { code, bits: (dtype.size() * 8) as u8, lanes: 1 }
}

fn dtype_of(t: &DataType) -> PyResult<DType> {
    let found = DType::ALL.into_iter().find(|&d| {
        let own = type_of(d);
        (own.code, own.bits, own.lanes) == (t.code, t.bits, t.lanes)
    });
    found.ok_or_else(|| {
        PyBufferError::new_err(format!(
            "from_dlpack: no dtype here is DLPack's code {} of {} bits in {} lanes",
            t.code, t.bits, t.lanes
        ))
    })
}

/// What a tensor that was given away needs until its deleter is called.
struct Given<M> {
    managed: M,
    _shape: Vec<i64>,
    _strides: Vec<i64>,
    _tensor: Tensor,
}

/// Leak a `Given`; its deleter takes it back.
fn give<M>(tensor: Tensor, managed: impl FnOnce(Dense, *mut c_void) -> M) -> *mut M {
    let size = tensor.dtype().size();
    let shape: Vec<i64> = tensor.shape().iter().map(|&n| n as i64).collect();
    let strides: Vec<i64> = tensor.strides().iter().map(|&n| n as i64).collect();
    let room: Box<std::mem::MaybeUninit<Given<M>>> = Box::new_uninit();
    let place = Box::into_raw(room).cast::<Given<M>>();
    let mut held = (shape, strides);
    let data = match tensor.numel() {
        0 => std::ptr::null_mut(),
        _ => tensor.storage().ptr().wrapping_add(tensor.layout().offset * size).cast(),
    };
    let dense = Dense {
        data,
        device_type: CPU,
        device_id: 0,
        ndim: held.0.len() as i32,
        dtype: type_of(tensor.dtype()),
        shape: held.0.as_mut_ptr(),
        strides: held.1.as_mut_ptr(),
        byte_offset: 0,
    };
    let managed = managed(dense, place.cast());
    // SAFETY: `place` is room for one `Given`, just allocated; vectors keep their elements' address when they move.
    unsafe {
        place.write(Given { managed, _shape: held.0, _strides: held.1, _tensor: tensor });
        &raw mut (*place).managed
    }
}

unsafe extern "C" fn drop_plain(this: *mut Managed) {
    // SAFETY: `context` is the leaked box, and DLPack calls a deleter once.
    drop(unsafe { Box::from_raw((*this).context.cast::<Given<Managed>>()) });
}

unsafe extern "C" fn drop_versioned(this: *mut ManagedVersioned) {
    // SAFETY: as above.
    drop(unsafe { Box::from_raw((*this).context.cast::<Given<ManagedVersioned>>()) });
}

/// A capsule that nobody consumed deletes its tensor.
unsafe extern "C" fn drop_capsule<M: Capsuled>(capsule: *mut ffi::PyObject) {
    // SAFETY: Python calls this with the capsule it was registered on; the name says whether it still owns its tensor.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, M::FRESH.as_ptr()) == 1 {
            M::delete(ffi::PyCapsule_GetPointer(capsule, M::FRESH.as_ptr()).cast());
        }
    }
}

fn capsule<M: Capsuled>(py: Python<'_>, managed: *mut M) -> PyResult<Py<PyAny>> {
    // SAFETY: a new reference, or null with an exception set.
    unsafe {
        let made = ffi::PyCapsule_New(managed.cast(), M::FRESH.as_ptr(), Some(drop_capsule::<M>));
        Bound::from_owned_ptr_or_err(py, made).map(Bound::unbind)
    }
}

/// A managed tensor that was taken over; dropped with the last handle to its memory.
struct Taken<M: Capsuled>(NonNull<M>);

// SAFETY: only the deleter is called through it, once; producers must allow that on any thread.
unsafe impl<M: Capsuled> Send for Taken<M> {}
// SAFETY: as above; nothing is read through a shared reference.
unsafe impl<M: Capsuled> Sync for Taken<M> {}

impl<M: Capsuled> Drop for Taken<M> {
    fn drop(&mut self) {
        // Producers written in Python need the GIL; at the end of the process the memory is left to the system.
        // SAFETY: the tensor was taken over from its capsule, and this is the only call.
        Python::try_attach(|_| unsafe { M::delete(self.0.as_ptr()) });
    }
}

/// Take a capsule's tensor over: from here on it is ours to delete.
fn take<M: Capsuled + 'static>(object: &Bound<'_, PyAny>, dense: impl Fn(&M) -> &Dense) -> PyResult<Tensor> {
    let raw = object.as_ptr();
    // SAFETY: the capsule has the name of this form, so it points to one; both live while `object` does.
    let managed = unsafe { ffi::PyCapsule_GetPointer(raw, M::FRESH.as_ptr()) }.cast::<M>();
    let managed = NonNull::new(managed).ok_or_else(|| PyErr::fetch(object.py()))?;
    // SAFETY: as above.
    let tensor = dense(unsafe { managed.as_ref() });
    if tensor.device_type != CPU {
        return Err(PyBufferError::new_err(format!(
            "from_dlpack: the tensor is on DLPack's device {}; only CPU tensors can be taken",
            tensor.device_type
        )));
    }
    let dtype = dtype_of(&tensor.dtype)?;
    let layout = layout_of(tensor)?;
    let bytes = layout.extent() * dtype.size();
    let data = tensor.data.cast::<u8>().wrapping_add(tensor.byte_offset as usize);
    aligned(data, dtype)?;
    // SAFETY: the capsule is valid; its name and destructor are changed as the protocol says.
    if unsafe { ffi::PyCapsule_SetName(raw, M::USED.as_ptr()) } != 0 {
        return Err(PyErr::fetch(object.py()));
    }
    let owner = Taken(managed);
    match NonNull::new(data).filter(|_| bytes > 0) {
        Some(data) => {
            // SAFETY: the producer promises memory for this shape until its deleter is called.
            let storage = unsafe { Storage::foreign(data, bytes, Box::new(owner)) };
            Ok(Tensor::new(storage, layout, dtype))
        }
        None => Tensor::empty(&layout.shape, dtype).map_err(raise),
    }
}

fn layout_of(t: &Dense) -> PyResult<Layout> {
    // SAFETY: DLPack promises `ndim` numbers behind `shape`, and behind `strides` unless it is null.
    let numbers = |p: *const i64| unsafe {
        if t.ndim == 0 { &[][..] } else { std::slice::from_raw_parts(p, t.ndim as usize) }
    };
    let shape: Vec<usize> = numbers(t.shape).iter().map(|&n| n as usize).collect();
    let mut layout = Layout::contiguous(&shape);
    if !t.strides.is_null() {
        for (own, &stride) in layout.strides.iter_mut().zip(numbers(t.strides)) {
            *own = usize::try_from(stride)
                .map_err(|_| PyBufferError::new_err("from_dlpack: negative strides are not supported"))?;
        }
    }
    Ok(layout)
}

/// A tensor that shares memory with any object that speaks DLPack, or with a capsule.
#[pyfunction]
#[pyo3(signature = (ext_tensor, *, device = None, copy = None))]
pub fn from_dlpack(
    py: Python<'_>,
    ext_tensor: &Bound<'_, PyAny>,
    device: Option<DeviceArg>,
    copy: Option<bool>,
) -> PyResult<Py<PyTensor>> {
    if device.map(|d| d.0.place()).transpose()?.is_some_and(|d| d != Device::Cpu) {
        return Err(PyBufferError::new_err("from_dlpack: tensors can only be taken to the CPU"));
    }
    let capsule = match ext_tensor.hasattr("__dlpack__")? {
        true => ask(ext_tensor)?,
        false => ext_tensor.clone(),
    };
    let named = |name: &CStr| {
        // SAFETY: asks any object whether it is a capsule of this name.
        unsafe { ffi::PyCapsule_IsValid(capsule.as_ptr(), name.as_ptr()) == 1 }
    };
    let tensor = if named(VERSIONED) {
        take::<ManagedVersioned>(&capsule, |m| &m.tensor)?
    } else if named(PLAIN) {
        take::<Managed>(&capsule, |m| &m.tensor)?
    } else if capsule.get_type().name()?.to_str()? == "PyCapsule" {
        return Err(PyRuntimeError::new_err(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have already constructed a tensor from it once.",
        ));
    } else {
        return Err(PyTypeError::new_err(format!(
            "from_dlpack: {} has no __dlpack__ and is no capsule",
            crate::args::type_name(&capsule)
        )));
    };
    let tensor = if copy == Some(true) { tensor.dup().map_err(raise)? } else { tensor };
    wrap(py, tensor)
}

/// The producer's capsule: of the versioned form if it knows that.
fn ask<'py>(producer: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = producer.py();
    let keywords = PyDict::new(py);
    keywords.set_item("max_version", (1, 0))?;
    match producer.call_method("__dlpack__", (), Some(&keywords)) {
        Err(e) if e.is_instance_of::<PyTypeError>(py) => producer.call_method0("__dlpack__"),
        result => result,
    }
}

#[pymethods]
impl PyTensor {
    /// A DLPack capsule that shares this tensor's memory.
    #[pyo3(signature = (*, stream = None, max_version = None, dl_device = None, copy = None, read_only = false))]
    fn __dlpack__(
        &self,
        py: Python<'_>,
        stream: Option<&Bound<'_, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
        read_only: bool,
    ) -> PyResult<Py<PyAny>> {
        let t = self.tensor(py);
        if t.requires_grad() {
            return Err(PyBufferError::new_err(
                "Can't export tensors that require gradient, use tensor.detach()",
            ));
        }
        if t.device() != Device::Cpu || dl_device.is_some_and(|(kind, _)| kind != CPU) {
            return Err(PyBufferError::new_err("__dlpack__: only the CPU is supported"));
        }
        if stream.is_some() {
            return Err(PyBufferError::new_err("stream should be None on cpu."));
        }
        let (t, flags) = match copy {
            Some(true) => (t.dup().map_err(raise)?, IS_COPIED),
            _ => (t.detach(), 0),
        };
        if read_only && max_version.is_none_or(|(major, _)| major < 1) {
            return Err(PyBufferError::new_err(
                "__dlpack__: read_only=True needs the versioned protocol, max_version >= (1, 0)",
            ));
        }
        if max_version.is_some_and(|(major, _)| major >= 1) {
            let flags = if read_only { flags | READ_ONLY } else { flags };
            let make = |tensor, context| ManagedVersioned {
                major: 1,
                minor: 0,
                context,
                deleter: Some(drop_versioned),
                flags,
                tensor,
            };
            return capsule(py, give(t, make));
        }
        capsule(py, give(t, |tensor, context| Managed { tensor, context, deleter: Some(drop_plain) }))
    }

    /// DLPack's number of the device: the CPU's is 1.
    fn __dlpack_device__(&self, py: Python<'_>) -> PyResult<(i32, i32)> {
        match self.tensor(py).device() {
            Device::Cpu => Ok((CPU, 0)),
            other => Err(PyBufferError::new_err(format!("DLPack has no device '{other}'"))),
        }
    }
}
