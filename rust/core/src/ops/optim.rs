//! Steps of optimisers: every parameter is read and written once, in place, without history.

use crate::backend::backend;
use crate::backend::nn::{AdamParams, AdamStep, RuleParams, RuleStep, SgdParams, SgdStep};
use crate::dtype::DType;
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::promote::check_devices;
use crate::runtime;
use crate::storage::Device;
use crate::tensor::{Scalar, Tensor};

/// A tensor as one run of elements: itself seen flat, or a copy that is written back.
struct Flat {
    run: Tensor,
    back: Option<Tensor>,
}

impl Flat {
    fn new(t: &Tensor, as_it_lies: bool) -> Result<Flat> {
        if as_it_lies {
            let flat = Layout { offset: t.layout().offset, ..Layout::contiguous(&[t.numel()]) };
            return Ok(Flat { run: t.alias(flat), back: None });
        }
        let copy = t.copied(t.dtype(), Layout::contiguous(t.shape()))?;
        Ok(Flat { run: copy.alias(Layout::contiguous(&[t.numel()])), back: Some(t.clone()) })
    }

    fn finish(&self) -> Result<()> {
        match &self.back {
            Some(t) => t.write(&self.run.alias(Layout::contiguous(t.shape()))),
            None => Ok(()),
        }
    }
}

/// Whether all lie in memory without gaps and in the same order.
fn alike(p: &Tensor, others: &[&Tensor]) -> bool {
    let same =
        |t: &&Tensor| t.layout().strides == p.layout().strides || t.is_contiguous() && p.is_contiguous();
    p.layout().is_dense() && others.iter().all(same)
}

/// Whether a state is one of this parameter.
fn fits(p: &Tensor, t: &Tensor) -> bool {
    (t.dtype(), t.device(), t.shape()) == (p.dtype(), p.device(), p.shape())
}

/// The gradient in the dtype of its parameter.
fn matched(p: &Tensor, g: &Tensor) -> Result<Tensor> {
    if p.shape() != g.shape() {
        return Err(runtime!(
            "The size of tensor a ({}) must match the size of tensor b ({})",
            p.numel(),
            g.numel()
        ));
    }
    check_devices(p.device(), [g.device()])?;
    p.check_inplace()?;
    g.cast_data(p.dtype())
}

/// One step of stochastic gradient descent. Returns the momentum buffers, new ones for those that were `None`.
pub fn sgd_step(
    params: &[Tensor],
    grads: &[Tensor],
    buffers: &[Option<Tensor>],
    how: &SgdParams,
) -> Result<Vec<Option<Tensor>>> {
    if grads.len() != params.len() || buffers.len() != params.len() {
        return Err(runtime!("sgd_step: {} parameters, {} gradients", params.len(), grads.len()));
    }
    let mut held = Vec::with_capacity(params.len());
    let mut after = Vec::with_capacity(params.len());
    for ((p, g), buffer) in params.iter().zip(grads).zip(buffers) {
        let g = matched(p, g)?;
        let first = buffer.is_none();
        let buffer = match buffer {
            _ if how.momentum == 0.0 => None,
            Some(b) => Some(b.clone()),
            None => Some(p.detach_alias().empty_like()?),
        };
        let others: Vec<&Tensor> = [&g].into_iter().chain(&buffer).collect();
        let lie = alike(p, &others);
        let buf = buffer.as_ref().map(|b| Flat::new(b, lie)).transpose()?;
        held.push((Flat::new(p, lie)?, Flat::new(&g, lie)?, buf, first));
        after.push(buffer);
    }
    let steps: Vec<SgdStep> = held
        .iter()
        .map(|(p, g, buf, first)| SgdStep {
            p: p.run.raw(),
            g: g.run.raw(),
            buf: buf.as_ref().map(|b| b.run.raw()),
            first: *first,
        })
        .collect();
    backend(device(params)).sgd(&steps, how)?;
    for (p, _, buf, _) in &held {
        p.finish()?;
        buf.as_ref().map_or(Ok(()), Flat::finish)?;
    }
    params.iter().chain(after.iter().flatten()).for_each(|t| t.storage().bump());
    Ok(after)
}

fn device(params: &[Tensor]) -> Device {
    params.first().map_or(Device::Cpu, Tensor::device)
}

/// What Adam keeps of each parameter. `max_squares` is empty without AMSGrad; `steps` are tensors of one number.
#[derive(Debug, Clone, Copy)]
pub struct AdamStates<'a> {
    pub means: &'a [Tensor],
    pub squares: &'a [Tensor],
    pub max_squares: &'a [Tensor],
    pub steps: &'a [Tensor],
}

/// One step of Adam or AdamW. The step counts go up by one.
pub fn adam_step(params: &[Tensor], grads: &[Tensor], states: AdamStates, how: &AdamParams) -> Result<()> {
    let AdamStates { means, squares, max_squares, steps } = states;
    let n = params.len();
    let amsgrad = !max_squares.is_empty();
    if [grads.len(), means.len(), squares.len(), steps.len()] != [n; 4] || amsgrad && max_squares.len() != n {
        return Err(runtime!(
            "adam_step: the lists differ in length: {n} parameters, {} gradients",
            grads.len()
        ));
    }
    let mut held = Vec::with_capacity(n);
    for i in 0..n {
        let (p, g) = (&params[i], matched(&params[i], &grads[i])?);
        let mut kept = vec![&means[i], &squares[i]];
        kept.extend(max_squares.get(i));
        if let Some(t) = kept.iter().find(|t| !fits(p, t)) {
            return Err(runtime!("adam_step: a parameter is {p:?}, its state {t:?}"));
        }
        let lie = alike(p, &[kept.as_slice(), &[&g]].concat());
        let kept = kept.into_iter().map(|t| Flat::new(t, lie)).collect::<Result<Vec<_>>>()?;
        held.push((Flat::new(p, lie)?, Flat::new(&g, lie)?, kept, steps[i].item()?.to_f64() + 1.0));
    }
    let views: Vec<AdamStep> = held
        .iter()
        .map(|(p, g, kept, step)| AdamStep {
            p: p.run.raw(),
            g: g.run.raw(),
            mean: kept[0].run.raw(),
            square: kept[1].run.raw(),
            max_square: kept.get(2).map(|t| t.run.raw()),
            step: *step,
        })
        .collect();
    backend(device(params)).adam(&views, how)?;
    for (p, _, kept, _) in &held {
        p.finish()?;
        kept.iter().try_for_each(Flat::finish)?;
    }
    for (step, (.., count)) in steps.iter().zip(&held) {
        step.fill_data(Scalar::Float(*count))?;
    }
    let written = params.iter().chain(means).chain(squares).chain(max_squares).chain(steps);
    written.for_each(|t| t.storage().bump());
    Ok(())
}

/// One step of another elementwise optimiser. `state` and `numbers` hold what `Rule` names, a list of tensors each,
/// as long as `params`; the numbers, tensors of one element, go forward by a step.
pub fn rule_step(
    params: &[Tensor],
    grads: &[Tensor],
    state: &[Vec<Tensor>],
    numbers: &[Vec<Tensor>],
    how: &RuleParams,
) -> Result<()> {
    let n = params.len();
    if (state.len(), numbers.len()) != how.state()
        || grads.len() != n
        || state.iter().chain(numbers).any(|l| l.len() != n)
    {
        return Err(runtime!("rule_step: {n} parameters, but lists of state of another length or number"));
    }
    let mut held = Vec::with_capacity(n);
    let mut counts = Vec::with_capacity(n);
    for i in 0..n {
        let (p, g) = (&params[i], matched(&params[i], &grads[i])?);
        let kept: Vec<&Tensor> = state.iter().map(|list| &list[i]).collect();
        if let Some(t) = kept.iter().find(|t| !fits(p, t)) {
            return Err(runtime!("rule_step: a parameter is {p:?}, its state {t:?}"));
        }
        let lie = alike(p, &[kept.as_slice(), &[&g]].concat());
        let kept = kept.into_iter().map(|t| Flat::new(t, lie)).collect::<Result<Vec<_>>>()?;
        let mut count =
            numbers.iter().map(|list| Ok(list[i].item()?.to_f64())).collect::<Result<Vec<f64>>>()?;
        let single = numbers[0][i].dtype() == DType::F32;
        let now = how.advance(&mut count, |x| if single { f64::from(x as f32) } else { x });
        held.push((Flat::new(p, lie)?, Flat::new(&g, lie)?, kept, now));
        counts.push(count);
    }
    let views: Vec<RuleStep> = held
        .iter()
        .map(|(p, g, kept, now)| RuleStep {
            p: p.run.raw(),
            g: g.run.raw(),
            state: kept.iter().map(|t| t.run.raw()).collect(),
            now: *now,
        })
        .collect();
    backend(device(params)).rule(&views, how)?;
    for (p, _, kept, _) in &held {
        p.finish()?;
        kept.iter().try_for_each(Flat::finish)?;
    }
    for (i, count) in counts.iter().enumerate() {
        for (list, x) in numbers.iter().zip(count) {
            list[i].fill_data(Scalar::Float(*x))?;
        }
    }
    params.iter().chain(state.iter().chain(numbers).flatten()).for_each(|t| t.storage().bump());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(shape: &[usize], from: f64) -> Tensor {
        let values: Vec<f32> =
            (0..crate::shape::numel(shape)).map(|i| (from + i as f64 * 0.37).sin() as f32).collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    const SGD: SgdParams = SgdParams {
        lr: 0.1,
        momentum: 0.9,
        dampening: 0.0,
        weight_decay: 0.01,
        nesterov: false,
        maximize: false,
    };
    const ADAM: AdamParams = AdamParams {
        lr: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        weight_decay: 0.01,
        maximize: false,
        decoupled: true,
    };

    /// A parameter that lies transposed, or with gaps, takes the same steps as a contiguous copy of it.
    #[test]
    fn how_a_parameter_lies_changes_nothing() {
        let plain = numbers(&[3, 4], 0.0);
        let turned = plain.copied(DType::F32, Layout::contiguous(&[4, 3]).transpose(0, 1).expect("matrix"));
        let turned = turned.expect("small");
        let wide = Tensor::zeros(&[3, 8], DType::F32).expect("small");
        let gaps = wide.alias(wide.layout().slice(1, 0, 8, 2));
        gaps.write(&plain).expect("same shape");
        let kinds = [plain, turned, gaps];
        let mut buffers = vec![None; 3];
        let means: Vec<Tensor> = kinds.iter().map(|p| p.zeros_like().expect("small")).collect();
        let squares: Vec<Tensor> = kinds.iter().map(|p| p.zeros_like().expect("small")).collect();
        let steps: Vec<Tensor> = (0..3).map(|_| Tensor::zeros(&[], DType::F32).expect("small")).collect();
        for round in 0..3 {
            let grads = vec![numbers(&[3, 4], f64::from(round)); 3];
            buffers = sgd_step(&kinds, &grads, &buffers, &SGD).expect("alike");
            let states = AdamStates { means: &means, squares: &squares, max_squares: &[], steps: &steps };
            adam_step(&kinds, &grads, states, &ADAM).expect("alike");
        }
        let bits = |t: &Tensor| t.contiguous_data().expect("small").slice::<f32>().to_vec();
        assert_eq!(bits(&kinds[0]), bits(&kinds[1]));
        assert_eq!(bits(&kinds[0]), bits(&kinds[2]));
        assert_eq!(steps[0].slice::<f32>(), [3.0]);
        assert!(kinds[0].storage().version() >= 6);
    }

    #[test]
    fn without_momentum_there_is_no_buffer() {
        let p = numbers(&[5], 1.0);
        let before = p.slice::<f32>().to_vec();
        let how = SgdParams { momentum: 0.0, weight_decay: 0.0, ..SGD };
        let kept = sgd_step(
            std::slice::from_ref(&p),
            &[Tensor::ones(&[5], DType::F32).expect("small")],
            &[None],
            &how,
        );
        assert!(kept.expect("alike")[0].is_none());
        for (after, before) in p.slice::<f32>().iter().zip(before) {
            assert!((after - (before - 0.1)).abs() < 1e-6);
        }
    }
}
