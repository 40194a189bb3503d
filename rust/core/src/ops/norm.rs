//! Batch normalisation (a mean and a variance per channel, dimension 1) and layer normalisation (per row).
//!
//! The derivative is one kernel; where it will be differentiated again, `in_steps` writes the same formula in ops.

mod groups;

use crate::backend::backend;
use crate::backend::nn::{Channels, NormGrads, Normed, Rows};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::ops::promote::check_devices;
use crate::ops::wide::wide_dtype;
use crate::shape::{Dims, show};
use crate::tensor::{Ctx, Grads, Tensor, grad_enabled};
use crate::{runtime, value};

/// Weight and bias of a normalisation, where it has them.
#[derive(Clone, Copy)]
struct Affine<'a> {
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
}

impl<'a> Affine<'a> {
    /// What the op is recorded on.
    fn inputs(&self, x: &'a Tensor) -> Vec<&'a Tensor> {
        [Some(x), self.weight, self.bias].into_iter().flatten().collect()
    }

    /// Parameters have the device and the dtype of the input; float16 and bfloat16 inputs take float32 ones too.
    fn check_kind(&self, x: &Tensor, others: &[Option<&Tensor>]) -> Result<()> {
        for p in [self.weight, self.bias].iter().chain(others).flatten() {
            check_devices(x.device(), [p.device()])?;
            if p.dtype() != x.dtype() && wide_dtype(x.dtype()) != p.dtype() {
                return Err(if x.dtype() == DType::F64 {
                    runtime!("mixed dtype (CPU): all inputs must share same datatype.")
                } else {
                    runtime!("mixed dtype (CPU): expect parameter to have scalar type of Float")
                });
            }
        }
        Ok(())
    }
}

/// What the gradients of a normalisation are made of.
struct Back<'a> {
    x: &'a Tensor,
    g: &'a Tensor,
    weight: Option<&'a Tensor>,
    /// Over which the statistics go, and over which the gradients of weight and bias are summed.
    stat_dims: &'a [isize],
    affine_dims: &'a [isize],
    /// The shape in which weight, bias and given statistics meet `x`.
    meet: &'a [usize],
}

impl Back<'_> {
    /// Gradients in differentiable steps; `given` are mean and 1 / sqrt(var + eps) that do not depend on `x`.
    fn in_steps(&self, given: Option<(&Tensor, &Tensor)>, eps: f64) -> Result<[Tensor; 3]> {
        let dtype = wide_dtype(self.x.dtype());
        let (x, g) = (self.x.to_dtype(dtype)?, self.g.to_dtype(dtype)?);
        let mean = |t: &Tensor| t.mean(self.stat_dims, true, None);
        let (centred, invstd) = match given {
            Some((m, s)) => {
                let fit = |t: &Tensor| t.view(self.meet)?.to_dtype(dtype);
                (x.sub(&fit(m)?)?, fit(s)?)
            }
            None => {
                let centred = x.sub(&mean(&x)?)?;
                let var = mean(&centred.mul(&centred)?)?;
                (centred, var.add_number(eps)?.rsqrt()?)
            }
        };
        let normal = centred.mul(&invstd)?;
        let scaled = match self.weight {
            Some(w) => g.mul(&w.to_dtype(dtype)?.view(self.meet)?)?,
            None => g.clone(),
        };
        let dx = match given {
            Some(_) => scaled.mul(&invstd)?,
            None => {
                let along = scaled.sub(&mean(&scaled)?)?;
                along.sub(&normal.mul(&mean(&scaled.mul(&normal)?)?)?)?.mul(&invstd)?
            }
        };
        let flat = |t: Tensor| -> Result<Tensor> {
            if self.affine_dims.is_empty() { Ok(t) } else { t.sum(self.affine_dims, false, None) }
        };
        Ok([dx, flat(g.mul(&normal)?)?, flat(g)?])
    }
}

/// The gradients that are wanted, in the order of the inputs.
fn sorted(ctx: &Ctx, weight: bool, parts: [Option<Tensor>; 3]) -> Grads {
    let [dx, dweight, dbias] = parts;
    let count = ctx.node.edges.len();
    let bias = count == 2 + usize::from(weight);
    [Some(dx), weight.then_some(dweight), bias.then_some(dbias)].into_iter().flatten().collect()
}

/// Room for the gradients that lead somewhere, in the type kernels compute in.
struct Room {
    dx: Option<Tensor>,
    dweight: Option<Tensor>,
    dbias: Option<Tensor>,
}

impl Room {
    fn new(ctx: &Ctx, x: &Tensor, weight: bool, width: usize) -> Result<Room> {
        let at = 1 + usize::from(weight);
        let has_bias = ctx.node.edges.len() > at;
        let room = |wanted: bool, shape: &[usize]| wanted.then(|| x.wide_out(shape)).transpose();
        Ok(Room {
            dx: room(ctx.needs(0), x.shape())?,
            dweight: room(weight && ctx.needs(1), &[width])?,
            dbias: room(has_bias && ctx.needs(at), &[width])?,
        })
    }

    fn views(&self) -> NormGrads<'_> {
        NormGrads {
            dx: self.dx.as_ref().map(Tensor::raw),
            dweight: self.dweight.as_ref().map(Tensor::raw),
            dbias: self.dbias.as_ref().map(Tensor::raw),
        }
    }

    /// The gradients, with those of weight and bias in their shape.
    fn parts(self, shape: &[usize]) -> [Option<Tensor>; 3] {
        let fit = |t: Tensor| t.alias(Layout::contiguous(shape));
        [self.dx, self.dweight.map(fit), self.dbias.map(fit)]
    }
}

/// A tensor of one number per channel, or the complaint about it.
fn check_channels(what: &str, t: Option<&Tensor>, c: usize) -> Result<()> {
    match t.filter(|t| t.numel() != c) {
        Some(t) => Err(runtime!("{what} should contain {c} elements not {}", t.numel())),
        None => Ok(()),
    }
}

/// What `batch_norm` takes besides the input.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a> {
    pub weight: Option<&'a Tensor>,
    pub bias: Option<&'a Tensor>,
    pub running_mean: Option<&'a Tensor>,
    pub running_var: Option<&'a Tensor>,
    pub training: bool,
    pub momentum: f64,
    pub eps: f64,
}

impl BatchNorm<'_> {
    fn check(&self, x: &Tensor) -> Result<Channels> {
        if x.rank() < 2 {
            return Err(Error::Dim { dim: 1, rank: x.rank() });
        }
        let c = x.shape()[1];
        if !self.training {
            for (what, t) in [("running_mean", self.running_mean), ("running_var", self.running_var)] {
                if t.is_none() {
                    return Err(runtime!("{what} must be defined in evaluation mode"));
                }
            }
        }
        check_channels("running_mean", self.running_mean, c)?;
        check_channels("running_var", self.running_var, c)?;
        check_channels("weight", self.weight, c)?;
        check_channels("bias", self.bias, c)?;
        if self.running_mean.is_some() != self.running_var.is_some() {
            return Err(value!("running_mean and running_var must either both be None or neither be None"));
        }
        if !x.dtype().is_float() {
            return Err(Error::NotImplemented { op: "batch_norm".into(), dtype: x.dtype() });
        }
        for (what, t) in [("running_mean", self.running_mean), ("running_var", self.running_var)] {
            if t.is_some_and(|t| t.requires_grad() && grad_enabled()) {
                return Err(runtime!(
                    "The function 'native_batch_norm' is not differentiable with respect to argument '{what}'. This input cannot have requires_grad True."
                ));
            }
        }
        let affine = Affine { weight: self.weight, bias: self.bias };
        affine.check_kind(x, &[self.running_mean, self.running_var])?;
        Ok(Channels { n: x.shape()[0], c, inner: x.shape()[2..].iter().product() })
    }

    /// Nothing, still with history: weight and bias get gradients of zeros.
    fn of_nothing(&self, x: &Tensor) -> Result<Tensor> {
        let scaled = match self.weight {
            Some(w) => x.dup()?.mul(&w.select(0, 0)?)?,
            None => x.dup()?,
        };
        self.bias.map_or(Ok(scaled.clone()), |b| scaled.add(&b.select(0, 0)?))
    }

    /// Mean and 1 / sqrt(var + eps) as float64; in training those of `x`, and the running ones follow.
    fn statistics(&self, d: Channels, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (mean, var) = match (self.training, self.running_mean, self.running_var) {
            (false, Some(m), Some(v)) => {
                let own = |t: &Tensor| t.copied(DType::F64, Layout::contiguous(&[d.c]));
                (own(m)?, own(v)?)
            }
            _ => {
                let (mean, var) = (x.new_zeros(&[d.c], DType::F64)?, x.new_zeros(&[d.c], DType::F64)?);
                backend(x.device()).batch_norm_stats(d, x.raw(), mean.raw(), var.raw())?;
                let count = (d.n * d.inner) as f64;
                self.follow(self.running_mean, &mean, 1.0)?;
                self.follow(self.running_var, &var, count / (count - 1.0))?;
                (mean, var)
            }
        };
        if var.has_data() {
            // SAFETY: `var` was made above and nobody else holds it.
            let each = unsafe { var.values_mut::<f64>()? };
            each.iter_mut().for_each(|v| *v = 1.0 / (*v + self.eps).sqrt());
        }
        Ok((mean, var))
    }

    /// Move a running statistic towards `by * now`. As in PyTorch this moves no version on.
    fn follow(&self, running: Option<&Tensor>, now: &Tensor, by: f64) -> Result<()> {
        let Some(running) = running else { return Ok(()) };
        if !running.has_data() {
            return Ok(());
        }
        let moved = running.copied(DType::F64, Layout::contiguous(&[now.numel()]))?;
        // SAFETY: `moved` was just made here.
        let each = unsafe { moved.values_mut::<f64>()? }.iter_mut().zip(now.values::<f64>()?);
        // Not a number from one value per channel: an unbiased variance divides by 0.
        each.for_each(|(r, &now)| *r = self.momentum * (now * by) + (1.0 - self.momentum) * *r);
        running.write(&moved.alias(Layout::contiguous(running.shape())))
    }
}

impl Tensor {
    /// `(x - mean) / sqrt(var + eps) * weight + bias` for each channel.
    pub fn batch_norm(&self, how: BatchNorm) -> Result<Tensor> {
        if self.numel() == 0 && self.rank() > 0 {
            return how.of_nothing(self);
        }
        let d = how.check(self)?;
        let x = self.wide()?;
        let (mean, invstd) = how.statistics(d, &x)?;
        let affine = Affine { weight: how.weight, bias: how.bias };
        let (w, b) = (how.weight.map(Tensor::wide).transpose()?, how.bias.map(Tensor::wide).transpose()?);
        let out = self.wide_out(self.shape())?;
        let of = normed(&x, &mean, &invstd, &w);
        backend(self.device()).batch_norm(d, of, b.as_ref().map(Tensor::raw), out.raw())?;
        let inputs = affine.inputs(self);
        let (train, eps, has_weight) = (how.training, how.eps, how.weight.is_some());
        out.cast_data(self.dtype())?.record("NativeBatchNormBackward0", &inputs, |save| {
            let x = save.input(0);
            let w = has_weight.then(|| save.input(1));
            let (mean, invstd) = (save.plain(&mean), save.plain(&invstd));
            move |ctx, g| {
                let (x, w) = (x.get(ctx)?, w.as_ref().map(|w| w.get(ctx)).transpose()?);
                let (mean, invstd) = (mean.get(ctx)?, invstd.get(ctx)?);
                if grad_enabled() {
                    let mut meet = Dims::from_elem(1, x.rank());
                    meet[1] = d.c;
                    let dims: Vec<isize> = (0..x.rank() as isize).filter(|&i| i != 1).collect();
                    let (x, weight) = (&x, w.as_ref());
                    let back = Back { x, g, weight, stat_dims: &dims, affine_dims: &dims, meet: &meet };
                    let given = (!train).then_some((&mean, &invstd));
                    return Ok(sorted(ctx, has_weight, back.in_steps(given, eps)?.map(Some)));
                }
                let room = Room::new(ctx, &x, has_weight, d.c)?;
                let (wide, dy, w) = (x.wide()?, g.wide()?, w.map(|w| w.wide()).transpose()?);
                let of = normed(&wide, &mean, &invstd, &w);
                backend(x.device()).batch_norm_backward(d, of, dy.raw(), train, room.views())?;
                Ok(sorted(ctx, has_weight, room.parts(&[d.c])))
            }
        })
    }

    /// `(x - mean) / sqrt(var + eps) * weight + bias` over the last dimensions, of `shape`.
    pub fn layer_norm(
        &self,
        shape: &[usize],
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        eps: f64,
    ) -> Result<Tensor> {
        check_layer(self, shape, weight, bias)?;
        let affine = Affine { weight, bias };
        affine.check_kind(self, &[])?;
        let lead = self.rank() - shape.len();
        let width: usize = shape.iter().product();
        let d = Rows { rows: self.shape()[..lead].iter().product(), width };
        let (w, b) = (weight.map(Tensor::wide).transpose()?, bias.map(Tensor::wide).transpose()?);
        let (x, out) = (self.wide()?, self.wide_out(self.shape())?);
        let (mean, rstd) = (self.wide_out(&[d.rows])?, self.wide_out(&[d.rows])?);
        let of = normed(&x, &mean, &rstd, &w);
        backend(self.device()).layer_norm(d, of, b.as_ref().map(Tensor::raw), eps, out.raw())?;
        let inputs = affine.inputs(self);
        let (has_weight, shape) = (weight.is_some(), Dims::from_slice(shape));
        out.cast_data(self.dtype())?.record("NativeLayerNormBackward0", &inputs, |save| {
            let x = save.input(0);
            let w = has_weight.then(|| save.input(1));
            let (mean, rstd) = (save.plain(&mean), save.plain(&rstd));
            move |ctx, g| {
                let (x, w) = (x.get(ctx)?, w.as_ref().map(|w| w.get(ctx)).transpose()?);
                if grad_enabled() {
                    let split = lead as isize;
                    let stat_dims: Vec<isize> = (split..x.rank() as isize).collect();
                    let affine_dims: Vec<isize> = (0..split).collect();
                    let (x, weight) = (&x, w.as_ref());
                    let back =
                        Back { x, g, weight, stat_dims: &stat_dims, affine_dims: &affine_dims, meet: &shape };
                    return Ok(sorted(ctx, has_weight, back.in_steps(None, eps)?.map(Some)));
                }
                let (mean, rstd) = (mean.get(ctx)?, rstd.get(ctx)?);
                let room = Room::new(ctx, &x, has_weight, d.width)?;
                let (wide, dy, w) = (x.wide()?, g.wide()?, w.map(|w| w.wide()).transpose()?);
                let of = normed(&wide, &mean, &rstd, &w);
                backend(x.device()).layer_norm_backward(d, of, dy.raw(), room.views())?;
                Ok(sorted(ctx, has_weight, room.parts(&shape)))
            }
        })
    }
}

fn normed<'a>(x: &'a Tensor, mean: &'a Tensor, invstd: &'a Tensor, weight: &'a Option<Tensor>) -> Normed<'a> {
    Normed { x: x.raw(), mean: mean.raw(), invstd: invstd.raw(), weight: weight.as_ref().map(Tensor::raw) }
}

fn check_layer(x: &Tensor, shape: &[usize], weight: Option<&Tensor>, bias: Option<&Tensor>) -> Result<()> {
    if shape.is_empty() {
        return Err(runtime!(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
        ));
    }
    for (what, p) in [("weight", weight), ("bias", bias)] {
        if let Some(p) = p.filter(|p| p.shape() != shape) {
            return Err(runtime!(
                "Expected {what} to be of same shape as normalized_shape, but got {what} of shape {} and normalized_shape = {}",
                show(p.shape()),
                show(shape)
            ));
        }
    }
    if x.rank() < shape.len() || x.shape()[x.rank() - shape.len()..] != *shape {
        let want: String = shape.iter().map(|n| format!(", {n}")).collect();
        return Err(runtime!(
            "Given normalized_shape={}, expected input with shape [*{want}], but got input of size{}",
            show(shape),
            show(x.shape())
        ));
    }
    if !x.dtype().is_float() {
        return Err(Error::NotImplemented { op: "LayerNormKernelImpl".into(), dtype: x.dtype() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
