//! Pooling: functions, not methods.

use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyTuple};
use tensorrs_core::ops::pool::Windows;
use tensorrs_core::runtime;

use crate::args::{Arg, Dims};
use crate::border::{PyTensor, call, raise, run, wrap};

/// The stride of a pool: that of the kernel where none is given.
fn stride(given: Option<Dims>) -> Vec<isize> {
    given.map_or_else(Vec::new, |d| d.0)
}

fn one(n: isize) -> Dims {
    Dims(vec![n])
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
}

/// The mean of each window of (N, C, H, W) or (C, H, W). The padding counts unless `count_include_pad` is False;
/// `divisor_override` replaces the number of elements.
#[pyfunction]
#[pyo3(signature = (input, kernel_size, stride = None, padding = one(0), ceil_mode = false, count_include_pad = true,
                    divisor_override = None))]
#[allow(clippy::too_many_arguments)]
pub fn avg_pool2d(
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
    run(py, input.0.numel(), || input.0.avg_pool2d(windows, count_include_pad, divisor_override))
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
