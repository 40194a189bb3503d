//! Bags of embeddings: a function, not a method.

use pyo3::prelude::*;
use tensorrs_core::ops::bags::{BagOptions, Together};

use crate::args::Arg;
use crate::border::{PyTensor, raise, run_all};

type Four = (Py<PyTensor>, Py<PyTensor>, Py<PyTensor>, Py<PyTensor>);

/// Rows of `weight` put together in bags: their sums (`mode` 0), means (1) or largest numbers (2). Also the bag of each
/// index, the sizes of the bags, and for the largest numbers their rows.
#[pyfunction]
#[pyo3(signature = (
    weight, indices, offsets, scale_grad_by_freq = false, mode = 0, sparse = false, per_sample_weights = None,
    include_last_offset = false, padding_idx = None
))]
#[allow(clippy::too_many_arguments)]
pub fn embedding_bag(
    py: Python<'_>,
    weight: Arg,
    indices: Arg,
    offsets: Arg,
    scale_grad_by_freq: bool,
    mode: i64,
    sparse: bool,
    per_sample_weights: Option<Arg>,
    include_last_offset: bool,
    padding_idx: Option<i64>,
) -> PyResult<Four> {
    let _ = sparse;
    let how = BagOptions {
        together: Together::from_number(mode).map_err(raise)?,
        scale_grad_by_freq,
        factor: per_sample_weights.as_ref().map(|t| &t.0),
        include_last_offset,
        padding_idx,
    };
    let width = weight.0.shape().last().copied().unwrap_or(1);
    let parts =
        run_all(py, indices.0.numel() * width, || weight.0.embedding_bag(&indices.0, &offsets.0, how))?;
    let [out, bag, sizes, places]: [Py<PyTensor>; 4] = parts
        .try_into()
        .map_err(|_| pyo3::exceptions::PyRuntimeError::new_err("embedding_bag gives four"))?;
    Ok((out, bag, sizes, places))
}
