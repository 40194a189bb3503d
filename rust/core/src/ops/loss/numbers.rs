//! Losses on numbers: squared, absolute, smooth absolute and Huber's errors, binary cross entropy, divergence.
//!
//! Values are rows of two numbers, reduced. So are the derivatives where nobody differentiates them again, with the
//! gradient of the reduction as a factor; else they are written in ops.

use super::number;
use crate::backend::cpu::math;
use crate::backend::nn::Reduction;
use crate::backend::{Binary, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::ops::binary::{apply, common, float_row};
use crate::shape::{broadcast, show};
use crate::tensor::{Tensor, grad_enabled, no_grad};
use crate::{autocast, grads, per_float, runtime};

static SQUARED: Binary = float_row!("mse_cpu", |x, t, _p| (x - t) * (x - t));
static SQUARED_SLOPE: Binary = float_row!("mse_cpu", |x, t, p| (x - t) * (2.0 * p[0]) as T);
static SMOOTH: Binary = float_row!("smooth_l1_cpu", |x, t, p| {
    let (z, beta) = ((x - t).abs(), p[1] as T);
    if z < beta { 0.5 * z * z / beta } else { z - 0.5 * beta }
});
static SMOOTH_SLOPE: Binary = float_row!("smooth_l1_cpu", |x, t, p| {
    let (d, beta, scale) = (x - t, p[1] as T, p[0] as T);
    if d <= -beta {
        -scale
    } else if d >= beta {
        scale
    } else {
        scale * d / beta
    }
});
static HUBER: Binary = float_row!("huber_cpu", |x, t, p| {
    let (z, delta) = ((x - t).abs(), p[1] as T);
    if z <= delta { 0.5 * z * z } else { delta * (z - 0.5 * delta) }
});
static HUBER_SLOPE: Binary = float_row!("huber_cpu", |x, t, p| {
    let (d, delta, scale) = (x - t, p[1] as T, p[0] as T);
    if d <= -delta {
        -scale * delta
    } else if d >= delta {
        scale * delta
    } else {
        scale * d
    }
});
// Logarithms are not less than -100, so that a certain miss costs a finite loss.
static ENTROPY: Binary = float_row!("binary_cross_entropy", |x, t, _p| {
    let (hit, miss) = (math::ln(x), math::log1p(-x));
    let (hit, miss) = (if hit < -100.0 { -100.0 } else { hit }, if miss < -100.0 { -100.0 } else { miss });
    (t - 1.0) * miss - t * hit
});
static ENTROPY_SLOPE: Binary = float_row!("binary_cross_entropy_backward", |x, t, p| {
    let spread = (1.0 - x) * x;
    p[0] as T * (x - t) / if spread < 1e-12 { 1e-12 } else { spread }
});
static LOGITS: Binary = float_row!("log_sigmoid_cpu", |x, t, _p| (1.0 - t) * x - math::log_sigmoid(x));
static LOGITS_SLOPE: Binary = float_row!("log_sigmoid_cpu", |x, t, p| p[0] as T * (math::sigmoid(x) - t));

/// A loss that is a function of two numbers.
#[derive(Clone, Copy)]
struct Loss {
    name: &'static str,
    value: &'static Binary,
    slope: &'static Binary,
    /// The bound between two pieces, for those that have one.
    bound: f64,
    reduction: Reduction,
}

/// The losses of the elements, put together.
pub(super) fn reduced(each: &Tensor, reduction: Reduction) -> Result<Tensor> {
    match reduction {
        Reduction::None => Ok(each.clone()),
        Reduction::Mean => each.mean(&[], false, None),
        Reduction::Sum => each.sum(&[], false, None),
    }
}

/// The gradient of an element from that of the reduced loss.
pub(super) fn spread(g: &Tensor, reduction: Reduction, count: usize) -> Result<Tensor> {
    match reduction {
        // Of no elements there is no gradient, and none of it either.
        Reduction::Mean => g.mul(&number(1.0 / count.max(1) as f64)?),
        _ => Ok(g.clone()),
    }
}

impl Loss {
    fn value(&self, x: &Tensor, t: &Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        if weight.is_none()
            && let Some(sum) = self.sum(x, t)?
        {
            return Ok(sum);
        }
        no_grad(|| {
            let mut each = apply(self.value, [1.0, self.bound], x, t)?;
            if let Some(w) = weight {
                each = each.mul(w)?;
            }
            reduced(&each, self.reduction)
        })
    }

    /// The reduced loss in one pass, where both lie row by row and nothing is converted or kept.
    fn sum(&self, x: &Tensor, t: &Tensor) -> Result<Option<Tensor>> {
        let dtype = x.dtype();
        let same = t.dtype() == dtype && t.shape() == x.shape() && t.device() == x.device();
        let plain =
            same && x.is_contiguous() && t.is_contiguous() && matches!(dtype, DType::F32 | DType::F64);
        let count = match self.reduction {
            Reduction::Mean => x.numel() as f64,
            Reduction::Sum => 1.0,
            Reduction::None => return Ok(None),
        };
        if !plain {
            return Ok(None);
        }
        let out = x.new_empty(&[], dtype)?;
        backend(x.device()).binary_sum(self.value, &[1.0, self.bound], x.raw(), t.raw(), count, out.raw())?;
        Ok(Some(out))
    }

    /// The gradient of `x` in one pass, if nobody differentiates it again.
    fn fused(&self, x: &Tensor, t: &Tensor, weight: Option<&Tensor>, g: &Tensor) -> Result<Option<Tensor>> {
        if grad_enabled() || !x.has_data() {
            return Ok(None);
        }
        let count = crate::shape::numel(&broadcast(x.shape(), t.shape())?) as f64;
        let scale = match self.reduction {
            Reduction::None => 1.0,
            Reduction::Sum => g.item()?.to_f64(),
            Reduction::Mean => g.item()?.to_f64() / count,
        };
        let mut dx = apply(self.slope, [scale, self.bound], x, t)?;
        if let Some(w) = weight {
            dx = dx.mul(w)?;
        }
        if self.reduction == Reduction::None {
            dx = dx.mul(g)?;
        }
        Ok(Some(dx))
    }

    /// A loss of the difference alone: the gradients of both differ in the sign. `slope` is the derivative in ops.
    fn of_difference(
        self,
        x: &Tensor,
        t: &Tensor,
        slope: fn(&Tensor, f64) -> Result<Tensor>,
    ) -> Result<Tensor> {
        self.value(x, t, None)?.record(self.name, &[x, t], |save| {
            let (x, t) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (x, t) = (x.get(ctx)?, t.get(ctx)?);
                let dx = match self.fused(&x, &t, None, g)? {
                    Some(dx) => dx,
                    None => {
                        let d = x.sub(&t)?;
                        slope(&d, self.bound)?.mul(&spread(g, self.reduction, d.numel())?)?
                    }
                };
                let dt = ctx.when(1, || dx.neg())?;
                grads![Some(dx), dt]
            }
        })
    }
}

impl Tensor {
    /// `(x - y)^2`
    pub fn mse_loss(&self, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
        autocast!("mse_loss"; x = self, t = target => x.mse_loss(&t, reduction));
        let (value, slope) = (&SQUARED, &SQUARED_SLOPE);
        let loss = Loss { name: "MseLossBackward0", value, slope, bound: 0.0, reduction };
        loss.of_difference(self, target, |d, _| d.mul(&number(2.0)?))
    }

    /// `|x - y|`
    pub fn l1_loss(&self, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
        autocast!("l1_loss"; x = self, t = target => x.l1_loss(&t, reduction));
        reduced(&self.sub(target)?.abs()?, reduction)
    }

    /// `|x - y|` from `beta` on, and a parabola below: `(x - y)^2 / (2 beta)`, shifted to meet.
    pub fn smooth_l1_loss(&self, target: &Tensor, reduction: Reduction, beta: f64) -> Result<Tensor> {
        autocast!("smooth_l1_loss"; x = self, t = target => x.smooth_l1_loss(&t, reduction, beta));
        if beta < 0.0 {
            return Err(runtime!("smooth_l1_loss does not support negative values for beta."));
        }
        let (value, slope) = (&SMOOTH, &SMOOTH_SLOPE);
        let loss = Loss { name: "SmoothL1LossBackward0", value, slope, bound: beta, reduction };
        loss.of_difference(self, target, |d, beta| {
            if beta == 0.0 {
                d.sign()
            } else {
                d.mul(&number(1.0 / beta)?)?.clamp(Some((-1.0).into()), Some(1.0.into()))
            }
        })
    }

    /// `(x - y)^2 / 2` up to `delta`, and `delta * (|x - y| - delta / 2)` beyond.
    pub fn huber_loss(&self, target: &Tensor, reduction: Reduction, delta: f64) -> Result<Tensor> {
        autocast!("huber_loss"; x = self, t = target => x.huber_loss(&t, reduction, delta));
        if delta <= 0.0 {
            return Err(runtime!("huber_loss does not support non-positive values for delta."));
        }
        let (value, slope) = (&HUBER, &HUBER_SLOPE);
        let loss = Loss { name: "HuberLossBackward0", value, slope, bound: delta, reduction };
        loss.of_difference(self, target, |d, delta| d.clamp(Some((-delta).into()), Some(delta.into())))
    }

    /// `-(y ln(x) + (1 - y) ln(1 - x))` for probabilities x.
    pub fn binary_cross_entropy(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        reduction: Reduction,
    ) -> Result<Tensor> {
        autocast!("binary_cross_entropy"; x = self, t = target, w = weight
            => x.binary_cross_entropy(&t, w.as_ref(), reduction));
        if self.dtype() != target.dtype() {
            return Err(runtime!(
                "Found dtype {} but expected {}",
                target.dtype().scalar_type(),
                self.dtype().scalar_type()
            ));
        }
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "binary_cross_entropy".into(), dtype: self.dtype() });
        }
        check_probabilities(self)?;
        let (value, slope) = (&ENTROPY, &ENTROPY_SLOPE);
        let loss = Loss { name: "BinaryCrossEntropyBackward0", value, slope, bound: 0.0, reduction };
        let weight = weight.map(Tensor::detach_alias);
        loss.value(self, target, weight.as_ref())?.record(loss.name, &[self, target], |save| {
            let (x, t) = (save.input(0), save.input(1));
            let weight = weight.as_ref().map(|w| save.plain(w));
            move |ctx, g| {
                let (x, t) = (x.get(ctx)?, t.get(ctx)?);
                let weight = weight.as_ref().map(|w| w.get(ctx)).transpose()?;
                let weighted = |each: Tensor| -> Result<Tensor> {
                    let each = each.mul(&spread(g, reduction, each.numel())?)?;
                    weight.as_ref().map_or(Ok(each.clone()), |w| each.mul(w))
                };
                let dx = ctx.when(0, || match loss.fused(&x, &t, weight.as_ref(), g)? {
                    Some(dx) => Ok(dx),
                    None => {
                        let spread = x.sub_from(1.0)?.mul(&x)?.clamp(Some(1e-12.into()), None)?;
                        weighted(x.sub(&t)?.div(&spread)?)
                    }
                })?;
                let dt = ctx.when(1, || {
                    let low = Some((-100.0).into());
                    let hit = x.log()?.clamp(low, None)?;
                    weighted(x.neg()?.log1p()?.clamp(low, None)?.sub(&hit)?)
                })?;
                grads![dx, dt]
            }
        })
    }

    /// `binary_cross_entropy(sigmoid(x), y)`, exact for large x; `pos_weight` multiplies the losses of y = 1.
    pub fn binary_cross_entropy_with_logits(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        pos_weight: Option<&Tensor>,
        reduction: Reduction,
    ) -> Result<Tensor> {
        autocast!("binary_cross_entropy_with_logits"; x = self, t = target, w = weight, pos = pos_weight
            => x.binary_cross_entropy_with_logits(&t, w.as_ref(), pos.as_ref(), reduction));
        check_logits(self, target)?;
        let (value, slope) = (&LOGITS, &LOGITS_SLOPE);
        let loss =
            Loss { name: "BinaryCrossEntropyWithLogitsBackward0", value, slope, bound: 0.0, reduction };
        let (weight, pos) = (weight.map(Tensor::detach_alias), pos_weight.map(Tensor::detach_alias));
        let out = match &pos {
            None => loss.value(self, target, weight.as_ref())?,
            Some(pos) => no_grad(|| {
                // (1 - y) x - (1 + (pos - 1) y) ln(sigmoid(x))
                let share = pos.add_number(-1.0)?.mul(target)?.add_number(1.0)?;
                let each = target.sub_from(1.0)?.mul(self)?.sub(&share.mul(&self.logsigmoid()?)?)?;
                reduced(&weight.as_ref().map_or(Ok(each.clone()), |w| each.mul(w))?, reduction)
            })?,
        };
        out.record(loss.name, &[self, target], |save| {
            let (x, t) = (save.input(0), save.input(1));
            let weight = weight.as_ref().map(|w| save.plain(w));
            let pos = pos.as_ref().map(|p| save.plain(p));
            move |ctx, g| {
                let (x, t) = (x.get(ctx)?, t.get(ctx)?);
                let read = |s: &Option<crate::tensor::Saved>| s.as_ref().map(|s| s.get(ctx)).transpose();
                let (weight, pos) = (read(&weight)?, read(&pos)?);
                let dx = ctx.when(0, || {
                    if pos.is_none()
                        && let Some(dx) = loss.fused(&x, &t, weight.as_ref(), g)?
                    {
                        return Ok(dx);
                    }
                    let p = x.sigmoid()?;
                    let each = match &pos {
                        None => p.sub(&t)?,
                        Some(pos) => {
                            let hits = pos.mul(&t)?;
                            hits.add_number(1.0)?.sub(&t)?.mul(&p)?.sub(&hits)?
                        }
                    };
                    let each = each.mul(&spread(g, reduction, each.numel())?)?;
                    weight.as_ref().map_or(Ok(each.clone()), |w| each.mul(w))
                })?;
                let dt = ctx.when(1, || {
                    let each = match &pos {
                        None => x.neg()?,
                        Some(pos) => x.neg()?.logsigmoid()?.sub(&pos.mul(&x.logsigmoid()?)?)?,
                    };
                    let each = each.mul(&spread(g, reduction, each.numel())?)?;
                    weight.as_ref().map_or(Ok(each.clone()), |w| each.mul(w))
                })?;
                grads![dx, dt]
            }
        })
    }

    /// `y (ln(y) - x)` for log-probabilities x; with `log_target` the target holds logarithms too.
    pub fn kl_div(&self, target: &Tensor, reduction: Reduction, log_target: bool) -> Result<Tensor> {
        autocast!("kl_div"; x = self, t = target => x.kl_div(&t, reduction, log_target));
        let each = if log_target {
            target.exp()?.mul(&target.sub(self)?)?
        } else {
            target.xlogy(target)?.sub(&target.mul(self)?)?
        };
        reduced(&each, reduction)
    }
}

fn check_probabilities(x: &Tensor) -> Result<()> {
    let flat = x.contiguous_data()?;
    let fine = per_float!("binary_cross_entropy", x.dtype(), T => {
        let (zero, one) = (<T as crate::dtype::Element>::from_i64(0), <T as crate::dtype::Element>::from_i64(1));
        flat.known::<T>().iter().all(|v| (zero..=one).contains(v))
    });
    if fine { Ok(()) } else { Err(runtime!("all elements of input should be between 0 and 1")) }
}

fn check_logits(x: &Tensor, target: &Tensor) -> Result<()> {
    if !x.dtype().is_float() {
        return Err(Error::NotImplemented { op: "log_sigmoid_cpu".into(), dtype: x.dtype() });
    }
    let dtype = common(x, target);
    if !dtype.can_cast(target.dtype()) {
        return Err(Error::Cast { from: dtype, to: target.dtype() });
    }
    let full = broadcast(x.shape(), target.shape())?;
    if full.as_slice() != target.shape() {
        return Err(runtime!(
            "output with shape {} doesn't match the broadcast shape {}",
            show(target.shape()),
            show(&full)
        ));
    }
    Ok(())
}
