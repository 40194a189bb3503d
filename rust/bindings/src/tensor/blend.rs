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
    match (number(&min), number(&max)) {
        (true, true) => Ok(Bounds::Numbers(item(min)?, item(max)?)),
        _ if [&min, &max].iter().all(|t| t.as_ref().is_none_or(|t| !t.is_wrapped())) => {
            Ok(Bounds::Tensors(min, max))
        }
        _ => Err(raise(type_error!(
            "clamp() received an invalid combination of arguments: min and max must be two tensors or two numbers"
        ))),
    }
}

macro_rules! clamps {
    ($($name:ident, $inplace:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(#[pyo3(signature = (min = None, max = None))]
            fn $name(&self, py: Python<'_>, min: Option<Operand>, max: Option<Operand>) -> PyResult<Py<PyTensor>> {
                let (x, bounds) = (self.tensor(py), bounds(min, max)?);
                run(py, x.numel(), || match &bounds {
                    Bounds::Numbers(min, max) => x.clamp(*min, *max),
                    Bounds::Tensors(min, max) => x.clamp_tensor(min.as_ref(), max.as_ref()),
                })
            }

            #[pyo3(signature = (min = None, max = None))]
            fn $inplace<'py>(
                slf: &Bound<'py, Self>,
                min: Option<Operand>,
                max: Option<Operand>,
            ) -> PyResult<Bound<'py, Self>> {
                let bounds = bounds(min, max)?;
                run_inplace(slf, |x| match &bounds {
                    Bounds::Numbers(min, max) => x.clamp_(*min, *max),
                    Bounds::Tensors(min, max) => x.inplace(|x| x.clamp_tensor(min.as_ref(), max.as_ref())),
                })
            })*

            fn clamp_min(&self, py: Python<'_>, min: Operand) -> PyResult<Py<PyTensor>> {
                self.clamp(py, Some(min), None)
            }

            fn clamp_min_<'py>(slf: &Bound<'py, Self>, min: Operand) -> PyResult<Bound<'py, Self>> {
                PyTensor::clamp_(slf, Some(min), None)
            }

            fn clamp_max(&self, py: Python<'_>, max: Operand) -> PyResult<Py<PyTensor>> {
                self.clamp(py, None, Some(max))
            }

            fn clamp_max_<'py>(slf: &Bound<'py, Self>, max: Operand) -> PyResult<Bound<'py, Self>> {
                PyTensor::clamp_(slf, None, Some(max))
            }
        }
    };
}

clamps! { clamp, clamp_; clip, clip_; }

#[pymethods]
impl PyTensor {
    fn lerp(&self, py: Python<'_>, end: Arg, weight: Operand) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || match weight.0.is_wrapped() {
            true => x.lerp(&end.0, weight.0.item()?),
            false => x.lerp_tensor(&end.0, &weight.0),
        })
    }

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
            crate::function::store(out, &result.get().tensor(py))?;
            Ok(out.clone().into_any())
        }
    }
}
