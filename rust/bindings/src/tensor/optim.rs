//! Steps of optimisers: one call for all parameters.

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tensorrs_core::Tensor;
use tensorrs_core::backend::nn::{AdamParams, Rule, RuleParams, SgdParams};
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

/// One step of the elementwise optimiser `rule` with the options of a parameter group. `state` and `numbers` are
/// what it keeps: lists of tensors, as long as `params`.
#[pyfunction]
pub fn rule_step(
    py: Python<'_>,
    rule: &str,
    group: &Bound<'_, PyDict>,
    params: Tensors,
    grads: Tensors,
    state: Vec<Tensors>,
    numbers: Vec<Tensors>,
) -> PyResult<()> {
    let how = rule_params(rule, group)?;
    let lists = |of: Vec<Tensors>| of.into_iter().map(|t| t.0).collect::<Vec<_>>();
    let (state, numbers) = (lists(state), lists(numbers));
    call(py, work(&params.0), || optim::rule_step(&params.0, &grads.0, &state, &numbers, &how))
}

/// The options of a parameter group, by the names they have there.
fn rule_params(rule: &str, group: &Bound<'_, PyDict>) -> PyResult<RuleParams> {
    let missing = |key: &str| PyKeyError::new_err(key.to_owned());
    let get = |key: &str| group.get_item(key)?.ok_or_else(|| missing(key));
    let number = |key: &str| get(key)?.extract::<f64>();
    let pair = |key: &str| {
        let pair = get(key)?;
        PyResult::Ok((pair.get_item(0)?.extract::<f64>()?, pair.get_item(1)?.extract::<f64>()?))
    };
    let flag = |key: &str| group.get_item(key)?.map_or(Ok(false), |x| x.is_truthy());
    let rule = match rule {
        "rmsprop" => Rule::RmsProp {
            alpha: number("alpha")?,
            eps: number("eps")?,
            momentum: number("momentum")?,
            centered: flag("centered")?,
        },
        "adagrad" => Rule::Adagrad { lr_decay: number("lr_decay")?, eps: number("eps")? },
        "adadelta" => Rule::Adadelta { rho: number("rho")?, eps: number("eps")? },
        "adamax" | "nadam" | "radam" => {
            let ((beta1, beta2), eps) = (pair("betas")?, number("eps")?);
            match rule {
                "adamax" => Rule::Adamax { beta1, beta2, eps },
                "radam" => Rule::RAdam { beta1, beta2, eps },
                _ => Rule::NAdam { beta1, beta2, eps, momentum_decay: number("momentum_decay")? },
            }
        }
        "rprop" => {
            let ((eta_minus, eta_plus), (smallest, largest)) = (pair("etas")?, pair("step_sizes")?);
            Rule::Rprop { eta_minus, eta_plus, smallest, largest }
        }
        "asgd" => Rule::Asgd { lambd: number("lambd")?, alpha: number("alpha")?, t0: number("t0")? },
        other => return Err(PyValueError::new_err(format!("no elementwise optimiser is called {other:?}"))),
    };
    Ok(RuleParams {
        rule,
        lr: number("lr")?,
        weight_decay: group.get_item("weight_decay")?.map_or(Ok(0.0), |x| x.extract())?,
        decoupled: flag("decoupled_weight_decay")?,
        maximize: flag("maximize")?,
    })
}
