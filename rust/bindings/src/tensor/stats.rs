//! Variances, norms, logarithms of sums of exponentials.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString, PyTuple};

use crate::args::{Arg, Dims, Ints, Number};
use crate::border::{PyTensor, raise, run, run_all};
use crate::tensor::reduce::over;
use crate::types::DTypeArg;

/// The arguments of `var` and `std`, written in one of three ways: `(dim, unbiased, keepdim)`,
/// `(dim, *, correction, keepdim)`, `(unbiased)`.
fn sample(
    name: &str,
    dim: Option<&Bound<'_, PyAny>>,
    unbiased: Option<bool>,
    correction: Option<Number>,
) -> PyResult<(Ints, f64)> {
    if unbiased.is_some() && correction.is_some() {
        return Err(PyTypeError::new_err(format!(
            "{name}() received an invalid combination of arguments - got both unbiased and correction"
        )));
    }
    let mut unbiased = unbiased;
    let dims = match dim {
        Some(d) if d.is_instance_of::<PyBool>() => {
            unbiased = Some(d.extract()?);
            Ints::new()
        }
        Some(d) if !d.is_none() => d.extract::<Dims>()?.0,
        _ => Ints::new(),
    };
    let correction = match (unbiased, correction) {
        (Some(unbiased), _) => f64::from(u8::from(unbiased)),
        (None, Some(c)) => c.0.to_f64(),
        (None, None) => 1.0,
    };
    Ok((dims, correction))
}

macro_rules! spreads {
    (one: $($(#[$doc:meta])* $one:ident),*; two: $($(#[$docs:meta])* $two:ident),*) => {
        #[pymethods]
        impl PyTensor {
            $(
                $(#[$doc])*
                #[pyo3(signature = (dim = None, unbiased = None, keepdim = false, *, correction = None))]
                fn $one(
                    &self,
                    py: Python<'_>,
                    dim: Option<&Bound<'_, PyAny>>,
                    unbiased: Option<bool>,
                    keepdim: bool,
                    correction: Option<Number>,
                ) -> PyResult<Py<PyTensor>> {
                    let x = self.tensor(py);
                    let (dims, correction) = sample(stringify!($one), dim, unbiased, correction)?;
                    run(py, x.numel(), || x.$one(&dims, correction, keepdim))
                }
            )*
            $(
                $(#[$docs])*
                #[pyo3(signature = (dim = None, unbiased = None, keepdim = false, *, correction = None))]
                fn $two<'py>(
                    &self,
                    py: Python<'py>,
                    dim: Option<&Bound<'py, PyAny>>,
                    unbiased: Option<bool>,
                    keepdim: bool,
                    correction: Option<Number>,
                ) -> PyResult<Bound<'py, PyTuple>> {
                    let x = self.tensor(py);
                    let (dims, correction) = sample(stringify!($two), dim, unbiased, correction)?;
                    PyTuple::new(py, run_all(py, x.numel(), || x.$two(&dims, correction, keepdim))?)
                }
            )*
        }
    };
}
spreads! {
    one:
        /// sum (x - mean)^2 / max(0, n - correction) of all elements or over `dim`; `unbiased` is a `correction` of 1 or 0.
        var,
        /// The square root of `var`, with the same arguments.
        std;
    two:
        /// (var, mean), with the arguments of `var`.
        var_mean,
        /// (std, mean), with the arguments of `std`.
        std_mean
}

#[pymethods]
impl PyTensor {
    /// (sum |x|^p)^(1/p) of all elements or over `dim`; `p` a number, inf, -inf, "fro" (p = 2) or "nuc" (singular values).
    #[pyo3(signature = (p = None, dim = None, keepdim = false, dtype = None))]
    fn norm(
        &self,
        py: Python<'_>,
        p: Option<&Bound<'_, PyAny>>,
        dim: Option<Dims>,
        keepdim: bool,
        dtype: Option<DTypeArg>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let order = match p {
            None => 2.0,
            Some(p) => match p.cast::<PyString>() {
                Ok(name) => {
                    let order = matrix_order(name.to_str()?, dim.as_ref())?;
                    if name == "nuc" {
                        let x = dtype.map_or(Ok(x.clone()), |d| x.to_dtype(d.0)).map_err(raise)?;
                        let dims = dim.map_or_else(|| (0..x.rank() as isize).collect(), |d| d.0);
                        return run(py, x.numel(), || x.nuclear_norm(&dims, keepdim));
                    }
                    order
                }
                Err(_) => p.extract::<Number>()?.0.to_f64(),
            },
        };
        let dims = over(dim, x.rank());
        run(py, x.numel(), || x.vector_norm(order, &dims, keepdim, dtype.map(|d| d.0)))
    }

    /// (sum |x - other|^p)^(1/p) over all elements, broadcast.
    #[pyo3(signature = (other, p = Number(tensorrs_core::Scalar::Int(2))))]
    fn dist(&self, py: Python<'_>, other: Arg, p: Number) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.dist(&other.0, p.0.to_f64()))
    }

    /// y[i] = how often i occurs in a vector of integers from 0 on, or the sum of its `weights`; at least `minlength` long.
    #[pyo3(signature = (weights = None, minlength = 0))]
    fn bincount(&self, py: Python<'_>, weights: Option<Arg>, minlength: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.bincount(weights.as_ref().map(|w| &w.0), minlength))
    }

    /// log(sum e^x) over `dim`, without overflow between.
    #[pyo3(signature = (dim, keepdim = false))]
    fn logsumexp(&self, py: Python<'_>, dim: Dims, keepdim: bool) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.logsumexp(&dim.0, keepdim))
    }
}

/// A norm by name: of vectors, the Frobenius norm is the one of order 2.
fn matrix_order(name: &str, dim: Option<&Dims>) -> PyResult<f64> {
    match (name, dim) {
        ("fro" | "nuc", Some(Dims(dims))) if dims.len() > 2 || (name == "nuc" && dims.len() != 2) => {
            let dims: Vec<String> = dims.iter().map(isize::to_string).collect();
            Err(PyRuntimeError::new_err(format!(
                "linalg.matrix_norm: dim must be a 2-tuple. Got {}",
                dims.join(" ")
            )))
        }
        ("fro" | "nuc", _) => Ok(2.0),
        _ => Err(PyRuntimeError::new_err(format!("linalg.matrix_norm: Order {name} not supported."))),
    }
}

/// `linalg.vector_norm`
#[pyfunction]
#[pyo3(signature = (x, ord = Number(tensorrs_core::Scalar::Int(2)), dim = None, keepdim = false, *, dtype = None))]
pub fn linalg_vector_norm(
    py: Python<'_>,
    x: Arg,
    ord: Number,
    dim: Option<Dims>,
    keepdim: bool,
    dtype: Option<DTypeArg>,
) -> PyResult<Py<PyTensor>> {
    let x = x.0;
    let dims = over(dim, x.rank());
    run(py, x.numel(), || x.vector_norm(ord.0.to_f64(), &dims, keepdim, dtype.map(|d| d.0)))
}
