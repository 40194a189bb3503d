//! Choosing and mixing: `where`, `clamp`, `lerp`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tensorrs_core::{Scalar, Tensor, type_error};

use crate::args::{Arg, Operand};
use crate::border::{PyTensor, raise, run, run_inplace};

/// The bounds of `clamp`: two numbers or two tensors, either of which may be missing.
enum Bounds {
    Numbers(Option<Scalar>, Option<Scalar>),
    Tensors(Option<Tensor>, Option<Tensor>),
}

fn bounds(min: Option<Operand>, max: Option<Operand>) -> PyResult<Bounds> {
    let (min, max) = (min.map(|m| m.0), max.map(|m| m.0));
    let number = |t: &Option<Tensor>| t.as_ref().is_none_or(Tensor::is_wrapped);
    let item = |t: Option<Tensor>| t.map(|t| t.item().map_err(raise)).transpose();
    let zero_dim = |t: &Option<Tensor>| t.as_ref().is_none_or(|t| t.rank() == 0);
    match (number(&min), number(&max)) {
        (true, true) => Ok(Bounds::Numbers(item(min)?, item(max)?)),
        _ if [&min, &max].iter().all(|t| t.as_ref().is_none_or(|t| !t.is_wrapped())) => {
            Ok(Bounds::Tensors(min, max))
        }
        // Next to a number, a zero-dim tensor is one too.
        _ if zero_dim(&min) && zero_dim(&max) => Ok(Bounds::Numbers(item(min)?, item(max)?)),
        _ => Err(raise(type_error!(
            "clamp() received an invalid combination of arguments: min and max must be two tensors or two numbers"
        ))),
    }
}

macro_rules! clamps {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (min = None, max = None))]
            fn $name(&self, py: Python<'_>, min: Option<Operand>, max: Option<Operand>) -> PyResult<Py<PyTensor>> {
                let (x, bounds) = (self.tensor(py), bounds(min, max)?);
                run(py, x.numel(), || match &bounds {
                    Bounds::Numbers(min, max) => x.clamp(*min, *max),
                    Bounds::Tensors(min, max) => x.clamp_tensor(min.as_ref(), max.as_ref()),
                })
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            #[pyo3(signature = (min = None, max = None))]
            fn $inplace<'py>(
                slf: &Bound<'py, Self>,
                min: Option<Operand>,
                max: Option<Operand>,
            ) -> PyResult<Bound<'py, Self>> {
                let bounds = bounds(min, max)?;
                run_inplace(slf, |x| match &bounds {
                    Bounds::Numbers(min, max) => x.clamp_(*min, *max),
                    Bounds::Tensors(min, max) => {
                        min.iter().chain(max).try_for_each(|t| x.check_overlap(&[t]))?;
                        x.inplace(|x| x.clamp_tensor(min.as_ref(), max.as_ref()))
                    }
                })
            })*
        }
    };
}

clamps! {
    /// min(max(x, min), max) for each element; the bounds are numbers or tensors. RuntimeError without any bound.
    clamp, clamp_;
    /// Another name of `clamp`.
    clip, clip_;
}

macro_rules! one_bound {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident, $bound:ident, $number:ident, $tensor:ident, $node:literal;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name(&self, py: Python<'_>, $bound: Operand) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || one_bound!(x, $bound.0, $number, $tensor, $node))
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            fn $inplace<'py>(slf: &Bound<'py, Self>, $bound: Operand) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| {
                    x.check_overlap(&[&$bound.0])?;
                    x.inplace(|x| one_bound!(x, $bound.0, $number, $tensor, $node))
                })
            })*
        }
    };
    ($x:ident, $bound:expr, $number:ident, $tensor:ident, $node:literal) => {
        match $bound.is_wrapped() {
            true => $x.$number($bound.item()?),
            false => $x.$tensor($node, &$bound),
        }
    };
}

one_bound! {
    /// max(x, min) for each element.
    clamp_min, clamp_min_, min, clamp_min, clamp_min_tensor, "ClampMinBackward1";
    /// min(x, max) for each element.
    clamp_max, clamp_max_, max, clamp_max, clamp_max_tensor, "ClampMaxBackward1";
}

#[pymethods]
impl PyTensor {
    /// x + weight * (end - x) for each element; `weight` is a number or a tensor.
    fn lerp(&self, py: Python<'_>, end: Arg, weight: Operand) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || match weight.0.is_wrapped() {
            true => x.lerp(&end.0, weight.0.item()?),
            false => x.lerp_tensor(&end.0, &weight.0),
        })
    }

    /// `lerp`, written into this tensor.
    fn lerp_<'py>(slf: &Bound<'py, Self>, end: Arg, weight: Operand) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| match weight.0.is_wrapped() {
            true => x.lerp_(&end.0, weight.0.item()?),
            false => x.inplace(|x| x.lerp_tensor(&end.0, &weight.0)),
        })
    }

    /// `self` where `condition` is true, `other` elsewhere.
    #[pyo3(name = "where")]
    fn choose(&self, py: Python<'_>, condition: Arg, other: Operand) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || Tensor::choose(&condition.0, &x, &other.0))
    }
}

/// `input` where `condition` is true, `other` elsewhere; of a condition alone, the indices where it is true.
#[pyfunction]
#[pyo3(name = "where", signature = (condition, input = None, other = None, *, out = None))]
pub fn choose<'py>(
    condition: &Bound<'py, PyTensor>,
    input: Option<Operand>,
    other: Option<Operand>,
    out: Option<&Bound<'py, PyTensor>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = condition.py();
    let (Some(a), Some(b)) = (input, other) else {
        let kwargs = PyDict::new(py);
        kwargs.set_item("as_tuple", true)?;
        return condition.call_method("nonzero", (), Some(&kwargs));
    };
    let cond = condition.get().tensor(py);
    let result = run(py, cond.numel(), || Tensor::choose(&cond, &a.0, &b.0))?.into_bound(py);
    match out {
        None => Ok(result.into_any()),
        Some(out) => {
            let result = result.get().tensor(py);
            crate::out::check_exact("where", &out.get().tensor(py), &result)?;
            crate::out::store(out, &result)?;
            Ok(out.clone().into_any())
        }
    }
}
