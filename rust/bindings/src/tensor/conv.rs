//! Convolutions and the windows they look through: functions, not methods.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};
use tensorrs_core::Tensor;
use tensorrs_core::ops::conv::{ConvArgs, Padding};
use tensorrs_core::ops::fold::Blocks;

use smallvec::smallvec;

use crate::args::{Arg, Dims, Ints, type_name};
use crate::border::{PyTensor, run};

/// One number for `R` dimensions, or as many as are given.
pub struct Sizes<const R: usize>(Ints);

impl<'a, 'py, const R: usize> FromPyObject<'a, 'py> for Sizes<R> {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if ob.is_none() {
            return Err(PyTypeError::new_err("must be tuple of ints, not NoneType"));
        }
        let given = ob.extract::<Dims>()?.0;
        Ok(Sizes(if ob.is_instance_of::<PyInt>() { smallvec![given[0]; R] } else { given }))
    }
}

/// A list of numbers; one number alone is refused.
pub struct Whole(Ints);

impl<'a, 'py> FromPyObject<'a, 'py> for Whole {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if ob.is_none() || ob.is_instance_of::<PyInt>() {
            return Err(PyTypeError::new_err(format!("must be tuple of ints, not {}", type_name(&ob))));
        }
        Ok(Whole(ob.extract::<Dims>()?.0))
    }
}

/// `padding=1`, `padding=(1, 2)`, `padding='same'`, `padding='valid'`.
pub enum PaddingArg<const R: usize> {
    Sizes(Ints),
    Same,
    Valid,
}

impl<'a, 'py, const R: usize> FromPyObject<'a, 'py> for PaddingArg<R> {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let Ok(word) = ob.cast::<PyString>() else {
            return ob.extract::<Sizes<R>>().map(|s| PaddingArg::Sizes(s.0)).map_err(|_| {
                PyTypeError::new_err(format!(
                    "padding must be int, tuple of ints or str, not {}",
                    type_name(&ob)
                ))
            });
        };
        match word.to_str()? {
            "same" => Ok(PaddingArg::Same),
            "valid" => Ok(PaddingArg::Valid),
            other => Err(PyRuntimeError::new_err(format!("Invalid padding string: '{other}'"))),
        }
    }
}

impl<const R: usize> PaddingArg<R> {
    fn as_core(&self) -> Padding<'_> {
        match self {
            PaddingArg::Sizes(sizes) => Padding::Sizes(sizes),
            PaddingArg::Same => Padding::Same,
            PaddingArg::Valid => Padding::Valid,
        }
    }
}

/// Multiplications of a convolution, roughly.
fn work(input: &Tensor, weight: &Tensor) -> usize {
    input.numel() * weight.shape().first().copied().unwrap_or(1)
}

macro_rules! convolutions {
    ($($(#[$doc:meta])* $name:ident / $transposed:ident, $rank:literal;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (input, weight, bias = None, stride = Sizes(smallvec![1; $rank]), padding = PaddingArg::Valid,
                            dilation = Sizes(smallvec![1; $rank]), groups = 1))]
        #[allow(clippy::too_many_arguments)]
        pub fn $name(
            py: Python<'_>,
            input: Arg,
            weight: Arg,
            bias: Option<Arg>,
            stride: Sizes<$rank>,
            padding: PaddingArg<$rank>,
            dilation: Sizes<$rank>,
            groups: isize,
        ) -> PyResult<Py<PyTensor>> {
            let args = ConvArgs { stride: &stride.0, padding: padding.as_core(), dilation: &dilation.0, groups };
            let bias = bias.as_ref().map(|b| &b.0);
            run(py, work(&input.0, &weight.0), || input.0.conv($rank, &weight.0, bias, args))
        }

        /// The transposed convolution: the gradient of the other by its input, as a function.
        #[pyfunction]
        #[pyo3(signature = (input, weight, bias = None, stride = Sizes(smallvec![1; $rank]),
                            padding = Sizes(smallvec![0; $rank]), output_padding = Sizes(smallvec![0; $rank]), groups = 1,
                            dilation = Sizes(smallvec![1; $rank])))]
        #[allow(clippy::too_many_arguments)]
        pub fn $transposed(
            py: Python<'_>,
            input: Arg,
            weight: Arg,
            bias: Option<Arg>,
            stride: Sizes<$rank>,
            padding: Sizes<$rank>,
            output_padding: Sizes<$rank>,
            groups: isize,
            dilation: Sizes<$rank>,
        ) -> PyResult<Py<PyTensor>> {
            let padding = Padding::Sizes(&padding.0);
            let args = ConvArgs { stride: &stride.0, padding, dilation: &dilation.0, groups };
            let bias = bias.as_ref().map(|b| &b.0);
            run(py, work(&input.0, &weight.0), || {
                input.0.conv_transpose($rank, &weight.0, bias, args, &output_padding.0)
            })
        }
    )*};
}

convolutions! {
    /// y[n, o] = bias[o] + sum_c weight[o, c] * x[n, c], sliding over (N, C, L) or (C, L); weight: (O, C / groups, k).
    /// L_out = floor((L + 2 padding - dilation (k - 1) - 1) / stride) + 1; `padding` may be "valid" or "same".
    /// RuntimeError where channels or dtypes differ or the kernel is larger than the padded input.
    conv1d / conv_transpose1d, 1;
    /// As `conv1d` over (N, C, H, W) or (C, H, W); weight: (O, C / groups, kH, kW). Each size follows that formula.
    conv2d / conv_transpose2d, 2;
    /// As `conv1d` over (N, C, D, H, W) or (C, D, H, W); weight: (O, C / groups, kD, kH, kW).
    conv3d / conv_transpose3d, 3;
}

/// A convolution, or with `transposed` a transposed one, over as many dimensions as the weight has.
#[pyfunction]
#[pyo3(signature = (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups))]
#[allow(clippy::too_many_arguments)]
pub fn convolution(
    py: Python<'_>,
    input: Arg,
    weight: Arg,
    bias: Option<Arg>,
    stride: Whole,
    padding: Whole,
    dilation: Whole,
    transposed: bool,
    output_padding: Whole,
    groups: isize,
) -> PyResult<Py<PyTensor>> {
    let args =
        ConvArgs { stride: &stride.0, padding: Padding::Sizes(&padding.0), dilation: &dilation.0, groups };
    let bias = bias.as_ref().map(|b| &b.0);
    run(py, work(&input.0, &weight.0), || {
        input.0.convolution(&weight.0, bias, args, transposed, &output_padding.0)
    })
}

/// Convolution of (time, batch, channels) over time with weight (width, channels, channels out).
#[pyfunction]
#[pyo3(signature = (input, weight, bias, pad = 0))]
pub fn conv_tbc(py: Python<'_>, input: Arg, weight: Arg, bias: Arg, pad: isize) -> PyResult<Py<PyTensor>> {
    run(py, work(&input.0, &weight.0), || input.0.conv_tbc(&weight.0, &bias.0, pad))
}

/// Every window of (N, C, H, W) or (C, H, W) as a column.
#[pyfunction]
#[pyo3(signature = (input, kernel_size, dilation = Sizes(smallvec![1; 2]), padding = Sizes(smallvec![0; 2]),
                    stride = Sizes(smallvec![1; 2])))]
pub fn im2col(
    py: Python<'_>,
    input: Arg,
    kernel_size: Sizes<2>,
    dilation: Sizes<2>,
    padding: Sizes<2>,
    stride: Sizes<2>,
) -> PyResult<Py<PyTensor>> {
    let blocks =
        Blocks { kernel: &kernel_size.0, dilation: &dilation.0, padding: &padding.0, stride: &stride.0 };
    run(py, input.0.numel(), || input.0.im2col(blocks))
}

/// The sum of columns back into (N, C, H, W) or (C, H, W).
#[pyfunction]
#[pyo3(signature = (input, output_size, kernel_size, dilation = Sizes(smallvec![1; 2]), padding = Sizes(smallvec![0; 2]),
                    stride = Sizes(smallvec![1; 2])))]
pub fn col2im(
    py: Python<'_>,
    input: Arg,
    output_size: Sizes<2>,
    kernel_size: Sizes<2>,
    dilation: Sizes<2>,
    padding: Sizes<2>,
    stride: Sizes<2>,
) -> PyResult<Py<PyTensor>> {
    let blocks =
        Blocks { kernel: &kernel_size.0, dilation: &dilation.0, padding: &padding.0, stride: &stride.0 };
    run(py, input.0.numel(), || input.0.col2im(&output_size.0, blocks))
}
