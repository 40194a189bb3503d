//! Losses with margins and of embeddings: ranking, hinge, cosine, triplet, soft, of one class and of several.
//!
//! The first four are sums of ops, as PyTorch has them. The others are one node each, with a rule written in ops.

use super::number;
use super::numbers::{reduced, spread};
use crate::backend::Binary;
use crate::backend::cpu::math;
use crate::backend::nn::Reduction;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::ops::binary::{apply, common, float_row};
use crate::ops::gather::Meet;
use crate::shape::show;
use crate::tensor::{Tensor, no_grad};
use crate::{autocast, grads, runtime};

static SOFT_MARGIN: Binary = float_row!("soft_margin_cpu", |x, t, _p| math::log1p(math::exp(-(x * t))));

/// The larger of each element and 0, which passes a gradient where it is 0 itself.
fn not_below_zero(x: &Tensor) -> Result<Tensor> {
    x.clamp_min(0.0.into())
}

impl Tensor {
    /// `max(0, -y (x1 - x2) + margin)`
    pub fn margin_ranking_loss(
        &self,
        other: &Tensor,
        target: &Tensor,
        margin: f64,
        reduction: Reduction,
    ) -> Result<Tensor> {
        autocast!("margin_ranking_loss"; a = self, b = other, t = target
            => a.margin_ranking_loss(&b, &t, margin, reduction));
        if self.rank() != other.rank() || self.rank() != target.rank() {
            return Err(runtime!(
                "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {}, input2: {}, target: {} ",
                show(self.shape()),
                show(other.shape()),
                show(target.shape())
            ));
        }
        let apart = target.neg()?.mul(&self.sub(other)?)?;
        reduced(&not_below_zero(&apart.add_number(margin)?)?, reduction)
    }

    /// `x` where y is 1, `max(0, margin - x)` where it is -1.
    pub fn hinge_embedding_loss(&self, target: &Tensor, margin: f64, reduction: Reduction) -> Result<Tensor> {
        autocast!("hinge_embedding_loss"; x = self, t = target => x.hinge_embedding_loss(&t, margin, reduction));
        let zero = self.zeros_like()?;
        let short = not_below_zero(&self.sub_from(margin)?)?;
        let other = Tensor::choose(&target.ne(&number(1.0)?)?, &short, &zero)?;
        let same = Tensor::choose(&target.ne(&number(-1.0)?)?, self, &zero)?;
        reduced(&other.add(&same)?, reduction)
    }

    /// `1 - cos(x1, x2)` where y is 1, `max(0, cos(x1, x2) - margin)` where it is -1.
    pub fn cosine_embedding_loss(
        &self,
        other: &Tensor,
        target: &Tensor,
        margin: f64,
        reduction: Reduction,
    ) -> Result<Tensor> {
        autocast!("cosine_embedding_loss"; a = self, b = other, t = target
            => a.cosine_embedding_loss(&b, &t, margin, reduction));
        let rank = target.rank();
        if rank > 1 {
            return Err(runtime!("0D or 1D target tensor expected, multi-target not supported"));
        }
        if self.rank() != rank + 1 || other.rank() != rank + 1 {
            return Err(runtime!(
                "{rank}D target tensor expects {}D input tensors, but found inputs with sizes {} and {}.",
                rank + 1,
                show(self.shape()),
                show(other.shape())
            ));
        }
        const TINY: f64 = 1e-12;
        let sum = |t: Tensor| t.sum(&[rank as isize], false, None);
        let size = |t: &Tensor| sum(t.mul(t)?)?.add_number(TINY);
        let cosine = sum(self.mul(other)?)?.div(&size(self)?.mul(&size(other)?)?.sqrt()?)?;
        let zero = cosine.zeros_like()?;
        let far = not_below_zero(&cosine.add_number(-margin)?)?;
        // Whole numbers: in uint8 the second is 255.
        let is = |n: i64| target.eq(&Tensor::wrapped(n.into())?);
        let same = Tensor::choose(&is(1)?, &cosine.sub_from(1.0)?, &zero)?;
        let other = Tensor::choose(&is(-1)?, &far, &zero)?;
        reduced(&same.add(&other)?, reduction)
    }

    /// `max(0, margin + d(a, p) - d(a, n))` for the p-norm's distance along the last dimension; with `swap` the
    /// second distance is the smaller of `d(a, n)` and `d(p, n)`.
    #[allow(clippy::too_many_arguments)]
    pub fn triplet_margin_loss(
        &self,
        positive: &Tensor,
        negative: &Tensor,
        margin: f64,
        p: f64,
        eps: f64,
        swap: bool,
        reduction: Reduction,
    ) -> Result<Tensor> {
        autocast!("triplet_margin_loss"; a = self, pos = positive, neg = negative
            => a.triplet_margin_loss(&pos, &neg, margin, p, eps, swap, reduction));
        let ranks = [self.rank(), positive.rank(), negative.rank()];
        if ranks[0] != ranks[1] || ranks[1] != ranks[2] {
            return Err(runtime!(
                "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {}D, positive {}D, and negative {}D inputs",
                ranks[0],
                ranks[1],
                ranks[2]
            ));
        }
        let distance = |a: &Tensor, b: &Tensor| a.sub(b)?.add_number(eps)?.vector_norm(p, &[-1], false, None);
        let (near, mut far) = (distance(self, positive)?, distance(self, negative)?);
        if swap {
            far = far.minimum(&distance(positive, negative)?)?;
        }
        reduced(&not_below_zero(&near.add_number(margin)?.sub(&far)?)?, reduction)
    }

    /// `exp(x) - y x` for the logarithm x of a rate, `x - y ln(x + eps)` for a rate; `full` adds Stirling's
    /// approximation of `ln(y!)` where y is above 1.
    pub fn poisson_nll_loss(
        &self,
        target: &Tensor,
        log_input: bool,
        full: bool,
        eps: f64,
        reduction: Reduction,
    ) -> Result<Tensor> {
        autocast!("poisson_nll_loss"; x = self, t = target => x.poisson_nll_loss(&t, log_input, full, eps, reduction));
        let mut each = if log_input {
            self.exp()?.sub(&target.mul(self)?)?
        } else {
            self.sub(&target.mul(&self.add_number(eps)?.log()?)?)?
        };
        if full {
            let tail = target.mul_number(2.0 * std::f64::consts::PI)?.log()?.mul_number(0.5)?;
            let stirling = target.mul(&target.log()?)?.sub(target)?.add(&tail)?;
            each = each.add(&stirling.masked_fill(&target.le(&number(1.0)?)?, &number(0.0)?)?)?;
        }
        reduced(&each, reduction)
    }

    /// `ln(1 + exp(-y x))`
    pub fn soft_margin_loss(&self, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
        autocast!("soft_margin_loss"; x = self, t = target => x.soft_margin_loss(&t, reduction));
        let dtype = common(self, target);
        if dtype != self.dtype() {
            return Err(Error::Cast { from: dtype, to: self.dtype() });
        }
        let value = no_grad(|| reduced(&apply(&SOFT_MARGIN, [0.0; 2], self, target)?, reduction))?;
        value.record("SoftMarginLossBackward0", &[self], |save| {
            let (x, t) = (save.input(0), save.plain(&target.detach_alias()));
            move |ctx, g| {
                let (x, t) = (x.get(ctx)?, t.get(ctx)?);
                let each = x.mul(&t)?.neg()?.sigmoid()?.mul(&t)?.neg()?;
                let each = each.mul(&spread(g, reduction, each.numel())?)?;
                grads![Some(each)]
            }
        })
    }

    /// `sum over j != y of max(0, margin - x[y] + x[j])^p / classes`, times the weight of the class.
    pub fn multi_margin_loss(
        &self,
        target: &Tensor,
        p: i64,
        margin: f64,
        weight: Option<&Tensor>,
        reduction: Reduction,
    ) -> Result<Tensor> {
        autocast!("multi_margin_loss"; x = self, w = weight => x.multi_margin_loss(target, p, margin, w.as_ref(), reduction));
        if p != 1 && p != 2 {
            return Err(runtime!("only p == 1 and p == 2 supported"));
        }
        let (n, classes) = rows_of_classes(self)?;
        if target.rank() > 1 || target.numel() != n {
            return Err(runtime!(
                "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected target size [{n}], but got {}. Input has shape {}.",
                show(target.shape()),
                show(self.shape())
            ));
        }
        if let Some(w) = weight.filter(|w| w.rank() > 1 || w.numel() != classes) {
            return Err(runtime!("inconsistent weight size, expected {classes} but got {}", show(w.shape())));
        }
        need_long(target)?;
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "multi_margin_loss".into(), dtype: self.dtype() });
        }
        let wanted = target.contiguous_data()?.detach_alias().view(&[n, 1])?;
        if wanted.known::<i64>().iter().any(|&t| t as u64 >= classes as u64) {
            return Err(runtime!("target out of range"));
        }
        let out = if target.rank() == 0 { vec![] } else { vec![n] };
        // 1 / classes, times the weight of the sample's class; 0 at the class itself.
        let share = no_grad(|| {
            let each = match weight {
                Some(w) => w.detach().reshape(&[1, classes])?.expand(&[n, classes])?.gather(1, &wanted)?,
                None => Tensor::full_scalar(1.0.into(), self.dtype())?.on(self.device())?.expand(&[n, 1])?,
            };
            let each = each.mul_number(1.0 / classes as f64)?.expand(&[n, classes])?;
            each.scatter(
                1,
                &wanted,
                &number(0.0)?.to_dtype(self.dtype())?.on(self.device())?.expand(&[n, 1])?,
                Meet::Replace,
            )
        })?;
        let excess =
            move |x: &Tensor| -> Result<Tensor> { x.sub(&x.gather(1, &wanted)?)?.add_number(margin) };
        let value = no_grad(|| {
            let x = self.reshape(&[n, classes])?;
            let over = not_below_zero(&excess(&x)?)?;
            let over = if p == 2 { over.square()? } else { over };
            reduced(&over.mul(&share)?.sum(&[1], false, None)?.view(&out)?, reduction)
        })?;
        let wanted = target.contiguous_data()?.detach_alias().view(&[n, 1])?;
        value.record("MultiMarginLossBackward0", &[self], |save| {
            let (x, share, wanted) = (save.input(0), save.plain(&share), save.plain(&wanted));
            move |ctx, g| {
                let (x, share, wanted) = (x.get(ctx)?, share.get(ctx)?, wanted.get(ctx)?);
                let rows = x.reshape(&[n, classes])?;
                let over = excess(&rows)?;
                let slope = if p == 2 { not_below_zero(&over)?.mul_number(2.0)? } else { above_zero(&over)? };
                let g = spread(g, reduction, n)?;
                let g = if reduction == Reduction::None { g.reshape(&[n, 1])? } else { g };
                let each = slope.mul(&share)?.mul(&g)?;
                let own = each.sum(&[1], true, None)?.neg()?;
                grads![Some(each.scatter(1, &wanted, &own, Meet::Add)?.view(x.shape())?)]
            }
        })
    }

    /// `sum over the classes y of a sample and the others j of max(0, 1 - x[y] + x[j]) / classes`. A row of targets
    /// ends at the first -1.
    pub fn multilabel_margin_loss(&self, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
        autocast!("multilabel_margin_loss"; x = self => x.multilabel_margin_loss(target, reduction));
        let (n, classes) = rows_of_classes(self)?;
        let fits = if self.rank() < 2 {
            target.rank() <= 1 && target.numel() == classes
        } else {
            target.shape() == self.shape()
        };
        if !fits {
            return Err(runtime!(
                "inconsistent target size: {} for input of size: {}",
                show(target.shape()),
                show(self.shape())
            ));
        }
        need_long(target)?;
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented {
                op: "multilabel_margin_loss_forward_out_frame".into(),
                dtype: self.dtype(),
            });
        }
        let named = target.contiguous_data()?;
        if named.known::<i64>().iter().any(|&t| t < -1 || t >= classes as i64) {
            return Err(runtime!("argument #2 'target' is out of range"));
        }
        let labels = named.known::<i64>().to_vec();
        let out = if self.rank() < 2 { vec![] } else { vec![n] };
        let x = self.wide()?;
        let (value, slope) = (self.wide_out(&[n])?, self.wide_out(&[n, classes])?);
        crate::per_float!("multilabel_margin_loss", x.dtype(), T => if x.has_data() {
            // SAFETY: both were just made here.
            let (value, slope) = unsafe { (value.values_mut::<T>()?, slope.values_mut::<T>()?) };
            let rows = x.values::<T>()?.chunks_exact(classes).zip(labels.chunks_exact(classes));
            for ((row, labels), (value, slope)) in rows.zip(value.iter_mut().zip(slope.chunks_exact_mut(classes))) {
                *value = several_classes(row, labels, slope);
            }
        });
        let value = reduced(&value.cast_data(self.dtype())?.view(&out)?, reduction)?;
        let slope = slope.cast_data(self.dtype())?;
        value.record("MultilabelMarginLossBackward0", &[self], |save| {
            let (slope, full) = (save.plain(&slope), self.layout().shape.clone());
            move |ctx, g| {
                let g = spread(g, reduction, n)?;
                let g = if reduction == Reduction::None { g.reshape(&[n, 1])? } else { g };
                grads![Some(slope.get(ctx)?.mul(&g)?.view(&full)?)]
            }
        })
    }
}

/// The loss of one sample, and its derivative, which is constant between the kinks.
fn several_classes<T: crate::dtype::Float>(row: &[T], labels: &[i64], slope: &mut [T]) -> T {
    let share = 1.0 / row.len() as f64;
    let labels = labels.split(|&t| t < 0).next().unwrap_or(&[]);
    let mut own = vec![false; row.len()];
    labels.iter().for_each(|&t| own[t as usize] = true);
    let (mut sum, mut slopes) = (0.0, vec![0.0; row.len()]);
    for &label in labels {
        let at = row[label as usize].to_f64();
        for (j, x) in row.iter().enumerate().filter(|&(j, _)| !own[j]) {
            let over = 1.0 - at + x.to_f64();
            if over > 0.0 {
                sum += over;
                slopes[j] += share;
                slopes[label as usize] -= share;
            }
        }
    }
    slope.iter_mut().zip(slopes).for_each(|(to, from)| *to = T::from_f64(from));
    T::from_f64(sum * share)
}

/// 1 where positive, 0 elsewhere.
fn above_zero(x: &Tensor) -> Result<Tensor> {
    x.gt(&number(0.0)?)?.to_dtype(x.dtype())
}

/// Samples and classes of (N, C), (C) or ().
fn rows_of_classes(x: &Tensor) -> Result<(usize, usize)> {
    match *x.shape() {
        [] => Ok((1, 1)),
        [classes] if classes > 0 => Ok((1, classes)),
        [n, classes] if classes > 0 => Ok((n, classes)),
        _ => Err(runtime!(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {}",
            show(x.shape())
        )),
    }
}

fn need_long(target: &Tensor) -> Result<()> {
    if target.dtype() == DType::I64 {
        return Ok(());
    }
    Err(runtime!("expected scalar type Long but found {}", target.dtype().scalar_type()))
}
