//! Recurrent layers and attention: functions, not methods.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tensorrs_core::Tensor;
use tensorrs_core::ops::attention::Attention;
use tensorrs_core::ops::recurrent::{Cell, Stack, Weights};

use crate::args::Arg;
use crate::border::{PyTensor, raise, run, run_all};

fn cell(kind: &str) -> PyResult<Cell> {
    match kind {
        "RNN_TANH" => Ok(Cell::Tanh),
        "RNN_RELU" => Ok(Cell::Relu),
        "LSTM" => Ok(Cell::Lstm),
        "GRU" => Ok(Cell::Gru),
        _ => Err(PyValueError::new_err(format!("Unrecognized RNN mode: {kind}"))),
    }
}

fn tensors(args: Vec<Arg>) -> Vec<Tensor> {
    args.into_iter().map(|t| t.0).collect()
}

/// Layers of a recurrent network: output and last states. With `batch_sizes` the input is packed.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn recurrent(
    py: Python<'_>,
    kind: &str,
    input: Arg,
    batch_sizes: Option<Arg>,
    hx: Vec<Arg>,
    params: Vec<Arg>,
    has_biases: bool,
    num_layers: usize,
    dropout: f64,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> PyResult<Vec<Py<PyTensor>>> {
    let stack = Stack {
        cell: cell(kind)?,
        has_biases,
        layers: num_layers,
        dropout,
        train,
        bidirectional,
        source: None,
    };
    let (hx, params) = (tensors(hx), tensors(params));
    let sizes = match batch_sizes {
        Some(sizes) => {
            let sizes =
                sizes.0.to_dtype(tensorrs_core::DType::I64).and_then(|t| t.contiguous()).map_err(raise)?;
            let sizes = sizes.values::<i64>().map_err(raise)?.iter();
            Some(sizes.map(|&n| n.max(0) as usize).collect::<Vec<usize>>())
        }
        None => None,
    };
    let work = input.0.numel() * params.first().map_or(1, |w| w.shape().first().copied().unwrap_or(1));
    run_all(py, work, || match &sizes {
        Some(sizes) => stack.packed(&input.0, sizes, &hx, &params),
        None => stack.padded(&input.0, &hx, &params, batch_first),
    })
}

/// One step of a recurrent cell: the new hidden state, and the new cell state of an LSTM.
#[pyfunction]
#[pyo3(signature = (kind, input, hx, w_ih, w_hh, b_ih = None, b_hh = None))]
#[allow(clippy::too_many_arguments)]
pub fn recurrent_cell(
    py: Python<'_>,
    kind: &str,
    input: Arg,
    hx: Vec<Arg>,
    w_ih: Arg,
    w_hh: Arg,
    b_ih: Option<Arg>,
    b_hh: Option<Arg>,
) -> PyResult<Vec<Py<PyTensor>>> {
    let kind = cell(kind)?;
    let hx = tensors(hx);
    let weights = Weights {
        ih: &w_ih.0,
        hh: &w_hh.0,
        bias_ih: b_ih.as_ref().map(|t| &t.0),
        bias_hh: b_hh.as_ref().map(|t| &t.0),
        proj: None,
        turned: None,
    };
    let h = match (kind, hx.as_slice()) {
        (Cell::Lstm, [h, _]) | (Cell::Tanh | Cell::Relu | Cell::Gru, [h]) => h,
        _ => return Err(raise(tensorrs_core::runtime!("lstm_cell expects two hidden states"))),
    };
    run_all(py, input.0.numel() * w_ih.0.shape().first().copied().unwrap_or(1), || {
        kind.apply(&input.0, h, hx.get(1), weights)
    })
}

/// `softmax(query @ key.T * scale + mask) @ value`; `scale` is `1 / sqrt(features)` unless given.
#[pyfunction]
#[pyo3(signature = (query, key, value, attn_mask = None, dropout_p = 0.0, is_causal = false, *, scale = None, enable_gqa = false))]
#[allow(clippy::too_many_arguments)]
pub fn scaled_dot_product_attention(
    py: Python<'_>,
    query: Arg,
    key: Arg,
    value: Arg,
    attn_mask: Option<Arg>,
    dropout_p: f64,
    is_causal: bool,
    scale: Option<f64>,
    enable_gqa: bool,
) -> PyResult<Py<PyTensor>> {
    let how = Attention {
        mask: attn_mask.as_ref().map(|t| &t.0),
        dropout: dropout_p,
        causal: is_causal,
        scale,
        grouped: enable_gqa,
        source: None,
    };
    run(py, query.0.numel() * key.0.shape().first().copied().unwrap_or(1), || {
        query.0.attention(&key.0, &value.0, how)
    })
}
