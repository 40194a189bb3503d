//! Largest and smallest elements, and where they are.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt};
use tensorrs_core::{Result, Tensor};

use crate::args::{Arg, Dims, type_name};
use crate::border::{PyTensor, call, run, wrap};
use crate::types::named;

/// A result of two tensors as the named tuple of the op.
pub fn pair<'py>(
    py: Python<'py>,
    name: &str,
    size: usize,
    f: impl FnOnce() -> Result<(Tensor, Tensor)> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let (a, b) = call(py, size, f)?;
    named(py, name, vec![wrap(py, a)?, wrap(py, b)?])
}

/// The first argument of `max` and `min`: a dim, or another tensor to compare with.
pub enum Which {
    Dim(isize),
    Other(Tensor),
}

fn which(name: &str, ob: &Bound<'_, PyAny>) -> PyResult<Which> {
    if let Ok(other) = ob.extract::<Arg>() {
        return Ok(Which::Other(other.0));
    }
    if ob.is_instance_of::<PyInt>() && !ob.is_instance_of::<PyBool>() {
        return ob.extract().map(Which::Dim);
    }
    Err(PyTypeError::new_err(format!(
        "{name}() received an invalid combination of arguments - got ({}), but expected one of:\n * ()\n * (Tensor other)\n * (int dim, bool keepdim = False)\n",
        type_name(ob)
    )))
}

macro_rules! extremes {
    ($($(#[$doc:meta])* $name:ident, $all:ident, $dim:ident, $two:ident, $flat:ident, $arg:ident, $which:literal;)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                $(#[$doc])*
                #[pyo3(signature = (dim = None, keepdim = false, *, other = None))]
                fn $name<'py>(
                    &self,
                    py: Python<'py>,
                    dim: Option<&Bound<'py, PyAny>>,
                    keepdim: bool,
                    other: Option<Arg>,
                ) -> PyResult<Bound<'py, PyAny>> {
                    let x = self.tensor(py);
                    let given = dim.map(|d| which(stringify!($name), d)).transpose()?;
                    let one = match (given, other) {
                        (Some(Which::Dim(d)), _) => {
                            return pair(py, stringify!($name), x.numel(), || x.$dim(d, keepdim));
                        }
                        (Some(Which::Other(other)), _) | (None, Some(Arg(other))) => {
                            run(py, x.numel(), || x.$two(&other))?
                        }
                        (None, None) => run(py, x.numel(), || x.$all())?,
                    };
                    Ok(one.into_bound(py).into_any())
                }

                #[doc = concat!("The ", $which, " element, of all or over one or several `dim`; equal ones share the gradient.")]
                #[pyo3(signature = (dim = None, keepdim = false))]
                fn $flat(&self, py: Python<'_>, dim: Option<Dims>, keepdim: bool) -> PyResult<Py<PyTensor>> {
                    let x = self.tensor(py);
                    run(py, x.numel(), || x.$flat(&dim.unwrap_or_default().0, keepdim))
                }

                #[doc = concat!("The index of the ", $which, " element along `dim`, int64; without `dim` in the flattened tensor.")]
                #[pyo3(signature = (dim = None, keepdim = false))]
                fn $arg(&self, py: Python<'_>, dim: Option<isize>, keepdim: bool) -> PyResult<Py<PyTensor>> {
                    let x = self.tensor(py);
                    run(py, x.numel(), || x.$arg(dim, keepdim))
                }
            )*
        }
    };
}
extremes! {
    /// max(): the greatest element. max(dim): (values, indices) along `dim`. max(other): the greater of each pair.
    /// Any nan is the greatest. The gradient of equal elements is shared by `max()`. RuntimeError for no elements.
    max, max_all, max_dim, maximum, amax, argmax, "greatest";
    /// min(): the smallest element. min(dim): (values, indices) along `dim`. min(other): the smaller of each pair.
    /// Any nan is the smallest. The gradient of equal elements is shared by `min()`. RuntimeError for no elements.
    min, min_all, min_dim, minimum, amin, argmin, "smallest";
}

#[pymethods]
impl PyTensor {
    /// (min, max): the smallest and the greatest element, of all or along `dim`.
    #[pyo3(signature = (*, dim = None, keepdim = false))]
    fn aminmax<'py>(
        &self,
        py: Python<'py>,
        dim: Option<isize>,
        keepdim: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        pair(py, "aminmax", x.numel(), || x.aminmax(dim, keepdim))
    }
}
