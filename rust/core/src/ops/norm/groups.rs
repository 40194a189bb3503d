//! Group and instance normalisation, and that by the root mean square.
//!
//! Group norm uses the kernels of batch norm on (1, N * C, ...): statistics of each group, then one pass in which every
//! channel of every sample has its own mean, scale and shift.

use super::{Affine, Back, BatchNorm, check_layer, normed, sorted};
use crate::backend::backend;
use crate::backend::nn::{Channels, NormGrads};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::ops::wide::wide_dtype;
use crate::shape::show;
use crate::tensor::{Tensor, grad_enabled, no_grad};
use crate::{per_float, runtime};

/// The sizes of a group norm.
#[derive(Clone, Copy)]
struct Groups {
    n: usize,
    c: usize,
    inner: usize,
    groups: usize,
}

impl Groups {
    fn new(x: &Tensor, groups: i64, weight: Option<&Tensor>, bias: Option<&Tensor>) -> Result<Groups> {
        if x.rank() < 2 {
            return Err(runtime!(
                "Expected at least 2 dimensions for input tensor but received {}",
                x.rank()
            ));
        }
        if groups <= 0 {
            return Err(runtime!("Expected num groups to be greater than 0, got {groups}"));
        }
        let (n, c, groups) = (x.shape()[0], x.shape()[1], groups as usize);
        let inner = x.shape()[2..].iter().product();
        if c == 0 {
            return Err(runtime!("Expected number of channels to be greater than 0, got 0"));
        }
        if inner == 0 {
            return Err(runtime!("Expected HxW to be greater than 0, got 0"));
        }
        if !c.is_multiple_of(groups) {
            return Err(runtime!(
                "Expected number of channels in input to be divisible by num_groups, but got input of shape {} and num_groups={groups}",
                show(x.shape())
            ));
        }
        for (what, t) in [("weight", weight), ("bias", bias)] {
            if let Some(t) = t.filter(|t| t.shape() != [c]) {
                return Err(runtime!(
                    "Expected {what} to be a vector of size equal to the number of channels in input, but got {what} of shape {} and input of shape {}",
                    show(t.shape()),
                    show(x.shape())
                ));
            }
        }
        if !x.dtype().is_float() {
            return Err(Error::NotImplemented { op: "GroupNormKernelImpl".into(), dtype: x.dtype() });
        }
        Affine { weight, bias }.check_dtype(x, &[])?;
        Ok(Groups { n, c, inner, groups })
    }

    /// All channels of all samples as channels of one.
    fn channels(self) -> Channels {
        Channels { n: 1, c: self.n * self.c, inner: self.inner }
    }

    /// Channels of a group.
    fn width(self) -> usize {
        self.c / self.groups
    }

    /// One number per group, for each of its channels.
    fn spread(self, each: &Tensor) -> Result<Tensor> {
        let width = self.width();
        let all: Vec<f64> = each.slice::<f64>().iter().flat_map(|&v| std::iter::repeat_n(v, width)).collect();
        Tensor::from_slice(&all, &[self.n * self.c])
    }

    /// One number per channel, for each sample.
    fn tile(self, each: Option<&Tensor>) -> Result<Option<Tensor>> {
        each.map(|t| t.wide()?.expand_data(&[self.n, self.c])?.contiguous_data()).transpose()
    }

    /// The gradients of input, weight and bias in a few passes.
    fn backward(
        self,
        x: &Tensor,
        g: &Tensor,
        weight: Option<&Tensor>,
        mean: &Tensor,
        invstd: &Tensor,
    ) -> Result<[Tensor; 3]> {
        let (d, on) = (self.channels(), backend(x.device()));
        let (wide, dy) = (x.wide()?, g.wide()?);
        let (means, stds) = (self.spread(mean)?, self.spread(invstd)?);
        // Sums over each channel of each sample: of g times the normalised input, and of g.
        let (along, whole) = (x.wide_out(&[d.c])?, x.wide_out(&[d.c])?);
        let wanted = NormGrads { dx: None, dweight: Some(along.raw()), dbias: Some(whole.raw()) };
        on.batch_norm_backward(d, normed(&wide, &means, &stds, &None), dy.raw(), false, wanted)?;
        let tiled = self.tile(weight)?;
        let dx = x.wide_out(x.shape())?;
        let wanted = NormGrads { dx: Some(dx.raw()), dweight: None, dbias: None };
        on.batch_norm_backward(d, normed(&wide, &means, &stds, &tiled), dy.raw(), false, wanted)?;
        // Minus what the statistics pass on, a line in x for each group.
        let (slope, shift) = (x.wide_out(&[d.c])?, x.wide_out(&[d.c])?);
        per_float!("GroupNormBackwardKernelImpl", wide.dtype(), T => {
            let (along, whole) = (along.slice::<T>(), whole.slice::<T>());
            let w = tiled.as_ref().map(|t| t.slice::<T>());
            let scale = |i: usize| w.map_or(1.0, |w| w[i].to_f64());
            // SAFETY: both were just made here.
            let (slope, shift) = unsafe { (slope.slice_mut::<T>(), shift.slice_mut::<T>()) };
            let count = (self.width() * self.inner) as f64;
            for (group, invstd) in invstd.slice::<f64>().iter().enumerate() {
                let own = group * self.width()..(group + 1) * self.width();
                let total = |of: &[T]| own.clone().map(|i| scale(i) * of[i].to_f64()).sum::<f64>();
                let (a, b) = (-invstd * total(along) / count, -invstd * total(whole) / count);
                slope[own.clone()].fill(T::from_f64(a));
                shift[own].fill(T::from_f64(b));
            }
        });
        let line = x.wide_out(x.shape())?;
        on.batch_norm(d, normed(&wide, &means, &stds, &Some(slope)), Some(shift.raw()), line.raw())?;
        let per_channel = |t: Tensor| t.alias(Layout::contiguous(&[self.n, self.c])).sum(&[0], false, None);
        Ok([dx.add(&line)?, per_channel(along)?, per_channel(whole)?])
    }
}

impl Tensor {
    /// `(x - mean) / sqrt(var + eps) * weight + bias` for each group of channels of each sample.
    pub fn group_norm(
        &self,
        groups: i64,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        eps: f64,
    ) -> Result<Tensor> {
        Ok(self.native_group_norm(groups, weight, bias, eps)?.swap_remove(0))
    }

    /// The same, and the mean and `1 / sqrt(var + eps)` of each group.
    pub fn native_group_norm(
        &self,
        groups: i64,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        eps: f64,
    ) -> Result<Vec<Tensor>> {
        let d = Groups::new(self, groups, weight, bias)?;
        let stats = [d.n, d.groups];
        if self.numel() == 0 {
            let mut out = self.dup()?;
            if let Some(w) = weight {
                out = out.mul(&w.sum(&[], false, None)?)?;
            }
            if let Some(b) = bias {
                out = out.add(&b.sum(&[], false, None)?)?;
            }
            let zeros = || Tensor::zeros(&stats, self.dtype());
            return Ok(vec![out, zeros()?, zeros()?]);
        }
        let (x, on) = (self.wide()?, backend(self.device()));
        let count = d.n * d.groups;
        let (mean, invstd) = (Tensor::zeros(&[count], DType::F64)?, Tensor::zeros(&[count], DType::F64)?);
        let per_group = Channels { n: 1, c: count, inner: d.width() * d.inner };
        on.batch_norm_stats(per_group, x.raw(), mean.raw(), invstd.raw())?;
        // SAFETY: made above, and nobody else holds it.
        unsafe { invstd.slice_mut::<f64>() }.iter_mut().for_each(|v| *v = 1.0 / (*v + eps).sqrt());
        let (means, stds, w, b) = (d.spread(&mean)?, d.spread(&invstd)?, d.tile(weight)?, d.tile(bias)?);
        let out = self.wide_out(self.shape())?;
        let of = normed(&x, &means, &stds, &w);
        on.batch_norm(d.channels(), of, b.as_ref().map(Tensor::raw), out.raw())?;
        let shown = |t: &Tensor| t.alias(Layout::contiguous(&stats)).cast_data(self.dtype());
        let (shown_mean, shown_invstd) = (shown(&mean)?, shown(&invstd)?);
        let has_weight = weight.is_some();
        let inputs = Affine { weight, bias }.inputs(self);
        let out = out.cast_data(self.dtype())?.record("NativeGroupNormBackward0", &inputs, |save| {
            let x = save.input(0);
            let w = has_weight.then(|| save.input(1));
            let (mean, invstd) = (save.plain(&mean), save.plain(&invstd));
            move |ctx, g| {
                let (x, w) = (x.get(ctx)?, w.as_ref().map(|w| w.get(ctx)).transpose()?);
                if grad_enabled() {
                    let split = [d.n, d.groups, d.width(), d.inner];
                    let (xs, gs) = (x.reshape(&split)?, g.reshape(&split)?);
                    let meet = [1, d.groups, d.width(), 1];
                    let (stat_dims, affine_dims) = (&[2, 3], &[0, 3]);
                    let back =
                        Back { x: &xs, g: &gs, weight: w.as_ref(), stat_dims, affine_dims, meet: &meet };
                    let [dx, dw, db] = back.in_steps(None, eps)?;
                    let parts = [dx.reshape(x.shape())?, dw.reshape(&[d.c])?, db.reshape(&[d.c])?];
                    return Ok(sorted(ctx, has_weight, parts.map(Some)));
                }
                let parts = d.backward(&x, g, w.as_ref(), &mean.get(ctx)?, &invstd.get(ctx)?)?;
                Ok(sorted(ctx, has_weight, parts.map(Some)))
            }
        })?;
        Ok(vec![out, shown_mean, shown_invstd])
    }

    /// Batch norm of each sample by itself; running statistics move towards the mean over the samples.
    pub fn instance_norm(&self, how: BatchNorm) -> Result<Tensor> {
        if !how.training && (how.running_mean.is_none() || how.running_var.is_none()) {
            return Err(runtime!(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            ));
        }
        if self.rank() < 2 {
            return Err(Error::Dim { dim: 1, rank: self.rank() });
        }
        let (n, c) = (self.shape()[0], self.shape()[1]);
        let mut shape = self.layout().shape.clone();
        (shape[0], shape[1]) = (1, n * c);
        let repeated = |t: Option<&Tensor>| t.map(|t| t.repeat(&[n as isize])).transpose();
        let (weight, bias) = (repeated(how.weight)?, repeated(how.bias)?);
        let (mean, var) =
            no_grad(|| Ok::<_, Error>((repeated(how.running_mean)?, repeated(how.running_var)?)))?;
        let out = self.reshape(&shape)?.batch_norm(BatchNorm {
            weight: weight.as_ref(),
            bias: bias.as_ref(),
            running_mean: mean.as_ref(),
            running_var: var.as_ref(),
            ..how
        })?;
        if how.training {
            for (running, moved) in [(how.running_mean, &mean), (how.running_var, &var)] {
                if let (Some(running), Some(moved)) = (running, moved) {
                    let now = no_grad(|| moved.view(&[n, c])?.mean(&[0], false, None))?;
                    running.write(&now.cast_data(running.dtype())?)?;
                }
            }
        }
        out.view(self.shape())
    }

    /// `x / sqrt(mean(x^2) + eps) * weight` over the last dimensions, of `shape`.
    pub fn rms_norm(&self, shape: &[usize], weight: Option<&Tensor>, eps: Option<f64>) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "rms_norm".into(), dtype: self.dtype() });
        }
        // PyTorch writes the expected shape without a comma here.
        check_layer(self, shape, weight, None).map_err(|e| match e {
            Error::Runtime(text) => Error::Runtime(text.replacen("[*, ", "[*", 1)),
            other => other,
        })?;
        let eps = eps.unwrap_or(match self.dtype() {
            DType::F64 => f64::EPSILON,
            _ => f64::from(f32::EPSILON),
        });
        let split = (self.rank() - shape.len()) as isize;
        let dims: Vec<isize> = (split..self.rank() as isize).collect();
        let x = self.to_dtype(wide_dtype(self.dtype()))?;
        let scale = x.square()?.mean(&dims, true, None)?.add_number(eps)?.rsqrt()?;
        let normal = x.mul(&scale)?.to_dtype(self.dtype())?;
        weight.map_or(Ok(normal.clone()), |w| normal.mul(w)?.to_dtype(self.dtype()))
    }

    /// `layer_norm`, and the mean and `1 / sqrt(var + eps)` of each row.
    pub fn native_layer_norm(
        &self,
        shape: &[usize],
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        eps: f64,
    ) -> Result<Vec<Tensor>> {
        let out = self.layer_norm(shape, weight, bias, eps)?;
        let dims: Vec<isize> = ((self.rank() - shape.len()) as isize..self.rank() as isize).collect();
        let [mean, invstd] = no_grad(|| self.moments_over(&dims, eps))?;
        Ok(vec![out, mean, invstd])
    }

    /// `batch_norm`, and in training the mean and `1 / sqrt(var + eps)` of each channel.
    pub fn native_batch_norm(&self, how: BatchNorm) -> Result<Vec<Tensor>> {
        let out = self.batch_norm(how)?;
        if !how.training {
            let none = || Tensor::zeros(&[0], self.dtype());
            return Ok(vec![out, none()?, none()?]);
        }
        let dims: Vec<isize> = (0..self.rank() as isize).filter(|&d| d != 1).collect();
        let [mean, invstd] = no_grad(|| self.moments_over(&dims, how.eps))?;
        let channels = [mean.numel()];
        Ok(vec![out, mean.reshape(&channels)?, invstd.reshape(&channels)?])
    }

    fn moments_over(&self, dims: &[isize], eps: f64) -> Result<[Tensor; 2]> {
        let x = self.to_dtype(wide_dtype(self.dtype()))?;
        let mean = x.mean(dims, true, None)?;
        let var = x.sub(&mean)?.square()?.mean(dims, true, None)?;
        let invstd = var.add_number(eps)?.rsqrt()?;
        Ok([mean.cast_data(self.dtype())?, invstd.cast_data(self.dtype())?])
    }
}
