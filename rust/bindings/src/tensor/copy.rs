//! Copies and conversions: clone, contiguous, to, copy_, fill_, zero_.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tensorrs_core::{DType, Device, Tensor};

use crate::args::{Arg, Filling, Number, Operand};
use crate::border::{PyTensor, raise, run, run_inplace};
use crate::device::DeviceArg;
use crate::types::DTypeArg;

/// What `to(…)` asks for.
#[derive(Default)]
struct Target {
    dtype: Option<DType>,
    device: Option<Device>,
    copy: bool,
}

impl Target {
    fn meet(&mut self, arg: &Bound<'_, PyAny>) -> PyResult<()> {
        if arg.is_none() || arg.is_instance_of::<pyo3::types::PyBool>() {
            return Ok(());
        }
        if let Ok(Arg(t)) = arg.extract() {
            self.dtype = Some(t.dtype());
            self.device = Some(t.device());
        } else if let Ok(d) = arg.extract::<DTypeArg>() {
            self.dtype = Some(d.0);
        } else {
            self.device = Some(arg.extract::<DeviceArg>()?.0.place()?);
        }
        Ok(())
    }
}

macro_rules! casts {
    ($($(#[$doc:meta])* $name:ident, $dtype:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (memory_format = None))]
            fn $name(&self, py: Python<'_>, memory_format: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyTensor>> {
                let _ = memory_format;
                let x = self.tensor(py);
                run(py, x.numel(), || x.to_dtype(DType::$dtype))
            })*
        }
    };
}

casts! {
    /// The elements as float32; the tensor itself if it has that dtype.
    float, F32;
    /// The elements as float64; the tensor itself if it has that dtype.
    double, F64;
    /// The elements as float16; the tensor itself if it has that dtype.
    half, F16;
    /// The elements as bfloat16; the tensor itself if it has that dtype.
    bfloat16, BF16;
    /// The elements as uint8; the tensor itself if it has that dtype.
    byte, U8;
    /// The elements as int8; the tensor itself if it has that dtype.
    char, I8;
    /// The elements as int16; the tensor itself if it has that dtype.
    short, I16;
    /// The elements as int32; the tensor itself if it has that dtype.
    int, I32;
    /// The elements as int64; the tensor itself if it has that dtype.
    long, I64;
    /// True where an element is not zero; the tensor itself if its dtype is bool.
    bool, Bool;
}

#[pymethods]
impl PyTensor {
    /// In another dtype, on another device; the tensor itself if nothing changes.
    #[pyo3(signature = (*args, **kwargs))]
    fn to<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (py, x) = (slf.py(), slf.get().tensor(slf.py()));
        let mut target = Target::default();
        for arg in args.iter() {
            target.meet(&arg)?;
        }
        for (key, value) in kwargs.into_iter().flatten() {
            match key.extract::<String>()?.as_str() {
                "copy" => target.copy = value.extract()?,
                "dtype" | "device" | "other" => target.meet(&value)?,
                "non_blocking" | "memory_format" => {}
                key => {
                    return Err(pyo3::exceptions::PyTypeError::new_err(format!(
                        "to() got an unexpected keyword argument '{key}'"
                    )));
                }
            }
        }
        let dtype = target.dtype.unwrap_or(x.dtype());
        let device = target.device.unwrap_or(x.device());
        if dtype == x.dtype() && device == x.device() && !target.copy {
            return Ok(slf.clone().unbind());
        }
        if device == Device::Meta {
            return run(py, 0, || Tensor::empty_on(x.layout().preserved(), dtype, device));
        }
        x.check_data().map_err(raise)?;
        run(py, x.numel(), || if target.copy && dtype == x.dtype() { x.dup() } else { x.to_dtype(dtype) })
    }

    /// The elements in the dtype of `other`; the tensor itself if it has that.
    fn type_as(slf: &Bound<'_, Self>, other: Arg) -> PyResult<Py<PyTensor>> {
        let (py, x) = (slf.py(), slf.get().tensor(slf.py()));
        run(py, x.numel(), || x.to_dtype(other.0.dtype()))
    }

    /// A copy of the elements in memory of its own; gradients go through it.
    #[pyo3(signature = (*, memory_format = None))]
    fn clone(&self, py: Python<'_>, memory_format: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let row_major = memory_format
            .is_some_and(|m| m.repr().is_ok_and(|r| r.to_string().ends_with("contiguous_format")));
        run(py, x.numel(), || if row_major { x.dup_contiguous() } else { x.dup() })
    }

    /// Row-major; the tensor itself if it already is.
    #[pyo3(signature = (memory_format = None))]
    fn contiguous<'py>(
        slf: &Bound<'py, Self>,
        memory_format: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Py<PyTensor>> {
        let _ = memory_format;
        let (py, x) = (slf.py(), slf.get().tensor(slf.py()));
        if x.is_contiguous() {
            return Ok(slf.clone().unbind());
        }
        run(py, x.numel(), || x.contiguous())
    }

    /// Take the elements of `other`, broadcast and converted.
    #[pyo3(signature = (other, non_blocking = false))]
    fn copy_<'py>(slf: &Bound<'py, Self>, other: Operand, non_blocking: bool) -> PyResult<Bound<'py, Self>> {
        let _ = non_blocking;
        run_inplace(slf, |x| x.copy_(&other.0))
    }

    /// Set every element to one number, or to a zero-dim tensor.
    fn fill_<'py>(slf: &Bound<'py, Self>, value: Filling) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| match value.0.is_wrapped() {
            true => x.fill_(value.0.item()?),
            false => x.fill_tensor_(&value.0),
        })
    }

    /// All elements set to 0.
    fn zero_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.zero_())
    }

    /// One number on the main diagonal; with `wrap`, on the ones below it in a tall matrix too.
    #[pyo3(signature = (fill_value, wrap = false))]
    fn fill_diagonal_<'py>(
        slf: &Bound<'py, Self>,
        fill_value: Number,
        wrap: bool,
    ) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.fill_diagonal_(fill_value.0, wrap))
    }

    /// Another shape in place; the elements are kept in memory order, new ones are uninitialised.
    #[pyo3(signature = (*sizes, size = None, memory_format = None))]
    fn resize_<'py>(
        slf: &Bound<'py, Self>,
        sizes: &Bound<'py, PyTuple>,
        size: Option<Bound<'py, PyAny>>,
        memory_format: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let _ = memory_format;
        let x = slf.get().tensor(slf.py());
        let sizes = match size {
            Some(size) => PyTuple::new(slf.py(), [size])?,
            None => sizes.clone(),
        };
        let shape = crate::args::shape(&crate::args::varargs(&sizes)?)?;
        if x.requires_grad() {
            return Err(raise(tensorrs_core::runtime!("cannot resize variables that require grad")));
        }
        PyTensor::set(slf, x.with_data(&x.resized(&shape).map_err(raise)?));
        Ok(slf.clone())
    }

    /// Stand for the memory and shape of `source`.
    fn set_<'py>(slf: &Bound<'py, Self>, source: Arg) -> PyResult<Bound<'py, Self>> {
        let x = slf.get().tensor(slf.py());
        PyTensor::set(slf, x.with_data(&source.0));
        Ok(slf.clone())
    }
}
