//! Losses on class indices: negative log likelihood and cross entropy. Those on numbers are in `loss/numbers.rs`.
//!
//! Scores are (N, C, ...) or (C), targets (N, ...) or (). Cross entropy on indices is one kernel; on probabilities, or
//! with label smoothing, it is composed as PyTorch composes it.

mod ctc;
mod margins;
mod numbers;

use std::sync::Arc;

use crate::backend::nn::{ClassLoss, Reduction};
use crate::backend::{View, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::ops::promote::check_devices;
use crate::shape::{Dims, show, wrap_dim};
use crate::tensor::{Tensor, grad_enabled};
use crate::{autocast, grads, runtime, value};

/// The number that stands for a reduction: 0 none, 1 mean, 2 sum.
pub fn reduction(number: i64) -> Result<Reduction> {
    match number {
        0 => Ok(Reduction::None),
        1 => Ok(Reduction::Mean),
        2 => Ok(Reduction::Sum),
        _ => Err(value!("{number} is not a valid value for reduction")),
    }
}

fn number(x: f64) -> Result<Tensor> {
    Tensor::wrapped(x.into())
}

/// A loss on classes whose arguments are checked, without the scores. Linear in them: see `down` and `up`.
struct Task {
    sizes: [usize; 3],
    /// The shape of the scores, and of the loss.
    full: Dims,
    out: Dims,
    target: Tensor,
    /// In the type the kernels compute in.
    weight: Option<Tensor>,
    ignore_index: i64,
    reduction: Reduction,
}

impl Task {
    fn new(
        x: &Tensor,
        target: &Tensor,
        weight: Option<&Tensor>,
        ignore_index: i64,
        reduction: Reduction,
    ) -> Result<Task> {
        let (s, t) = (x.shape(), target.shape());
        if s.is_empty() {
            return Err(value!("Expected 1 or more dimensions (got 0)"));
        }
        if s.len() > 1 && t.first() != Some(&s[0]) {
            return Err(match t.first() {
                Some(n) => value!("Expected input batch_size ({}) to match target batch_size ({n}).", s[0]),
                None => Error::Dim { dim: 0, rank: 0 },
            });
        }
        let classes = s[usize::from(s.len() > 1)];
        match s.len() {
            1 | 2 if t.len() > 1 => {
                return Err(runtime!("0D or 1D target tensor expected, multi-target not supported"));
            }
            1 if target.numel() != 1 => {
                return Err(value!(
                    "For 1D input, 1D target must have size 1, but got target size: {}",
                    target.numel()
                ));
            }
            1 | 2 => {}
            4 if t.len() != 3 => {
                return Err(runtime!(
                    "only batches of spatial targets supported (3D tensors) but got targets of dimension: {}",
                    t.len()
                ));
            }
            4 if t[1..] != s[2..] => {
                return Err(runtime!("size mismatch (got input: {} , target: {}", show(s), show(t)));
            }
            _ if t[1..] != s[2..] => {
                let want: Vec<usize> = [&s[..1], &s[2..]].concat();
                return Err(runtime!("Expected target size {}, got {}", show(&want), show(t)));
            }
            _ => {}
        }
        if !matches!(target.dtype(), DType::I64 | DType::U8) {
            return Err(runtime!(
                "expected target dtype to be Long or Byte, but got {}",
                target.dtype().scalar_type()
            ));
        }
        check_devices(x.device(), [Some(target), weight].iter().flatten().map(|t| t.device()))?;
        if let Some(w) = weight {
            check_weight(x, w, classes, s.len() > 2)?;
        }
        let out = match reduction {
            Reduction::None => Dims::from_slice(t),
            _ => Dims::new(),
        };
        let (n, inner) = if s.len() == 1 { (1, 1) } else { (s[0], s[2..].iter().product()) };
        Ok(Task {
            sizes: [n, classes, inner],
            full: x.layout().shape.clone(),
            out,
            target: target.cast_data(DType::I64)?.contiguous_data()?,
            weight: weight.map(Tensor::wide).transpose()?,
            ignore_index,
            reduction,
        })
    }

    fn of<'a>(&'a self, target: View<'a>) -> ClassLoss<'a> {
        let [n, classes, inner] = self.sizes;
        ClassLoss {
            n,
            classes,
            inner,
            target,
            weight: self.weight.as_ref().map(Tensor::raw),
            ignore_index: self.ignore_index,
            reduction: self.reduction,
        }
    }

    fn name(&self, names: [&'static str; 2]) -> &'static str {
        // PyTorch knows images, and views other shapes as images.
        if self.reduction == Reduction::None && !matches!(self.full.len(), 1 | 2 | 4) {
            return "ViewBackward0";
        }
        names[usize::from(self.full.len() > 2)]
    }

    /// The dimension of the classes.
    fn class_dim(&self) -> isize {
        isize::from(self.full.len() > 1)
    }

    /// Minus the weighted scores of the targets, reduced.
    fn down(self: &Arc<Self>, x: &Tensor) -> Result<Tensor> {
        let (out, total) = (x.wide_out(&self.out)?, x.wide_out(&[1])?);
        let target = self.target.raw();
        backend(x.device()).nll_loss(self.of(target), x.wide()?.raw(), out.raw(), total.raw())?;
        let task = self.clone();
        let name = self.name(["NllLossBackward0", "NllLoss2DBackward0"]);
        out.cast_data(x.dtype())?.record(name, &[x], |save| {
            let total = save.plain(&total);
            move |ctx, g| grads![Some(task.up(g, &total.get(ctx)?)?)]
        })
    }

    /// The transpose of `down`: minus the weighted gradient at the targets, 0 elsewhere.
    fn up(self: &Arc<Self>, g: &Tensor, total: &Tensor) -> Result<Tensor> {
        let dx = g.wide_out(&self.full)?;
        let target = self.target.raw();
        backend(g.device()).nll_loss_backward(self.of(target), g.wide()?.raw(), total.raw(), dx.raw())?;
        let task = self.clone();
        let name = self.name(["NllLossBackwardBackward0", "NllLoss2DBackwardBackward0"]);
        dx.cast_data(g.dtype())?.record(name, &[g], |_| move |_, u| grads![Some(task.down(u)?)])
    }
}

fn check_weight(x: &Tensor, w: &Tensor, classes: usize, spatial: bool) -> Result<()> {
    if w.requires_grad() && grad_enabled() {
        let op = if spatial { "nll_loss2d_forward" } else { "nll_loss_forward" };
        return Err(runtime!(
            "The function '{op}' is not differentiable with respect to argument 'weight'. This input cannot have requires_grad True."
        ));
    }
    if w.shape() != [classes] {
        return Err(if spatial {
            runtime!("weight tensor should be defined either for all or no classes")
        } else {
            runtime!(
                "weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {}",
                show(w.shape())
            )
        });
    }
    if w.dtype() != x.dtype() {
        return Err(runtime!(
            "expected scalar type {} but found {}",
            x.dtype().scalar_type(),
            w.dtype().scalar_type()
        ));
    }
    Ok(())
}

impl Tensor {
    /// `-weight[y] * x[y]` for log-probabilities x and classes y.
    pub fn nll_loss(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        reduction: Reduction,
        ignore_index: i64,
    ) -> Result<Tensor> {
        autocast!("nll_loss"; x = self, w = weight => x.nll_loss(target, w.as_ref(), reduction, ignore_index));
        Arc::new(Task::new(self, target, weight, ignore_index, reduction)?).down(self)
    }

    /// `nll_loss(log_softmax(x), y)`; a target of the shape of the scores holds probabilities.
    pub fn cross_entropy(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        reduction: Reduction,
        ignore_index: i64,
        label_smoothing: f64,
    ) -> Result<Tensor> {
        autocast!("cross_entropy_loss"; x = self, t = target, w = weight
            => x.cross_entropy(&t, w.as_ref(), reduction, ignore_index, label_smoothing));
        let smooth = label_smoothing > 0.0;
        if self.shape() == target.shape() {
            return self.cross_entropy_of(target, weight, reduction, ignore_index, label_smoothing);
        }
        if smooth {
            return self.cross_entropy_smooth(target, weight, reduction, ignore_index, label_smoothing);
        }
        wrap_dim(isize::from(self.rank() != 1), self.rank())?;
        if !self.dtype().is_float() {
            let op =
                if self.rank() < 3 { "log_softmax_lastdim_kernel_impl" } else { "log_softmax_kernel_impl" };
            return Err(Error::NotImplemented { op: op.into(), dtype: self.dtype() });
        }
        let task = Arc::new(Task::new(self, target, weight, ignore_index, reduction)?);
        let (out, total) = (self.wide_out(&task.out)?, self.wide_out(&[1])?);
        let lse = self.wide_out(&[2, task.sizes[0] * task.sizes[2]])?;
        let (on, d) = (backend(self.device()), task.of(task.target.raw()));
        on.cross_entropy(d, self.wide()?.raw(), lse.raw(), out.raw(), total.raw())?;
        let name = task.name(["NllLossBackward0", "NllLoss2DBackward0"]);
        out.cast_data(self.dtype())?.record(name, &[self], |save| {
            let (x, lse, total) = (save.input(0), save.plain(&lse), save.plain(&total));
            move |ctx, g| {
                let (x, lse, total) = (x.get(ctx)?, lse.get(ctx)?, total.get(ctx)?);
                if grad_enabled() {
                    // With p = softmax(x) and s the gradient of log(p): s - p * sum(s).
                    let s = task.up(g, &total)?;
                    let p = x.log_softmax(task.class_dim(), None)?.exp()?;
                    return grads![Some(s.sub(&p.mul(&s.sum(&[task.class_dim()], true, None)?)?)?)];
                }
                let (dx, d) = (x.wide_out(&task.full)?, task.of(task.target.raw()));
                let (wide, dy) = (x.wide()?, g.wide()?);
                let on = backend(x.device());
                on.cross_entropy_backward(d, wide.raw(), lse.raw(), dy.raw(), total.raw(), dx.raw())?;
                grads![Some(dx.cast_data(x.dtype())?)]
            }
        })
    }

    /// The weight of each class, shaped to meet the scores.
    fn class_weight(&self, weight: &Tensor) -> Result<Tensor> {
        let mut shape = Dims::from_elem(1, self.rank());
        shape[usize::from(self.rank() > 1)] = weight.numel();
        weight.view(&shape)
    }

    fn cross_entropy_of(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        reduction: Reduction,
        ignore_index: i64,
        label_smoothing: f64,
    ) -> Result<Tensor> {
        if !target.dtype().is_float() {
            return Err(runtime!(
                "Expected floating point type for target with class probabilities, got {}",
                target.dtype().scalar_type()
            ));
        }
        if ignore_index >= 0 {
            return Err(runtime!("ignore_index is not supported for floating point target"));
        }
        let dim = wrap_dim(isize::from(self.rank() != 1), self.rank())?;
        let classes = self.shape()[dim];
        if let Some(w) = weight.filter(|w| w.shape() != [classes]) {
            return Err(runtime!(
                "cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {}",
                show(w.shape())
            ));
        }
        let logp = self.log_softmax(dim as isize, None)?;
        check_smoothing(label_smoothing)?;
        let target = if label_smoothing > 0.0 {
            let shift = number(label_smoothing / classes as f64)?;
            target.mul(&number(1.0 - label_smoothing)?)?.add(&shift)?
        } else {
            target.clone()
        };
        let mut each = logp.mul(&target)?;
        if let Some(w) = weight {
            each = each.mul(&self.class_weight(w)?)?;
        }
        match reduction {
            Reduction::None => each.sum(&[dim as isize], false, None)?.neg(),
            Reduction::Sum => each.sum(&[], false, None)?.neg(),
            Reduction::Mean if self.numel() == 0 => {
                each.sum(&[], false, None)?.neg()?.add(&number(f64::NAN)?)
            }
            Reduction::Mean => {
                each.sum(&[], false, None)?.neg()?.div(&number((self.numel() / classes) as f64)?)
            }
        }
    }

    fn cross_entropy_smooth(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        reduction: Reduction,
        ignore_index: i64,
        label_smoothing: f64,
    ) -> Result<Tensor> {
        check_smoothing(label_smoothing)?;
        let dim = wrap_dim(isize::from(self.rank() != 1), self.rank())?;
        let classes = self.shape()[dim];
        let logp = self.log_softmax(dim as isize, None)?;
        let hard = logp.nll_loss(target, weight, reduction, ignore_index)?;
        let weighted = match weight {
            Some(w) => logp.mul(&self.class_weight(w)?)?,
            None => logp,
        };
        let ignored = target.eq(&Tensor::wrapped(ignore_index.into())?)?;
        let shape = hard_shape(&weighted, dim);
        let zero = number(0.0)?.cast_data(self.dtype())?;
        let ignored_view = ignored.view(&shape)?;
        let soft = weighted.sum(&[dim as isize], false, None)?.neg()?.masked_fill(&ignored_view, &zero)?;
        let soft = match reduction {
            Reduction::None => soft.view(target.shape())?,
            Reduction::Sum => soft.sum(&[], false, None)?,
            Reduction::Mean => {
                let counted = ignored.logical_not()?;
                let total = match weight {
                    Some(w) => {
                        // Without data nobody knows how many are counted, and the sum has the same shape.
                        let classes = match target.has_data() {
                            true => target.masked_select(&counted)?,
                            false => target.reshape_sizes(&[-1])?,
                        };
                        let classes = classes.cast_data(DType::I64)?;
                        w.gather(0, &classes)?.sum(&[], false, None)?
                    }
                    None => counted.sum(&[], false, None)?,
                };
                soft.sum(&[], false, None)?.div(&total)?
            }
        };
        let share = number(label_smoothing / classes as f64)?;
        hard.mul(&number(1.0 - label_smoothing)?)?.add(&soft.mul(&share)?)
    }
}

/// The shape of one number per sample.
fn hard_shape(scores: &Tensor, class_dim: usize) -> Dims {
    let kept = scores.shape().iter().enumerate().filter(|&(d, _)| d != class_dim);
    kept.map(|(_, &n)| n).collect()
}

fn check_smoothing(label_smoothing: f64) -> Result<()> {
    if label_smoothing > 1.0 {
        return Err(runtime!("label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
