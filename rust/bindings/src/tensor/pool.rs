//! Pooling: functions, not methods.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyTuple};
use tensorrs_core::Tensor;
use tensorrs_core::ops::pool::Windows;
use tensorrs_core::runtime;

use smallvec::smallvec;

use crate::args::{Arg, Dims, Ints};
use crate::border::{PyTensor, call, raise, run, wrap};

/// The stride of a pool: that of the kernel where none is given.
fn stride(given: Option<Dims>) -> Ints {
    given.unwrap_or_default().0
}

fn one(n: isize) -> Dims {
    Dims(smallvec![n])
}

macro_rules! max_pools {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (input, kernel_size, stride = None, padding = one(0), dilation = one(1), ceil_mode = false))]
        pub fn $name(
            py: Python<'_>,
            input: Arg,
            kernel_size: Dims,
            stride: Option<Dims>,
            padding: Dims,
            dilation: Dims,
            ceil_mode: bool,
        ) -> PyResult<Py<PyTensor>> {
            let stride = self::stride(stride);
            let windows = Windows {
                kernel: &kernel_size.0,
                stride: &stride,
                padding: &padding.0,
                dilation: &dilation.0,
                ceil: ceil_mode,
            };
            run(py, input.0.numel(), || input.0.$name(windows))
        }
    )*};
}

max_pools! {
    /// The greatest value of each window of (N, C, L) or (C, L).
    max_pool1d;
    /// The greatest value of each window of (N, C, H, W) or (C, H, W).
    max_pool2d;
    /// The greatest value of each window of (N, C, D, H, W) or (C, D, H, W).
    max_pool3d;
}

macro_rules! max_pools_with_indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (input, kernel_size, stride = None, padding = one(0), dilation = one(1), ceil_mode = false))]
        pub fn $name(
            py: Python<'_>,
            input: Arg,
            kernel_size: Dims,
            stride: Option<Dims>,
            padding: Dims,
            dilation: Dims,
            ceil_mode: bool,
        ) -> PyResult<(Py<PyTensor>, Py<PyTensor>)> {
            let stride = self::stride(stride);
            let windows = Windows {
                kernel: &kernel_size.0,
                stride: &stride,
                padding: &padding.0,
                dilation: &dilation.0,
                ceil: ceil_mode,
            };
            let (out, places) = call(py, input.0.numel(), || input.0.$name(windows))?;
            Ok((wrap(py, out)?, wrap(py, places)?))
        }
    )*};
}

max_pools_with_indices! {
    /// The greatest value of each window, and where it stands in its row.
    max_pool1d_with_indices;
    /// The greatest value of each window, and where it stands in its plane, counted row by row.
    max_pool2d_with_indices;
    /// The greatest value of each window, and where it stands in its volume, counted row by row, plane by plane.
    max_pool3d_with_indices;
}

macro_rules! avg_pools {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (input, kernel_size, stride = None, padding = one(0), ceil_mode = false,
                            count_include_pad = true, divisor_override = None))]
        #[allow(clippy::too_many_arguments)]
        pub fn $name(
            py: Python<'_>,
            input: Arg,
            kernel_size: Dims,
            stride: Option<Dims>,
            padding: Dims,
            ceil_mode: bool,
            count_include_pad: bool,
            divisor_override: Option<i64>,
        ) -> PyResult<Py<PyTensor>> {
            let stride = self::stride(stride);
            let (kernel, padding) = (&kernel_size.0, &padding.0);
            let windows = Windows { kernel, stride: &stride, padding, dilation: &[1], ceil: ceil_mode };
            run(py, input.0.numel(), || input.0.$name(windows, count_include_pad, divisor_override))
        }
    )*};
}

avg_pools! {
    /// The mean of each window of (N, C, H, W) or (C, H, W). The padding counts unless `count_include_pad` is False;
    /// `divisor_override` replaces the number of elements.
    avg_pool2d;
    /// As `avg_pool2d` for (N, C, D, H, W) or (C, D, H, W).
    avg_pool3d;
}

/// The mean of each window of (N, C, L) or (C, L).
#[pyfunction]
#[pyo3(signature = (input, kernel_size, stride = None, padding = one(0), ceil_mode = false, count_include_pad = true))]
pub fn avg_pool1d(
    py: Python<'_>,
    input: Arg,
    kernel_size: Dims,
    stride: Option<Dims>,
    padding: Dims,
    ceil_mode: bool,
    count_include_pad: bool,
) -> PyResult<Py<PyTensor>> {
    let stride = self::stride(stride);
    let (kernel, padding) = (&kernel_size.0, &padding.0);
    let windows = Windows { kernel, stride: &stride, padding, dilation: &[1], ceil: ceil_mode };
    run(py, input.0.numel(), || input.0.avg_pool1d(windows, count_include_pad))
}

/// `3`, `(3, 5)` or `(None, 5)`, where None keeps the size of the input.
pub enum OutputSize {
    Each(Option<isize>),
    These(Vec<Option<isize>>),
}

impl OutputSize {
    fn of(self, dims: usize) -> Vec<Option<isize>> {
        match self {
            OutputSize::Each(n) => vec![n; dims],
            OutputSize::These(sizes) => sizes,
        }
    }

    /// The same where None is not welcome.
    fn known(self, op: &str, dims: usize) -> PyResult<Vec<isize>> {
        let sizes = self.of(dims).into_iter().collect::<Option<Vec<isize>>>();
        sizes.ok_or_else(|| {
            PyTypeError::new_err(format!(
                "{op}(): argument 'output_size' (position 2) must be tuple of ints, not NoneType"
            ))
        })
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for OutputSize {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if ob.is_instance_of::<PyTuple>() || ob.is_instance_of::<PyList>() {
            return Ok(OutputSize::These(ob.try_iter()?.map(|n| n?.extract()).collect::<PyResult<_>>()?));
        }
        if ob.is_none() || ob.is_instance_of::<PyInt>() {
            return Ok(OutputSize::Each(ob.extract()?));
        }
        Ok(OutputSize::Each(Some(ob.extract::<Dims>()?.0[0])))
    }
}

/// Means over windows that are chosen so that the result is `output_size` high and wide.
#[pyfunction]
pub fn adaptive_avg_pool2d(py: Python<'_>, input: Arg, output_size: OutputSize) -> PyResult<Py<PyTensor>> {
    let sizes = output_size.of(2);
    run(py, input.0.numel(), || input.0.adaptive_avg_pool2d(&sizes))
}

/// Means over windows that are chosen so that the result is `output_size` deep, high and wide.
#[pyfunction]
pub fn adaptive_avg_pool3d(py: Python<'_>, input: Arg, output_size: OutputSize) -> PyResult<Py<PyTensor>> {
    let sizes = output_size.of(3);
    run(py, input.0.numel(), || input.0.adaptive_avg_pool3d(&sizes))
}

/// As `adaptive_avg_pool2d` over one dimension.
#[pyfunction]
pub fn adaptive_avg_pool1d(py: Python<'_>, input: Arg, output_size: OutputSize) -> PyResult<Py<PyTensor>> {
    let sizes = output_size.of(1);
    let &[size] = sizes.as_slice() else {
        return Err(raise(runtime!(
            "adaptive_avg_pool1d() argument 'output_size' should contain one int (got {})",
            sizes.len()
        )));
    };
    run(py, input.0.numel(), || input.0.adaptive_avg_pool1d(size))
}

/// Two results.
fn both(py: Python<'_>, (out, places): (Tensor, Tensor)) -> PyResult<(Py<PyTensor>, Py<PyTensor>)> {
    Ok((wrap(py, out)?, wrap(py, places)?))
}

macro_rules! adaptive_max_pools {
    ($($(#[$doc:meta])* $name:ident $axes:literal;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        pub fn $name(py: Python<'_>, input: Arg, output_size: OutputSize) -> PyResult<(Py<PyTensor>, Py<PyTensor>)> {
            let sizes = output_size.known(stringify!($name), $axes)?;
            both(py, call(py, input.0.numel(), || input.0.$name(&sizes))?)
        }
    )*};
}

adaptive_max_pools! {
    /// The greatest value of each of `output_size` parts of (N, C, L) or (C, L), and where it stands in its row.
    adaptive_max_pool1d 1;
    /// The greatest value of each part of (N, C, H, W) or (C, H, W), and where it stands in its plane.
    adaptive_max_pool2d 2;
    /// The greatest value of each part of (N, C, D, H, W) or (C, D, H, W), and where it stands in its volume.
    adaptive_max_pool3d 3;
}

macro_rules! fractional_max_pools {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        pub fn $name(
            py: Python<'_>,
            input: Arg,
            kernel_size: Dims,
            output_size: Dims,
            random_samples: Arg,
        ) -> PyResult<(Py<PyTensor>, Py<PyTensor>)> {
            let (kernel, size) = (&kernel_size.0, &output_size.0);
            both(py, call(py, input.0.numel(), || input.0.$name(kernel, size, &random_samples.0))?)
        }
    )*};
}

fractional_max_pools! {
    /// The greatest value of windows that begin at places drawn with `random_samples`, and where it stands.
    fractional_max_pool2d;
    /// The same over three dimensions.
    fractional_max_pool3d;
}

/// Values at the places `indices` of planes of `output_size`; 0 elsewhere.
#[pyfunction]
pub fn max_unpool2d(py: Python<'_>, input: Arg, indices: Arg, output_size: Dims) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.max_unpool2d(&indices.0, &output_size.0))
}

/// Values at the places `indices` of volumes of `output_size`; 0 elsewhere.
#[pyfunction]
pub fn max_unpool3d(
    py: Python<'_>,
    input: Arg,
    indices: Arg,
    output_size: Dims,
    stride: Dims,
    padding: Dims,
) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.max_unpool3d(&indices.0, &output_size.0, &stride.0, &padding.0))
}
