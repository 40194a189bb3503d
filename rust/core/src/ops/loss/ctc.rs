//! Connectionist temporal classification, Graves et al., ICML 2006: the loss of texts that are not aligned.
//!
//! One node for the losses of the samples; the reduction is made of ops. As in PyTorch the gradient is that of the
//! scores before a log-softmax, and there is no second derivative.

use super::number;
use crate::autocast;
use crate::backend::backend;
use crate::backend::nn::{Ctc, Reduction, Texts};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::runtime;
use crate::tensor::Tensor;

const CHECKING: &str = "(while checking arguments for ctc_loss_allocate_outputs)";

/// The texts of a batch, checked: all labels in a row, and where each sample's begin.
struct Batch {
    labels: Vec<i64>,
    starts: Vec<usize>,
    lengths: Vec<i64>,
    times: Vec<i64>,
}

impl Batch {
    fn new(d: &mut Ctc, targets: &Tensor, times: &[i64], lengths: &[i64]) -> Result<Batch> {
        for (name, given) in [("input_lengths", times), ("target_lengths", lengths)] {
            if given.len() != d.n {
                return Err(runtime!("{name} must be of size batch_size"));
            }
        }
        if let Some(n) = lengths.iter().find(|&&n| n < 0) {
            return Err(runtime!(
                "Expected target_lengths to have value at least 0, but got value {n} {CHECKING}"
            ));
        }
        let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
        let starts: Vec<usize> = match *targets.shape() {
            [count] => {
                let total = lengths.iter().sum::<i64>() as usize;
                if count != total {
                    return Err(runtime!(
                        "Expected tensor to have size {total} at dimension 0, but got size {count} for argument #2 'targets' {CHECKING}"
                    ));
                }
                lengths.iter().scan(0, |at, &n| Some(std::mem::replace(at, *at + n as usize))).collect()
            }
            [n, width] => {
                if n != d.n {
                    return Err(runtime!(
                        "Expected tensor to have size {} at dimension 0, but got size {n} for argument #2 'targets' {CHECKING}",
                        d.n
                    ));
                }
                if width < longest {
                    return Err(runtime!(
                        "Expected tensor to have size at least {longest} at dimension 1, but got size {width} for argument #2 'targets' {CHECKING}"
                    ));
                }
                (0..n).map(|i| i * width).collect()
            }
            _ => return Err(runtime!("targets should be 1D or 2D, but got {} dimensions", targets.rank())),
        };
        if let Some(n) = times.iter().find(|&&n| n > d.times as i64) {
            return Err(runtime!(
                "Expected input_lengths to have value at most {}, but got value {n} {CHECKING}",
                d.times
            ));
        }
        if let Some(n) = times.iter().find(|&&n| n < 0) {
            return Err(runtime!(
                "Expected input_lengths to have value at least 0, but got value {n} {CHECKING}"
            ));
        }
        d.states = 2 * longest + 1;
        let labels = targets.cast_data(DType::I64)?.contiguous_data()?.known::<i64>().to_vec();
        for (&start, &n) in starts.iter().zip(lengths) {
            if let Some(label) =
                labels.iter().skip(start).take(n as usize).find(|&&t| t as u64 >= d.classes as u64)
            {
                return Err(runtime!("ctc_loss: label {label} is out of range for {} classes", d.classes));
            }
        }
        Ok(Batch { labels, starts, lengths: lengths.to_vec(), times: times.to_vec() })
    }

    fn view(&self) -> Texts<'_> {
        Texts { labels: &self.labels, starts: &self.starts, lengths: &self.lengths, times: &self.times }
    }
}

impl Tensor {
    /// The integers of a tensor of lengths.
    pub fn lengths(&self, name: &str) -> Result<Vec<i64>> {
        if self.dtype().is_float() || self.dtype() == DType::Bool {
            return Err(runtime!("{name} must be integral"));
        }
        self.check_data_for("ctc_loss")?;
        Ok(self.cast_data(DType::I64)?.contiguous_data()?.values::<i64>()?.to_vec())
    }

    /// `-ln P(text)` for log-probabilities (T, N, C) or (T, C) and the labels of each sample, (N, S) or in one row.
    #[allow(clippy::too_many_arguments)]
    pub fn ctc_loss(
        &self,
        targets: &Tensor,
        input_lengths: &[i64],
        target_lengths: &[i64],
        blank: i64,
        reduction: Reduction,
        zero_infinity: bool,
    ) -> Result<Tensor> {
        autocast!("ctc_loss"; x = self
            => x.ctc_loss(targets, input_lengths, target_lengths, blank, reduction, zero_infinity));
        if self.rank() == 2 {
            let targets = if targets.rank() == 1 { targets.unsqueeze(0)? } else { targets.clone() };
            let one = self.unsqueeze(1)?;
            let loss =
                one.ctc_loss(&targets, input_lengths, target_lengths, blank, reduction, zero_infinity)?;
            return if reduction == Reduction::None { loss.squeeze(Some(&[0])) } else { Ok(loss) };
        }
        let &[times, n, classes] = self.shape() else {
            return Err(runtime!(
                "Expected 3-dimensional tensor, but got {}-dimensional tensor for argument #1 'log_probs' {CHECKING}",
                self.rank()
            ));
        };
        if blank < 0 || blank >= classes as i64 {
            return Err(runtime!("blank must be in label range"));
        }
        let mut d = Ctc { times, n, classes, blank: blank as usize, states: 1 };
        let batch = Batch::new(&mut d, targets, input_lengths, target_lengths)?;
        if !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Err(Error::NotImplemented { op: "ctc_loss_cpu".into(), dtype: self.dtype() });
        }
        let each = self.ctc_losses(d, batch, zero_infinity)?;
        let each = if zero_infinity {
            Tensor::choose(&each.eq(&number(f64::INFINITY)?)?, &number(0.0)?, &each)?
        } else {
            each
        };
        match reduction {
            Reduction::None => Ok(each),
            Reduction::Sum => each.sum(&[], false, None),
            Reduction::Mean => {
                let lengths: Vec<f64> = target_lengths.iter().map(|&n| n.max(1) as f64).collect();
                let lengths =
                    Tensor::from_slice(&lengths, &[n])?.cast_data(self.dtype())?.on(self.device())?;
                each.div(&lengths)?.mean(&[], false, None)
            }
        }
    }

    fn ctc_losses(&self, d: Ctc, batch: Batch, zero_infinity: bool) -> Result<Tensor> {
        let loss = self.wide_out(&[d.n])?;
        let alpha = self.new_empty(&[d.n * d.times * d.states], DType::F64)?;
        let logp = self.contiguous_data()?;
        backend(self.device()).ctc_loss(d, batch.view(), logp.raw(), alpha.raw(), loss.raw())?;
        loss.record("CtcLossBackward0", &[self], |save| {
            let (logp, loss, alpha) = (save.input(0), save.output(0), save.plain(&alpha));
            move |ctx, g| {
                let (x, loss, alpha) = (logp.get(ctx)?, loss.get(ctx)?, alpha.get(ctx)?);
                let dx = x.wide_out(x.shape())?;
                let (flat, dloss) = (x.contiguous_data()?, g.contiguous_data()?);
                backend(x.device()).ctc_loss_backward(
                    d,
                    batch.view(),
                    flat.raw(),
                    alpha.raw(),
                    loss.detach_alias().raw(),
                    zero_infinity,
                    dloss.raw(),
                    dx.raw(),
                )?;
                let once = |_: &crate::tensor::Ctx, _: &Tensor| {
                    Err(runtime!("the derivative for '_ctc_loss_backward' is not implemented."))
                };
                grads![Some(dx.record("NotImplemented", &[g, &x], |_| once)?)]
            }
        })
    }
}
