//! Functions that join tensors: cat, stack and their kin.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tensorrs_core::Tensor;

use crate::args::{Arg, type_name};
use crate::border::{PyTensor, call, raise};
use crate::out::to_out;

/// A list or tuple of tensors.
pub struct Tensors(pub Vec<Tensor>);

impl<'a, 'py> FromPyObject<'a, 'py> for Tensors {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if ob.is_instance_of::<PyTensor>() {
            return Err(PyTypeError::new_err("must be tuple of Tensors, not Tensor"));
        }
        let mut all = Vec::new();
        for (i, item) in ob
            .try_iter()
            .map_err(|_| PyTypeError::new_err(format!("must be tuple of Tensors, not {}", type_name(&ob))))?
            .enumerate()
        {
            let item = item?;
            let t = item.extract::<Arg>().map_err(|_| {
                PyTypeError::new_err(format!(
                    "expected Tensor as element {i} in argument 0, but got {}",
                    type_name(&item)
                ))
            })?;
            all.push(t.0);
        }
        Ok(Tensors(all))
    }
}

fn work(tensors: &[Tensor]) -> usize {
    tensors.iter().map(Tensor::numel).sum()
}

/// The result, in `out` if there is one; `out` is none of the tensors that are joined.
fn give(
    py: Python<'_>,
    tensors: &Tensors,
    result: Tensor,
    out: Option<&Bound<'_, PyTensor>>,
) -> PyResult<Py<PyTensor>> {
    if let Some(out) = out {
        let out = out.get().tensor(py);
        if tensors.0.iter().any(|t| t.is(&out)) {
            return Err(raise(tensorrs_core::runtime!(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation."
            )));
        }
        out.check_apart(&tensors.0.iter().collect::<Vec<_>>()).map_err(raise)?;
    }
    to_out(py, result, out)
}

macro_rules! joins {
    ($($(#[$doc:meta])* $name:ident, $join:ident;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (tensors, dim = 0, *, axis = None, out = None))]
        pub fn $name(
            py: Python<'_>,
            tensors: Tensors,
            dim: isize,
            axis: Option<isize>,
            out: Option<&Bound<'_, PyTensor>>,
        ) -> PyResult<Py<PyTensor>> {
            let dim = axis.unwrap_or(dim);
            let result = call(py, work(&tensors.0), || Tensor::$join(&tensors.0, dim))?;
            give(py, &tensors, result, out)
        }
    )*};
}

joins! {
    /// Tensors one after another along `dim`; their other sizes are equal. Dtypes are promoted.
    /// RuntimeError where shapes differ; an empty vector is left out.
    cat, cat;
    /// Another name of `cat`.
    concat, cat;
    /// Another name of `cat`.
    concatenate, cat;
    /// k tensors of one shape along a new dimension `dim` of size k. RuntimeError where shapes differ.
    stack, stack;
}

macro_rules! numpy_joins {
    ($($(#[$doc:meta])* $name:ident, |$t:ident| $prepare:expr, $dim:expr;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (tensors, *, out = None))]
        pub fn $name(py: Python<'_>, tensors: Tensors, out: Option<&Bound<'_, PyTensor>>) -> PyResult<Py<PyTensor>> {
            let result = call(py, work(&tensors.0), || {
                if tensors.0.is_empty() {
                    let name = stringify!($name);
                    return Err(tensorrs_core::runtime!("{name} expects a non-empty TensorList"));
                }
                let parts: Vec<Tensor> = tensors.0.iter().map(|$t| $prepare).collect::<tensorrs_core::Result<_>>()?;
                let dim: fn(&[Tensor]) -> isize = $dim;
                Tensor::cat(&parts, dim(&parts))
            })?;
            give(py, &tensors, result, out)
        }
    )*};
}

numpy_joins! {
    /// Side by side: along the second dimension, or the first of vectors.
    hstack, |t| if t.rank() == 0 { t.reshape(&[1]) } else { Ok(t.clone()) }, |p| isize::from(p.first().is_some_and(|t| t.rank() > 1));
    /// On top of each other: vectors become rows.
    vstack, |t| t.at_least_2d(), |_| 0;
    /// Another name of `vstack`.
    row_stack, |t| t.at_least_2d(), |_| 0;
    /// `cat` along dimension 2; (n) becomes (1, n, 1) and (n, m) becomes (n, m, 1).
    dstack, |t| t.at_least_3d(), |_| 2;
    /// `cat` along dimension 1; vectors (n) become columns (n, 1).
    column_stack, |t| if t.rank() <= 1 { t.reshape(&[t.numel(), 1]) } else { Ok(t.clone()) }, |_| 1;
}
