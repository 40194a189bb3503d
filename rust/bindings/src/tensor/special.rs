//! `tensorrs.special`: the functions that are no methods of a tensor, by name.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tensorrs_core::ops::special::{ONES, TWOS};

use crate::args::{Arg, Operand, type_name};
use crate::border::{PyTensor, raise, run};
use crate::out::to_out;

fn found<F: Copy>(table: &[(&str, F)], name: &str) -> PyResult<F> {
    let row = table.iter().find(|row| row.0 == name);
    row.map(|row| row.1).ok_or_else(|| PyTypeError::new_err(format!("there is no function {name}")))
}

/// The function `name` of one tensor.
#[pyfunction]
#[pyo3(signature = (name, input, out = None))]
pub fn _special(
    py: Python<'_>,
    name: &str,
    input: Arg,
    out: Option<&Bound<'_, PyTensor>>,
) -> PyResult<Py<PyTensor>> {
    let f = found(ONES, name)?;
    match out {
        None => run(py, input.0.numel(), || f(&input.0)),
        Some(_) => to_out(py, f(&input.0).map_err(raise)?, out),
    }
}

/// The function `name` of two tensors, or of a tensor and a number.
#[pyfunction]
#[pyo3(signature = (name, input, other, out = None))]
pub fn _special_pair(
    py: Python<'_>,
    name: &str,
    input: &Bound<'_, PyAny>,
    other: &Bound<'_, PyAny>,
    out: Option<&Bound<'_, PyTensor>>,
) -> PyResult<Py<PyTensor>> {
    let f = found(TWOS, name)?;
    if !input.is_instance_of::<PyTensor>() && !other.is_instance_of::<PyTensor>() {
        return Err(PyTypeError::new_err(format!(
            "special_{name}() received an invalid combination of arguments - got ({}, {}), but expected a Tensor among them",
            type_name(input),
            type_name(other)
        )));
    }
    let (a, b) = (input.extract::<Operand>()?.0, other.extract::<Operand>()?.0);
    match out {
        None => run(py, a.numel().max(b.numel()), || f(&a, &b)),
        Some(_) => to_out(py, f(&a, &b).map_err(raise)?, out),
    }
}
