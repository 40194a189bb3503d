//! The switches of autocast, and its lists for the ops that are written in Python.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyTuple};
use tensorrs_core::ops::autocast;
use tensorrs_core::runtime;

use crate::args::type_name;
use crate::border::{PyTensor, raise, wrap};
use crate::device::known;
use crate::types::{PyDType, dtype};

/// A device type by name: `None` if it is known but has no autocast.
fn device(function: &str, position: usize, name: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    let Ok(text) = name.extract::<&str>() else {
        return Err(PyTypeError::new_err(format!(
            "{function}(): argument 'device_type' (position {position}) must be str, not {}",
            type_name(name)
        )));
    };
    let kind = text.split(':').next().unwrap_or(text);
    Ok(autocast::device(known(kind)?))
}

fn listed(function: &str, name: &Bound<'_, PyAny>) -> PyResult<usize> {
    device(function, 1, name)?.ok_or_else(|| {
        raise(runtime!("unknown device type for autocast in get_autocast_dispatch_key_from_device_type"))
    })
}

fn flag(function: &str, position: usize, on: &Bound<'_, PyAny>) -> PyResult<bool> {
    on.cast::<PyBool>().map(|on| on.is_true()).map_err(|_| {
        PyTypeError::new_err(format!(
            "{function}(): argument 'enabled' (position {position}) must be bool, not {}",
            type_name(on)
        ))
    })
}

/// Whether ops on this device type cast now, on this thread; without a name, on CUDA.
#[pyfunction]
#[pyo3(signature = (device_type = None))]
pub fn is_autocast_enabled(device_type: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    match device_type {
        Some(name) => listed("is_autocast_enabled", name).map(autocast::enabled),
        None => Ok(autocast::device("cuda").is_some_and(autocast::enabled)),
    }
}

/// `set_autocast_enabled(device_type, enabled)`, or `set_autocast_enabled(enabled)` for CUDA.
#[pyfunction]
#[pyo3(signature = (device_type, enabled = None))]
pub fn set_autocast_enabled(
    device_type: &Bound<'_, PyAny>,
    enabled: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let name = "set_autocast_enabled";
    let (device, on) = match enabled {
        Some(on) => (listed(name, device_type)?, flag(name, 2, on)?),
        None => (autocast::device("cuda").unwrap_or_default(), flag(name, 1, device_type)?),
    };
    autocast::set_enabled(device, on);
    Ok(())
}

/// The dtype that autocast lowers to on this device type.
#[pyfunction]
pub fn get_autocast_dtype(py: Python<'_>, device_type: &Bound<'_, PyAny>) -> PyResult<Py<PyDType>> {
    match device("get_autocast_dtype", 1, device_type)? {
        Some(device) => dtype(py, autocast::dtype(device)),
        None => Err(raise(runtime!("unsupported scalarType"))),
    }
}

/// Set the dtype that autocast lowers to on this device type.
#[pyfunction(name = "set_autocast_dtype")]
pub fn set_autocast_dtype(device_type: &Bound<'_, PyAny>, dtype: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(given) = dtype.cast::<PyDType>() else {
        return Err(PyTypeError::new_err(format!(
            "set_autocast_dtype(): argument 'dtype' (position 2) must be tensorrs.dtype, not {}",
            type_name(dtype)
        )));
    };
    if let Some(device) = device("set_autocast_dtype", 1, device_type)? {
        autocast::set_dtype(device, given.get().0);
    }
    Ok(())
}

/// Whether there is autocast for this device type.
#[pyfunction]
pub fn is_autocast_available(device_type: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(device("_is_autocast_available", 1, device_type)?.is_some())
}

/// Whether a weight is cast once a region rather than at every use.
#[pyfunction]
pub fn is_autocast_cache_enabled() -> bool {
    autocast::caching()
}

/// Whether casts of parameters are kept until the outermost `autocast` ends.
#[pyfunction]
pub fn set_autocast_cache_enabled(enabled: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(on) = enabled.cast::<PyBool>() else {
        return Err(PyTypeError::new_err(format!("enabled must be a bool (got {})", type_name(enabled))));
    };
    autocast::set_caching(on.is_true());
    Ok(())
}

/// Forget the weights that were cast.
#[pyfunction]
pub fn clear_autocast_cache() {
    autocast::clear_cache();
}

/// Enter a region: how many this thread is in.
#[pyfunction]
pub fn autocast_increment_nesting() -> i64 {
    autocast::nest(1)
}

/// Leave a region: how many this thread is still in.
#[pyfunction]
pub fn autocast_decrement_nesting() -> i64 {
    autocast::nest(-1)
}

/// Whether an op written in Python has to ask `_autocast_call`.
#[pyfunction]
pub fn _autocast_on() -> bool {
    autocast::on()
}

/// `function(*args, **kwargs)` with its tensors cast by the rule of `op`, and autocast off inside.
#[pyfunction]
pub fn _autocast_call<'py>(
    py: Python<'py>,
    op: &str,
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let call = autocast::call(op);
    let cast = |ob: Bound<'py, PyAny>| -> PyResult<Bound<'py, PyAny>> {
        let Ok(t) = ob.cast::<PyTensor>() else { return Ok(ob) };
        let given = t.get().tensor(py);
        Ok(wrap(py, autocast::Cast::cast(&given, &call).map_err(raise)?)?.into_bound(py).into_any())
    };
    let args = args.iter().map(cast).collect::<PyResult<Vec<_>>>()?;
    let given = kwargs.copy()?;
    for (name, value) in kwargs {
        given.set_item(name, cast(value)?)?;
    }
    function.call(PyTuple::new(py, args)?, Some(&given))
}
