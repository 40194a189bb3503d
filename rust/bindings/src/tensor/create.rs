//! Constructors that need no data: `zeros`, `full`, `arange` and their kin, and the `new_*` and `*_like` forms.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyList, PyTuple};
use tensorrs_core::layout::Layout;
use tensorrs_core::ops::promote::default_dtype;
use tensorrs_core::{DType, Device, Scalar, Tensor};

use crate::args::{Arg, Ints, Number, shape, type_name, varargs};
use crate::border::{PyTensor, call, raise, wrap};
use crate::device::{DeviceArg, default_place};
use crate::types::DTypeArg;

/// The keywords that all constructors share.
pub struct Options<'py> {
    pub dtype: Option<DType>,
    pub device: Option<Device>,
    pub requires_grad: bool,
    out: Option<Bound<'py, PyTensor>>,
}

impl<'py> Options<'py> {
    /// Take the shared keywords out of `kwargs`; what is left over is an error naming `op`.
    pub fn parse(op: &str, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Options<'py>> {
        let mut options = Options { dtype: None, device: None, requires_grad: false, out: None };
        let Some(kwargs) = kwargs else { return Ok(options) };
        for (key, value) in kwargs.iter() {
            let key: String = key.extract()?;
            match key.as_str() {
                "dtype" => options.dtype = value.extract::<Option<DTypeArg>>()?.map(|d| d.0),
                "device" => {
                    let named = value.extract::<Option<DeviceArg>>()?;
                    options.device = named.map(|d| d.0.place()).transpose()?;
                }
                "requires_grad" => options.requires_grad = value.extract()?,
                "out" => options.out = value.extract()?,
                "layout" | "pin_memory" | "memory_format" | "names" => {}
                _ => {
                    return Err(PyTypeError::new_err(format!(
                        "{op}() got an unexpected keyword argument '{key}'"
                    )));
                }
            }
        }
        Ok(options)
    }

    /// `parse` for an op that is given no tensor, whose result is on the default device.
    pub fn fresh(op: &str, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Options<'py>> {
        let mut options = Options::parse(op, kwargs)?;
        if options.device.is_none() && options.out.is_none() {
            options.device = default_place()?;
        }
        Ok(options)
    }

    pub fn dtype(&self) -> DType {
        self.dtype.unwrap_or_else(default_dtype)
    }

    /// Give the result its device, `out=` and `requires_grad`.
    pub fn finish(&self, py: Python<'py>, t: Tensor) -> PyResult<Py<PyTensor>> {
        if let Some(out) = &self.out {
            crate::out::store(out, &t)?;
            return Ok(out.clone().unbind());
        }
        let t = match self.device {
            Some(device) => t.on(device).map_err(raise)?,
            None => t,
        };
        if self.requires_grad {
            start_history(&t)?;
        }
        wrap(py, t)
    }
}

/// `requires_grad=True` of a constructor.
pub fn start_history(t: &Tensor) -> PyResult<()> {
    if !t.dtype().is_float() {
        return Err(raise(tensorrs_core::runtime!(
            "Only Tensors of floating point and complex dtype can require gradients"
        )));
    }
    t.set_requires_grad(true).map_err(raise)
}

/// The shape in `*size` or `size=`.
fn sizes<'py>(
    op: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Vec<usize>> {
    let named = kwargs.map(|k| k.get_item("size")).transpose()?.flatten();
    let sizes = match (&named, kwargs) {
        (Some(size), Some(kwargs)) => {
            kwargs.del_item("size")?;
            whole_numbers(op, &PyTuple::new(args.py(), [size])?)?
        }
        _ => whole_numbers(op, args)?,
    };
    if op == "zeros" && sizes.iter().any(|&n| n < 0) {
        return Err(raise(tensorrs_core::runtime!("zeros: Dimension size must be non-negative.")));
    }
    shape(&sizes)
}

/// Sizes as `*size` or one sequence; what is no whole number is named with its place.
fn whole_numbers(op: &str, args: &Bound<'_, PyTuple>) -> PyResult<Ints> {
    let wrong = |ob: &Bound<'_, PyAny>| -> PyResult<bool> {
        Ok(!ob.is_instance_of::<PyTensor>()
            && (ob.is_instance_of::<PyFloat>() || !ob.hasattr("__index__")?))
    };
    let first = if args.len() == 1 { Some(args.get_item(0)?) } else { None };
    let sequence = |ob: &Bound<'_, PyAny>| ob.is_instance_of::<PyTuple>() || ob.is_instance_of::<PyList>();
    match &first {
        Some(one) if sequence(one) => unpack(op, one, &wrong)?,
        Some(one) if wrong(one)? => {
            let found = type_name(one);
            return Err(PyTypeError::new_err(format!(
                "{op}(): argument 'size' (position 1) must be tuple of ints, not {found}"
            )));
        }
        _ => unpack(op, args.as_any(), &wrong)?,
    }
    varargs(args)
}

/// Refuse the first item of a sequence that is no whole number.
fn unpack<'py>(
    op: &str,
    items: &Bound<'py, PyAny>,
    wrong: &impl Fn(&Bound<'py, PyAny>) -> PyResult<bool>,
) -> PyResult<()> {
    for (i, item) in items.try_iter()?.enumerate() {
        let item = item?;
        if wrong(&item)? {
            return Err(PyTypeError::new_err(format!(
                "{op}(): argument 'size' failed to unpack the object at pos {} with error \"type must be tuple of ints,but got {}\"",
                i + 1,
                type_name(&item)
            )));
        }
    }
    Ok(())
}

macro_rules! filled {
    ($($(#[$doc:meta])* $name:ident, $make:expr;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (*size, **kwargs))]
        pub fn $name<'py>(
            py: Python<'py>,
            size: &Bound<'py, PyTuple>,
            kwargs: Option<&Bound<'py, PyDict>>,
        ) -> PyResult<Py<PyTensor>> {
            let shape = sizes(stringify!($name), size, kwargs)?;
            let options = Options::fresh(stringify!($name), kwargs)?;
            let make: fn(Layout, DType, Device) -> tensorrs_core::Result<Tensor> = $make;
            let (dtype, device) = (options.dtype(), options.device.unwrap_or(Device::Cpu));
            let t = call(py, shape.iter().product(), || make(Layout::contiguous(&shape), dtype, device))?;
            options.finish(py, t)
        }
    )*};
}

filled! {
    /// Zeros of shape `size`, in the default dtype unless `dtype` is given. RuntimeError for a negative size.
    zeros, Tensor::zeros_on;
    /// Ones of shape `size`, in the default dtype unless `dtype` is given. RuntimeError for a negative size.
    ones, |layout, dtype, device| Tensor::full_on(layout, Scalar::Int(1), dtype, device);
    /// A tensor whose elements are whatever was in memory.
    empty, Tensor::empty_on;
}

/// `fill_value` in the shape `size`; its dtype is that of the number unless `dtype` is given.
#[pyfunction]
#[pyo3(signature = (size, fill_value, **kwargs))]
pub fn full<'py>(
    py: Python<'py>,
    size: &Bound<'py, PyAny>,
    fill_value: Number,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let shape = shape(&whole_numbers("full", &PyTuple::new(py, [size])?)?)?;
    let options = Options::fresh("full", kwargs)?;
    let dtype = options.dtype.unwrap_or(match fill_value.0 {
        Scalar::Float(_) => default_dtype(),
        n => n.dtype(),
    });
    let t = call(py, shape.iter().product(), || Tensor::full(&shape, fill_value.0, dtype))?;
    options.finish(py, t)
}

/// Uninitialised, with given strides.
#[pyfunction]
#[pyo3(signature = (size, stride, **kwargs))]
pub fn empty_strided<'py>(
    py: Python<'py>,
    size: &Bound<'py, PyAny>,
    stride: &Bound<'py, PyAny>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let size = shape(&varargs(&PyTuple::new(py, [size])?)?)?;
    let stride = shape(&varargs(&PyTuple::new(py, [stride])?)?)?;
    let options = Options::fresh("empty_strided", kwargs)?;
    let layout = Layout { shape: size.into(), strides: stride.into(), offset: 0 };
    let dtype = options.dtype();
    let device = options.device.unwrap_or(Device::Cpu);
    let whole = Layout::contiguous(&[layout.extent()]);
    let room = call(py, 0, || Tensor::empty_on(whole, dtype, device))?;
    options.finish(py, room.alias(layout))
}

/// `start, start + step, …` below `end`.
#[pyfunction]
#[pyo3(signature = (*bounds, **kwargs))]
pub fn arange<'py>(
    py: Python<'py>,
    bounds: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let mut named = [None; 3];
    if let Some(kwargs) = kwargs {
        for (slot, key) in named.iter_mut().zip(["start", "end", "step"]) {
            if let Some(v) = kwargs.get_item(key)? {
                *slot = Some(v.extract::<Number>()?.0);
                kwargs.del_item(key)?;
            }
        }
    }
    let given: Vec<Number> = bounds.extract()?;
    let (first, second, third) = match given.as_slice() {
        [] => (None, None, None),
        [end] if named[1].is_none() => (None, Some(end.0), None),
        [start] => (Some(start.0), None, None),
        [start, end] => (Some(start.0), Some(end.0), None),
        [start, end, step] => (Some(start.0), Some(end.0), Some(step.0)),
        more => {
            return Err(PyTypeError::new_err(format!(
                "arange() takes at most 3 positional arguments but {} were given",
                more.len()
            )));
        }
    };
    let options = Options::fresh("arange", kwargs)?;
    let end = second
        .or(named[1])
        .ok_or_else(|| PyTypeError::new_err("arange() missing 1 required positional argument: 'end'"))?;
    let (start, step) =
        (first.or(named[0]).unwrap_or(Scalar::Int(0)), third.or(named[2]).unwrap_or(Scalar::Int(1)));
    let dtype = options.dtype;
    let t = call(py, 0, || Tensor::arange(start, end, step, dtype, false))?;
    options.finish(py, t)
}

/// `start, start + step, …` up to and with `end`.
#[pyfunction]
#[pyo3(signature = (start, end = None, step = None, **kwargs))]
pub fn range<'py>(
    py: Python<'py>,
    start: Number,
    end: Option<Number>,
    step: Option<Number>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let options = Options::fresh("range", kwargs)?;
    let (start, end) = end.map_or((Scalar::Int(0), start.0), |e| (start.0, e.0));
    let step = step.map_or(Scalar::Int(1), |s| s.0);
    let t = call(py, 0, || Tensor::arange(start, end, step, options.dtype, true))?;
    options.finish(py, t)
}

/// The ends and the number of steps of `linspace` and its like; ends may be tensors without dimensions.
fn range_ends(
    op: &str,
    start: &Bound<'_, PyAny>,
    end: &Bound<'_, PyAny>,
    steps: &Bound<'_, PyAny>,
) -> PyResult<(Number, Number, i64)> {
    let rank = |ob: &Bound<'_, PyAny>| ob.cast::<PyTensor>().ok().map(|t| t.get().tensor(ob.py()).rank());
    let ranks = [rank(start), rank(end)];
    if ranks.iter().flatten().any(|&n| n != 0) {
        let found: Vec<String> = ranks
            .iter()
            .zip(["start", "end"])
            .filter_map(|(rank, name)| rank.map(|n| format!("{name} with {n} dimension(s)")))
            .collect();
        return Err(raise(tensorrs_core::runtime!(
            "{op} only supports 0-dimensional start and end tensors, but got {}.",
            found.join(" and ")
        )));
    }
    let refused = || {
        PyTypeError::new_err(format!(
            "{op}() received an invalid combination of arguments - got ({}, {}, {}), but expected one of:\n * (Number start, Number end, int steps, *, Tensor out = None, tensorrs.dtype dtype = None, tensorrs.device device = None, bool pin_memory = False, bool requires_grad = False)\n",
            type_name(start),
            type_name(end),
            type_name(steps)
        ))
    };
    match (start.extract(), end.extract(), steps.extract()) {
        (Ok(start), Ok(end), Ok(steps)) => Ok((start, end, steps)),
        _ => Err(refused()),
    }
}

/// `steps` numbers from `start` to `end`, both included.
#[pyfunction]
#[pyo3(signature = (start, end, steps, **kwargs))]
pub fn linspace<'py>(
    py: Python<'py>,
    start: &Bound<'py, PyAny>,
    end: &Bound<'py, PyAny>,
    steps: &Bound<'py, PyAny>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let options = Options::fresh("linspace", kwargs)?;
    let (start, end, steps) = range_ends("linspace", start, end, steps)?;
    let steps = usize::try_from(steps)
        .map_err(|_| raise(tensorrs_core::runtime!("number of steps must be non-negative")))?;
    let t = call(py, steps, || Tensor::linspace(start.0, end.0, steps, options.dtype))?;
    options.finish(py, t)
}

/// A matrix (n, m), or (n, n), of ones on the diagonal and zeros elsewhere. RuntimeError for a negative size.
#[pyfunction]
#[pyo3(signature = (n, m = None, **kwargs))]
pub fn eye<'py>(
    py: Python<'py>,
    n: i64,
    m: Option<i64>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let options = Options::fresh("eye", kwargs)?;
    let natural = |which: &str, n: i64| {
        usize::try_from(n)
            .map_err(|_| raise(tensorrs_core::runtime!("{which} must be greater or equal to 0, got {n}")))
    };
    let (n, m) = (natural("n", n)?, natural("m", m.unwrap_or(n))?);
    let dtype = options.dtype();
    let t = call(py, n * m, || Tensor::eye(n, m, dtype))?;
    options.finish(py, t)
}

macro_rules! like {
    ($($(#[$doc:meta])* $name:ident, $new:ident, |$layout:ident, $dtype:ident, $device:ident $(, $value:ident)?| $make:expr;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (input, $($value,)? **kwargs))]
        pub fn $name<'py>(py: Python<'py>, input: Arg, $($value: Number,)? kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Py<PyTensor>> {
            let options = Options::parse(stringify!($name), kwargs)?;
            let $layout = input.0.layout().preserved();
            let ($dtype, $device) = (options.dtype.unwrap_or(input.0.dtype()), options.device.unwrap_or(input.0.device()));
            let t = call(py, input.0.numel(), || $make)?;
            options.finish(py, t)
        }
    )*};
}

like! {
    /// Zeros in the shape, dtype and memory order of `input`, unless others are given.
    zeros_like, new_zeros, |layout, dtype, device| Tensor::zeros_on(layout, dtype, device);
    /// Ones in the shape, dtype and memory order of `input`, unless others are given.
    ones_like, new_ones, |layout, dtype, device| Tensor::full_on(layout, Scalar::Int(1), dtype, device);
    /// Memory as it is found, in the shape, dtype and memory order of `input`, unless others are given.
    empty_like, new_empty, |layout, dtype, device| Tensor::empty_on(layout, dtype, device);
    /// `fill_value` in the shape, dtype and memory order of `input`, unless others are given.
    full_like, new_full, |layout, dtype, device, fill_value| Tensor::full_on(layout, fill_value.0, dtype, device);
}

#[pymethods]
impl PyTensor {
    /// Zeros of shape `size`, in this tensor's dtype unless `dtype` is given.
    #[pyo3(signature = (*size, **kwargs))]
    fn new_zeros<'py>(
        &self,
        py: Python<'py>,
        size: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        self.new_filled(py, "new_zeros", sizes("new_zeros", size, kwargs)?, Some(Scalar::Int(0)), kwargs)
    }

    /// Ones of shape `size`, in this tensor's dtype unless `dtype` is given.
    #[pyo3(signature = (*size, **kwargs))]
    fn new_ones<'py>(
        &self,
        py: Python<'py>,
        size: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        self.new_filled(py, "new_ones", sizes("new_ones", size, kwargs)?, Some(Scalar::Int(1)), kwargs)
    }

    /// Memory of shape `size` as it is found, in this tensor's dtype unless `dtype` is given.
    #[pyo3(signature = (*size, **kwargs))]
    fn new_empty<'py>(
        &self,
        py: Python<'py>,
        size: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        self.new_filled(py, "new_empty", sizes("new_empty", size, kwargs)?, None, kwargs)
    }

    /// `fill_value` in the shape `size`, in this tensor's dtype unless `dtype` is given.
    #[pyo3(signature = (size, fill_value, **kwargs))]
    fn new_full<'py>(
        &self,
        py: Python<'py>,
        size: &Bound<'py, PyAny>,
        fill_value: Number,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let size = shape(&varargs(&PyTuple::new(py, [size])?)?)?;
        self.new_filled(py, "new_full", size, Some(fill_value.0), kwargs)
    }
}

impl PyTensor {
    fn new_filled<'py>(
        &self,
        py: Python<'py>,
        op: &str,
        shape: Vec<usize>,
        value: Option<Scalar>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let options = Options::parse(op, kwargs)?;
        let like = self.tensor(py);
        let (layout, dtype) = (Layout::contiguous(&shape), options.dtype.unwrap_or(like.dtype()));
        let device = options.device.unwrap_or(like.device());
        let t = call(py, 0, || match value {
            Some(v) => Tensor::full_on(layout, v, dtype, device),
            None => Tensor::empty_on(layout, dtype, device),
        })?;
        options.finish(py, t)
    }
}
