//! Losses with margins, of counts and of unaligned texts: functions, not methods. `reduction` is a number.

use pyo3::prelude::*;
use tensorrs_core::ops::loss::reduction as core_reduction;

use crate::args::{Arg, Dims};
use crate::border::{PyTensor, raise, run};

/// `max(0, -y (x1 - x2) + margin)`
#[pyfunction]
#[pyo3(signature = (input1, input2, target, margin = 0.0, reduction = 1))]
pub fn margin_ranking_loss(
    py: Python<'_>,
    input1: Arg,
    input2: Arg,
    target: Arg,
    margin: f64,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input1.0.numel(), || input1.0.margin_ranking_loss(&input2.0, &target.0, margin, how))
}

/// `x` where y is 1, `max(0, margin - x)` where it is -1.
#[pyfunction]
#[pyo3(signature = (input, target, margin = 1.0, reduction = 1))]
pub fn hinge_embedding_loss(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    margin: f64,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || input.0.hinge_embedding_loss(&target.0, margin, how))
}

/// `1 - cos(x1, x2)` where y is 1, `max(0, cos(x1, x2) - margin)` where it is -1.
#[pyfunction]
#[pyo3(signature = (input1, input2, target, margin = 0.0, reduction = 1))]
pub fn cosine_embedding_loss(
    py: Python<'_>,
    input1: Arg,
    input2: Arg,
    target: Arg,
    margin: f64,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input1.0.numel(), || input1.0.cosine_embedding_loss(&input2.0, &target.0, margin, how))
}

/// `max(0, margin + d(a, p) - d(a, n))`; with `swap` the second distance is at most `d(p, n)`.
#[pyfunction]
#[pyo3(signature = (anchor, positive, negative, margin = 1.0, p = 2.0, eps = 1e-6, swap = false, reduction = 1))]
#[allow(clippy::too_many_arguments)]
pub fn triplet_margin_loss(
    py: Python<'_>,
    anchor: Arg,
    positive: Arg,
    negative: Arg,
    margin: f64,
    p: f64,
    eps: f64,
    swap: bool,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, anchor.0.numel(), || {
        anchor.0.triplet_margin_loss(&positive.0, &negative.0, margin, p, eps, swap, how)
    })
}

/// `exp(x) - y x`, or `x - y ln(x + eps)` if `log_input` is false; `full` adds what depends on y alone.
#[pyfunction]
#[pyo3(signature = (input, target, log_input, full, eps, reduction))]
pub fn poisson_nll_loss(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    log_input: bool,
    full: bool,
    eps: f64,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || input.0.poisson_nll_loss(&target.0, log_input, full, eps, how))
}

/// `ln(1 + exp(-y x))`
#[pyfunction]
#[pyo3(signature = (input, target, reduction = 1))]
pub fn soft_margin_loss(py: Python<'_>, input: Arg, target: Arg, reduction: i64) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || input.0.soft_margin_loss(&target.0, how))
}

/// `sum over j != y of max(0, margin - x[y] + x[j])^p / classes`
#[pyfunction]
#[pyo3(signature = (input, target, p = 1, margin = 1.0, weight = None, reduction = 1))]
pub fn multi_margin_loss(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    p: i64,
    margin: f64,
    weight: Option<Arg>,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    let weight = weight.as_ref().map(|w| &w.0);
    run(py, input.0.numel(), || input.0.multi_margin_loss(&target.0, p, margin, weight, how))
}

/// `sum over the classes y of a sample and the others j of max(0, 1 - x[y] + x[j]) / classes`
#[pyfunction]
#[pyo3(signature = (input, target, reduction = 1))]
pub fn multilabel_margin_loss(
    py: Python<'_>,
    input: Arg,
    target: Arg,
    reduction: i64,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    run(py, input.0.numel(), || input.0.multilabel_margin_loss(&target.0, how))
}

/// Lengths as a tensor of integers or as integers.
fn lengths(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let Ok(t) = given.extract::<Arg>() else {
        return Ok(given.extract::<Dims>()?.0.iter().map(|&n| n as i64).collect());
    };
    t.0.lengths(name).map_err(raise)
}

/// `-ln P(text)` of unaligned texts. Graves et al., ICML 2006.
#[pyfunction]
#[pyo3(signature = (log_probs, targets, input_lengths, target_lengths, blank = 0, reduction = 1, zero_infinity = false))]
#[allow(clippy::too_many_arguments)]
pub fn ctc_loss(
    py: Python<'_>,
    log_probs: Arg,
    targets: Arg,
    input_lengths: &Bound<'_, PyAny>,
    target_lengths: &Bound<'_, PyAny>,
    blank: i64,
    reduction: i64,
    zero_infinity: bool,
) -> PyResult<Py<PyTensor>> {
    let how = core_reduction(reduction).map_err(raise)?;
    let times = lengths("input_lengths", input_lengths)?;
    let counts = lengths("target_lengths", target_lengths)?;
    run(py, log_probs.0.numel(), || {
        log_probs.0.ctc_loss(&targets.0, &times, &counts, blank, how, zero_infinity)
    })
}
