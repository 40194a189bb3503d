//! `tensorrs.device`: the name of a place for tensors, and the place where new ones are made.
//!
//! A name may be of a device that is not here (`device("cuda:0")`), as in PyTorch: only its use is an error.

use std::cell::{Cell, RefCell};

use pyo3::exceptions::{PyAssertionError, PyNotImplementedError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyType};
use tensorrs_core::Device;

use crate::args::type_name;

/// PyTorch's kinds of devices, in the order its message names them.
const KINDS: [&str; 20] = [
    "cpu",
    "cuda",
    "ipu",
    "xpu",
    "mkldnn",
    "opengl",
    "opencl",
    "ideep",
    "hip",
    "ve",
    "fpga",
    "maia",
    "xla",
    "lazy",
    "vulkan",
    "mps",
    "meta",
    "hpu",
    "mtia",
    "privateuseone",
];

thread_local! {
    /// Where this thread makes new tensors; none is the CPU.
    static DEFAULT: Cell<Option<PyDevice>> = const { Cell::new(None) };
    /// What `DEFAULT` was where each `with device(...)` began.
    static BEFORE: RefCell<Vec<Option<PyDevice>>> = const { RefCell::new(Vec::new()) };
}

/// Where a tensor lives: `device('cpu')`.
#[pyclass(name = "device", module = "tensorrs", frozen, eq, hash)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PyDevice {
    kind: &'static str,
    index: Option<u16>,
}

/// The name of a device that is here.
pub fn device(device: Device) -> PyDevice {
    let kind = if device == Device::Cpu { "cpu" } else { "meta" };
    PyDevice { kind, index: None }
}

/// The place for a new tensor where its maker names none; nothing for the CPU.
pub fn default_place() -> PyResult<Option<Device>> {
    DEFAULT.get().map(|d| d.place()).transpose()
}

/// The kind of this name, or an error that lists them.
pub fn known(kind: &str) -> PyResult<&'static str> {
    KINDS.into_iter().find(|k| *k == kind).ok_or_else(|| {
        let all = KINDS.join(", ");
        PyRuntimeError::new_err(format!(
            "Expected one of {all} device type at start of device string: {kind}"
        ))
    })
}

impl PyDevice {
    /// The device itself, if it is here.
    pub fn place(&self) -> PyResult<Device> {
        match self.kind {
            "cpu" => Ok(Device::Cpu),
            "meta" => Ok(Device::Meta),
            "cuda" | "xpu" => Err(PyAssertionError::new_err(format!(
                "tensorrs not compiled with {} enabled",
                self.kind.to_uppercase()
            ))),
            kind => Err(PyNotImplementedError::new_err(format!(
                "tensorrs has no backend for the device '{kind}'; tensors can be on 'cpu' and 'meta'"
            ))),
        }
    }

    fn parse(name: &str) -> PyResult<PyDevice> {
        let (kind, index) = match name.split_once(':') {
            Some((kind, digits)) => {
                let plain =
                    digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
                let index = plain.then(|| digits.parse().ok()).flatten();
                let index = index
                    .ok_or_else(|| PyRuntimeError::new_err(format!("Invalid device string: '{name}'")))?;
                (kind, Some(index))
            }
            None => (name, None),
        };
        Ok(PyDevice { kind: known(kind)?, index })
    }
}

#[pymethods]
impl PyDevice {
    #[new]
    #[pyo3(signature = (r#type, index = None))]
    fn new(r#type: &Bound<'_, PyAny>, index: Option<isize>) -> PyResult<PyDevice> {
        let mut parsed = r#type.extract::<DeviceArg>()?.0;
        if let Some(index) = index {
            let index = u16::try_from(index)
                .map_err(|_| PyRuntimeError::new_err("Device index must not be negative"))?;
            if parsed.index.is_some() {
                let name = parsed.__str__();
                return Err(PyRuntimeError::new_err(format!(
                    "type (string) must not include an index because index was passed explicitly: {name}"
                )));
            }
            parsed.index = Some(index);
        }
        Ok(parsed)
    }

    /// The kind of device: "cpu", "cuda", "meta", ...
    #[getter(r#type)]
    fn kind(&self) -> &'static str {
        self.kind
    }

    /// Which of several devices of the kind, or None.
    #[getter]
    fn index(&self) -> Option<u16> {
        self.index
    }

    /// Make new tensors there inside of `with device(...)`.
    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        BEFORE.with_borrow_mut(|before| before.push(DEFAULT.get()));
        DEFAULT.set(Some(*slf.get()));
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        DEFAULT.set(BEFORE.with_borrow_mut(|before| before.pop()).flatten());
    }

    fn __repr__(&self) -> String {
        match self.index {
            Some(i) => format!("device(type='{}', index={i})", self.kind),
            None => format!("device(type='{}')", self.kind),
        }
    }

    fn __str__(&self) -> String {
        match self.index {
            Some(i) => format!("{}:{i}", self.kind),
            None => self.kind.to_owned(),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (String,)) {
        (slf.get_type(), (slf.get().__str__(),))
    }
}

/// A device argument: a `device`, its name, or a number, which means a CUDA device.
#[derive(Clone, Copy)]
pub struct DeviceArg(pub PyDevice);

impl<'a, 'py> FromPyObject<'a, 'py> for DeviceArg {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(d) = ob.cast::<PyDevice>() {
            return Ok(DeviceArg(*d.get()));
        }
        if let Ok(name) = ob.cast::<PyString>() {
            return PyDevice::parse(name.to_str()?).map(DeviceArg);
        }
        if ob.is_exact_instance_of::<PyInt>() {
            let index = ob
                .extract::<u16>()
                .map_err(|_| PyRuntimeError::new_err("Device index must not be negative"))?;
            return Ok(DeviceArg(PyDevice { kind: "cuda", index: Some(index) }));
        }
        Err(PyTypeError::new_err(format!("must be tensorrs.device, str or int, not {}", type_name(&ob))))
    }
}

/// Where new tensors are made.
#[pyfunction]
pub fn get_default_device() -> PyDevice {
    DEFAULT.get().unwrap_or(PyDevice { kind: "cpu", index: None })
}

/// Where this thread makes new tensors from now on: a device or its name; None is the CPU.
///
/// A device that is not here is accepted, and making a tensor there is the error, as in PyTorch.
#[pyfunction]
pub fn set_default_device(device: Option<DeviceArg>) {
    DEFAULT.set(device.map(|d| d.0));
}
