//! Group and instance normalisation, and that by the root mean square.

use super::{Affine, Back, BatchNorm, Room, check_layer, normed, sorted};
use crate::backend::backend;
use crate::backend::nn::Groups;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::ops::wide::wide_dtype;
use crate::runtime;
use crate::shape::show;
use crate::tensor::{Tensor, grad_enabled, no_grad};

/// What `group_norm` refuses, and the sizes.
fn checked(x: &Tensor, groups: i64, weight: Option<&Tensor>, bias: Option<&Tensor>) -> Result<Groups> {
    if x.rank() < 2 {
        return Err(runtime!("Expected at least 2 dimensions for input tensor but received {}", x.rank()));
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
    Affine { weight, bias }.check_kind(x, &[])?;
    Ok(Groups { n, groups, width: c / groups, inner })
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
        let d = checked(self, groups, weight, bias)?;
        let stats = [d.n, d.groups];
        if self.numel() == 0 {
            let mut out = self.dup()?;
            if let Some(w) = weight {
                out = out.mul(&w.sum(&[], false, None)?)?;
            }
            if let Some(b) = bias {
                out = out.add(&b.sum(&[], false, None)?)?;
            }
            let zeros = || self.new_zeros(&stats, self.dtype());
            return Ok(vec![out, zeros()?, zeros()?]);
        }
        let (x, on) = (self.wide()?, backend(self.device()));
        let count = d.n * d.groups;
        let (mean, invstd) = (self.new_zeros(&[count], DType::F64)?, self.new_zeros(&[count], DType::F64)?);
        let (w, b) = (weight.map(Tensor::wide).transpose()?, bias.map(Tensor::wide).transpose()?);
        let out = self.wide_out(self.shape())?;
        let of = normed(&x, &mean, &invstd, &w);
        on.group_norm(d, of, b.as_ref().map(Tensor::raw), eps, out.raw())?;
        let shown = |t: &Tensor| t.alias(Layout::contiguous(&stats)).cast_data(self.dtype());
        let (shown_mean, shown_invstd) = (shown(&mean)?, shown(&invstd)?);
        let (has_weight, channels) = (weight.is_some(), d.groups * d.width);
        let inputs = Affine { weight, bias }.inputs(self);
        let out = out.cast_data(self.dtype())?.record("NativeGroupNormBackward0", &inputs, |save| {
            let x = save.input(0);
            let w = has_weight.then(|| save.input(1));
            let (mean, invstd) = (save.plain(&mean), save.plain(&invstd));
            move |ctx, g| {
                let (x, w) = (x.get(ctx)?, w.as_ref().map(|w| w.get(ctx)).transpose()?);
                if grad_enabled() {
                    let split = [d.n, d.groups, d.width, d.inner];
                    let (xs, gs) = (x.reshape(&split)?, g.reshape(&split)?);
                    let meet = [1, d.groups, d.width, 1];
                    let (stat_dims, affine_dims) = (&[2, 3], &[0, 3]);
                    let back =
                        Back { x: &xs, g: &gs, weight: w.as_ref(), stat_dims, affine_dims, meet: &meet };
                    let [dx, dw, db] = back.in_steps(None, eps)?;
                    let parts = [dx.reshape(x.shape())?, dw.reshape(&[channels])?, db.reshape(&[channels])?];
                    return Ok(sorted(ctx, has_weight, parts.map(Some)));
                }
                let (mean, invstd) = (mean.get(ctx)?, invstd.get(ctx)?);
                let room = Room::new(ctx, &x, has_weight, channels)?;
                let (wide, dy, w) = (x.wide()?, g.wide()?, w.map(|w| w.wide()).transpose()?);
                let of = normed(&wide, &mean, &invstd, &w);
                backend(x.device()).group_norm_backward(d, of, dy.raw(), room.views())?;
                Ok(sorted(ctx, has_weight, room.parts(&[channels])))
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
            let none = || self.new_zeros(&[0], self.dtype());
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
