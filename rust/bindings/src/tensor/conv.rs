//! Convolutions: functions, not methods.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};
use tensorrs_core::Tensor;
use tensorrs_core::ops::conv::{ConvArgs, Padding};

use crate::args::{Arg, Dims, type_name};
use crate::border::{PyTensor, run};

/// One number for `R` dimensions, or as many as are given.
pub struct Sizes<const R: usize>(Vec<isize>);

impl<'a, 'py, const R: usize> FromPyObject<'a, 'py> for Sizes<R> {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if ob.is_none() {
            return Err(PyTypeError::new_err("must be tuple of ints, not NoneType"));
        }
        let given = ob.extract::<Dims>()?.0;
        Ok(Sizes(if ob.is_instance_of::<PyInt>() { vec![given[0]; R] } else { given }))
    }
}

/// `padding=1`, `padding=(1, 2)`, `padding='same'`, `padding='valid'`.
pub enum PaddingArg<const R: usize> {
    Sizes(Vec<isize>),
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
        #[pyo3(signature = (input, weight, bias = None, stride = Sizes(vec![1; $rank]), padding = PaddingArg::Valid,
                            dilation = Sizes(vec![1; $rank]), groups = 1))]
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
        #[pyo3(signature = (input, weight, bias = None, stride = Sizes(vec![1; $rank]),
                            padding = Sizes(vec![0; $rank]), output_padding = Sizes(vec![0; $rank]), groups = 1,
                            dilation = Sizes(vec![1; $rank])))]
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
    /// Convolution over (N, C, L) or (C, L).
    conv1d / conv_transpose1d, 1;
    /// Convolution over (N, C, H, W) or (C, H, W).
    conv2d / conv_transpose2d, 2;
}
