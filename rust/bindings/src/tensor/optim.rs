//! Steps of optimisers: one call for all parameters.

use pyo3::prelude::*;
use tensorrs_core::Tensor;
use tensorrs_core::backend::nn::{AdamParams, SgdParams};
use tensorrs_core::ops::optim::{self, AdamStates};

use super::join::Tensors;
use crate::args::Arg;
use crate::border::{PyTensor, call, wrap};

fn work(tensors: &[Tensor]) -> usize {
    tensors.iter().map(Tensor::numel).sum()
}

/// One step of stochastic gradient descent; returns the momentum buffers.
#[pyfunction]
#[pyo3(signature = (params, grads, momentum_bufs, lr, momentum = 0.0, dampening = 0.0, weight_decay = 0.0,
                    nesterov = false, maximize = false))]
#[allow(clippy::too_many_arguments)]
pub fn sgd_step(
    py: Python<'_>,
    params: Tensors,
    grads: Tensors,
    momentum_bufs: Vec<Option<Arg>>,
    lr: f64,
    momentum: f64,
    dampening: f64,
    weight_decay: f64,
    nesterov: bool,
    maximize: bool,
) -> PyResult<Vec<Option<Py<PyTensor>>>> {
    let how = SgdParams { lr, momentum, dampening, weight_decay, nesterov, maximize };
    let buffers: Vec<Option<Tensor>> = momentum_bufs.into_iter().map(|b| b.map(|b| b.0)).collect();
    let after = call(py, work(&params.0), || optim::sgd_step(&params.0, &grads.0, &buffers, &how))?;
    after.into_iter().map(|t| t.map(|t| wrap(py, t)).transpose()).collect()
}

/// One step of Adam, or of AdamW where the weight decay is `decoupled`.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn adam_step(
    py: Python<'_>,
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    max_exp_avg_sqs: Tensors,
    state_steps: Tensors,
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    amsgrad: bool,
    maximize: bool,
    decoupled: bool,
) -> PyResult<()> {
    let how = AdamParams { lr, beta1, beta2, eps, weight_decay, maximize, decoupled };
    let states = AdamStates {
        means: &exp_avgs.0,
        squares: &exp_avg_sqs.0,
        max_squares: if amsgrad { &max_exp_avg_sqs.0 } else { &[] },
        steps: &state_steps.0,
    };
    call(py, work(&params.0), || optim::adam_step(&params.0, &grads.0, states, &how))
}
