//! Settings of the process: default dtype, threads, print options; and the promotion table as functions.

use pyo3::prelude::*;
use tensorrs_core::ops::promote;
use tensorrs_core::parallel;
use tensorrs_core::tensor::display::{self, PrintChange};

use crate::args::Operand;
use crate::border::raise;
use crate::types::{DTypeArg, PyDType, dtype};

/// The dtype of new float tensors.
#[pyfunction]
pub fn get_default_dtype(py: Python<'_>) -> PyResult<Py<PyDType>> {
    dtype(py, promote::default_dtype())
}

#[pyfunction]
pub fn set_default_dtype(d: DTypeArg) -> PyResult<()> {
    promote::set_default_dtype(d.0).map_err(raise)
}

/// How many threads large work is shared among.
#[pyfunction]
pub fn get_num_threads() -> usize {
    parallel::num_threads()
}

#[pyfunction]
pub fn set_num_threads(num: isize) -> PyResult<()> {
    if num < 1 {
        return Err(raise(tensorrs_core::runtime!("set_num_threads expects a positive integer")));
    }
    parallel::set_num_threads(num as usize);
    Ok(())
}

/// The dtype in which two dtypes meet.
#[pyfunction]
pub fn promote_types(py: Python<'_>, type1: DTypeArg, type2: DTypeArg) -> PyResult<Py<PyDType>> {
    dtype(py, type1.0.promote(type2.0))
}

/// The dtype in which an op on two tensors or numbers computes.
#[pyfunction]
pub fn result_type(py: Python<'_>, tensor1: Operand, tensor2: Operand) -> PyResult<Py<PyDType>> {
    dtype(py, promote::result_type(&[&tensor1.0, &tensor2.0]))
}

/// Whether a result of dtype `from_` may be written into a tensor of dtype `to`.
#[pyfunction]
pub fn can_cast(from_: DTypeArg, to: DTypeArg) -> bool {
    from_.0.can_cast(to.0)
}

/// precision, threshold, edgeitems, linewidth, sci_mode
#[pyfunction]
pub fn print_options() -> (usize, f64, usize, i64, Option<bool>) {
    let o = display::print_options();
    (o.precision, o.threshold, o.edgeitems, o.linewidth, o.sci_mode)
}

#[pyfunction]
#[pyo3(signature = (precision = None, threshold = None, edgeitems = None, linewidth = None, profile = None, sci_mode = None))]
pub fn set_print_options(
    precision: Option<usize>,
    threshold: Option<f64>,
    edgeitems: Option<usize>,
    linewidth: Option<i64>,
    profile: Option<&str>,
    sci_mode: Option<bool>,
) {
    display::set_print_options(&PrintChange {
        precision,
        threshold,
        edgeitems,
        linewidth,
        profile,
        sci_mode,
    });
}
