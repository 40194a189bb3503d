//! Settings of the process: default dtype, threads, print options; and the promotion table as functions.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString};
use tensorrs_core::ops::conv::{self, Precision};
use tensorrs_core::ops::promote;
use tensorrs_core::parallel;
use tensorrs_core::simd::{self, Level};
use tensorrs_core::tensor::display::{self, PrintChange};

use crate::args::{Operand, type_name};
use crate::border::raise;
use crate::types::{DTypeArg, PyDType, dtype};

/// The dtype of new float tensors.
#[pyfunction]
pub fn get_default_dtype(py: Python<'_>) -> PyResult<Py<PyDType>> {
    dtype(py, promote::default_dtype())
}

/// The dtype of floats that are given none: from now on `d`. TypeError unless it is a float type.
#[pyfunction]
pub fn set_default_dtype(d: &Bound<'_, PyAny>) -> PyResult<()> {
    match d.cast::<PyDType>() {
        Ok(d) => promote::set_default_dtype(d.get().0).map_err(raise),
        Err(_) => Err(PyTypeError::new_err(
            "invalid dtype object: only floating-point types are supported as the default type",
        )),
    }
}

/// A number of threads as PyTorch checks it.
fn threads(function: &str, num: &Bound<'_, PyAny>) -> PyResult<usize> {
    if !num.is_instance_of::<PyInt>() || num.is_instance_of::<PyBool>() {
        return Err(raise(tensorrs_core::runtime!("{function} expects an int, but got {}", type_name(num))));
    }
    match num.extract::<isize>()? {
        n if n < 1 => Err(raise(tensorrs_core::runtime!("{function} expects a positive integer"))),
        n => Ok(n as usize),
    }
}

/// How many threads large work is shared among.
#[pyfunction]
pub fn get_num_threads() -> usize {
    parallel::num_threads()
}

/// How many threads compute one operation. RuntimeError for a number below 1.
#[pyfunction]
pub fn set_num_threads(num: &Bound<'_, PyAny>) -> PyResult<()> {
    parallel::set_num_threads(threads("set_num_threads", num)?);
    Ok(())
}

/// Ops run one after the other here, so this number is only kept for those who ask; 0 is "not set".
static INTEROP: AtomicUsize = AtomicUsize::new(0);

/// How many tasks run side by side; PyTorch's setting, which changes nothing here.
#[pyfunction]
pub fn get_num_interop_threads() -> usize {
    match INTEROP.load(Ordering::Relaxed) {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        n => n,
    }
}

/// Remember a number for `get_num_interop_threads`. RuntimeError for one below 1.
#[pyfunction]
pub fn set_num_interop_threads(num: &Bound<'_, PyAny>) -> PyResult<()> {
    INTEROP.store(threads("set_num_interop_threads", num)?, Ordering::Relaxed);
    Ok(())
}

/// What `set_conv_precision` has set: "highest", "high" or "medium".
#[pyfunction]
pub fn get_conv_precision() -> &'static str {
    conv::precision().name()
}

/// How exact convolutions are, on all threads: "highest", "high" (the default) or "medium"; RuntimeError for anything
/// else. It is about 3 x 3 convolutions with stride 1 of one group, and the gradients of their inputs and weights, which
/// minimal filtering computes with fewer products (Lavin and Gray, arXiv 1509.09308). "highest": sums of products only,
/// an error of up to 9e-7 of the largest output. "high": F(2x2, 3x3) where it wins, in half to 0.8 of the time; the same
/// error within twice, whole numbers stay whole. "medium": for float32 F(4x4, 3x3) too where it wins, in another 0.65 to
/// 0.85 of the time (from 96 tiles of 4 x 4 outputs on), but not for the weights; an error of up to 4e-6.
#[pyfunction]
pub fn set_conv_precision(mode: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(name) = mode.cast::<PyString>() else {
        let got = type_name(mode);
        return Err(raise(tensorrs_core::runtime!("set_conv_precision expects a str, but got {got}")));
    };
    let name = name.to_string_lossy();
    match Precision::ALL.into_iter().find(|p| p.name() == name) {
        Some(precision) => conv::set_precision(precision),
        None => {
            return Err(raise(tensorrs_core::runtime!(
                "{name} is not one of 'highest', 'high', or 'medium'; the current setConvPrecision call has no effect."
            )));
        }
    }
    Ok(())
}

/// The smallest dtype of the higher kind (bool < integer < float) that holds both; uint8 and a signed one meet in
/// int16 or more.
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

/// How tensors are printed: what is None stays, a `profile` ("default", "short", "full") comes first.
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

/// The widest vector instructions the kernels use: "DEFAULT", "AVX2", "AVX512" or "NEON".
#[pyfunction]
pub fn get_cpu_capability() -> &'static str {
    match simd::level() {
        Level::Baseline => "DEFAULT",
        Level::Avx2 => "AVX2",
        Level::Avx512 => "AVX512",
        Level::Neon => "NEON",
    }
}
