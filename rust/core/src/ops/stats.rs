//! Spread and size of a sample: `var`, `std`, norms, `logsumexp`, `dist`.
//!
//! Variances are computed in two passes in f64: the mean first, then the squared distances from it.

use crate::backend::{Fold, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::layout::Layout;
use crate::ops::index::add;
use crate::ops::promote::float_type;
use crate::ops::reduce::Spread;
use crate::shape::{dim_mask, reduced, show};
use crate::tensor::{Scalar, Tensor, no_grad};
use crate::{missing, per_float, runtime};

/// Which dimensions, and by what the sum of squares is divided: the number of elements less `correction`.
#[derive(Clone)]
struct Sample {
    dims: Vec<isize>,
    correction: f64,
    spread: Spread,
}

impl Sample {
    /// The gradient of the variance.
    fn var_backward(&self, x: &Tensor, g: &Tensor) -> Result<Tensor> {
        let scale = 2.0 / (self.spread.count() as f64 - self.correction);
        let away = x.sub(&x.mean(&self.dims, true, None)?)?;
        self.spread.keep(g)?.mul_number(scale)?.mul(&away)
    }

    /// The gradient of the standard deviation `y`; none where it is zero.
    fn std_backward(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
        let zero = Tensor::wrapped(Scalar::Float(0.0))?;
        let g = Tensor::choose(&y.detach().eq(&zero)?, &zero, &g.div(&y.mul_number(2.0)?)?)?;
        self.var_backward(x, &g)
    }

    fn mean_backward(&self, g: &Tensor) -> Result<Tensor> {
        self.spread.expand(&g.over(self.spread.count())?)
    }
}

impl Tensor {
    /// Mean and variance (or its root) in f64, without history.
    fn moments(
        &self,
        name: &str,
        dims: &[isize],
        correction: f64,
        root: bool,
    ) -> Result<(Sample, [Tensor; 2])> {
        if !self.dtype().is_float() {
            return Err(missing!("{name} only support floating point and complex dtypes"));
        }
        let mask = dim_mask(dims, self.rank())?;
        let x = self.widened()?;
        let kept = Layout::contiguous(&reduced(x.shape(), &mask, true));
        let mean = Tensor::empty_on(kept.clone(), DType::F64, x.device())?;
        let var = Tensor::empty_on(kept, DType::F64, x.device())?;
        backend(x.device()).moments(x.raw(), &mask, correction, mean.raw(), var.raw())?;
        let var = if root { var.sqrt()? } else { var };
        let sample = Sample { dims: dims.to_vec(), correction, spread: Spread::new(self, &mask) };
        Ok((sample, [mean.cast_data(self.dtype())?, var.cast_data(self.dtype())?]))
    }

    /// The variance over `dims` (all if empty).
    pub fn var(&self, dims: &[isize], correction: f64, keepdim: bool) -> Result<Tensor> {
        let (sample, [_, var]) = self.moments("std and var", dims, correction, false)?;
        var.unkept(&dim_mask(dims, self.rank())?, keepdim)?.record("VarBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| grads![Some(sample.var_backward(&x.get(ctx)?, g)?)]
        })
    }

    /// The standard deviation over `dims` (all if empty).
    pub fn std(&self, dims: &[isize], correction: f64, keepdim: bool) -> Result<Tensor> {
        let (sample, [_, std]) = self.moments("std and var", dims, correction, true)?;
        std.unkept(&dim_mask(dims, self.rank())?, keepdim)?.record("StdBackward0", &[self], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| grads![Some(sample.std_backward(&x.get(ctx)?, &y.get(ctx)?, g)?)]
        })
    }

    /// Variance and mean over `dims` (all if empty).
    pub fn var_mean(&self, dims: &[isize], correction: f64, keepdim: bool) -> Result<Vec<Tensor>> {
        self.with_mean(dims, correction, keepdim, false)
    }

    /// Standard deviation and mean over `dims` (all if empty).
    pub fn std_mean(&self, dims: &[isize], correction: f64, keepdim: bool) -> Result<Vec<Tensor>> {
        self.with_mean(dims, correction, keepdim, true)
    }

    fn with_mean(&self, dims: &[isize], correction: f64, keepdim: bool, root: bool) -> Result<Vec<Tensor>> {
        let (name, grad) =
            if root { ("std_mean", "StdMeanBackward0") } else { ("var_mean", "VarMeanBackward0") };
        let (sample, [mean, var]) = self.moments(name, dims, correction, root)?;
        let mask = dim_mask(dims, self.rank())?;
        let outs = vec![var.unkept(&mask, keepdim)?, mean.unkept(&mask, keepdim)?];
        Tensor::record_all(outs, grad, &[self], |save| {
            let (x, y) = (save.input(0), root.then(|| save.output(0)));
            move |ctx, g| {
                let spread = match (&g[0], &y) {
                    (Some(g), Some(y)) => Some(sample.std_backward(&x.get(ctx)?, &y.get(ctx)?, g)?),
                    (Some(g), None) => Some(sample.var_backward(&x.get(ctx)?, g)?),
                    (None, _) => None,
                };
                let mean = g[1].as_ref().map(|g| sample.mean_backward(g)).transpose()?;
                grads![match (spread, mean) {
                    (Some(a), Some(b)) => Some(a.add(&b)?),
                    (a, b) => a.or(b),
                }]
            }
        })
    }

    /// The p-norm over `dims` (all if empty): of order 0 the number of nonzero elements, of order infinity the largest
    /// magnitude.
    pub fn vector_norm(&self, p: f64, dims: &[isize], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(missing!(
                "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
                self.dtype().scalar_type()
            ));
        }
        let to = dtype.unwrap_or(self.dtype());
        if !to.is_float() {
            return Err(runtime!(
                "linalg.vector_norm: dtype should be floating point or complex, but got {}",
                to.scalar_type()
            ));
        }
        if self.dtype().promote(to) != to {
            return Err(runtime!(
                "linalg.vector_norm: the dtype of the input ({}) should be convertible without narrowing to the specified dtype ({})",
                self.dtype().scalar_type(),
                to.scalar_type()
            ));
        }
        let mask = dim_mask(dims, self.rank())?;
        if self.numel() == 0 && (p < 0.0 || p == f64::INFINITY) {
            if dims.is_empty() || dims.len() == self.rank() {
                return Err(runtime!(
                    "linalg.vector_norm cannot compute the {p} norm on an empty tensor because the operation does not have an identity"
                ));
            }
            if let Some(d) = (0..self.rank()).find(|&d| mask[d] && self.shape()[d] == 0) {
                return Err(runtime!(
                    "linalg.vector_norm cannot compute the {p} norm on the dimension {d}because this dimension is empty and the operation does not have an identity"
                ));
            }
        }
        let out = self.cast_data(to)?.fold(Fold::Norm(p), &mask, keepdim, to)?;
        let spread = Spread::new(self, &mask);
        out.record("LinalgVectorNormBackward0", &[self], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| grads![norm_backward(&x.get(ctx)?, &y.get(ctx)?, g, p, &spread)?]
        })
    }

    /// The p-norm of the difference.
    pub fn dist(&self, other: &Tensor, p: f64) -> Result<Tensor> {
        for t in [self, other] {
            if !t.dtype().is_float() {
                return Err(missing!(
                    "norm(): input dtype should be either floating point or complex. Got {} instead.",
                    t.dtype().scalar_type()
                ));
            }
        }
        let out = no_grad(|| self.sub(other)?.vector_norm(p, &[], false, None))?;
        out.record("DistBackward0", &[self, other], |save| {
            let (a, b, y) = (save.input(0), save.input(1), save.output(0));
            move |ctx, g| {
                let away = a.get(ctx)?.sub(&b.get(ctx)?)?;
                let spread = Spread::new(&away, &dim_mask(&[], away.rank())?);
                let da = norm_backward(&away, &y.get(ctx)?, g, p, &spread)?;
                let db = da.as_ref().map(Tensor::neg).transpose()?;
                grads![da, db]
            }
        })
    }

    /// The logarithm of the sum of exponentials over `dims`.
    pub fn logsumexp(&self, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        let x = self.to_dtype(float_type(self.dtype()))?;
        let mask = dim_mask(dims, x.rank())?;
        if dims.is_empty() && x.rank() > 0 {
            return Err(runtime!(
                "output with shape [] doesn't match the broadcast shape {}",
                show(&vec![1; x.rank()])
            ));
        }
        let out = no_grad(|| -> Result<Tensor> {
            let wide = x.widened()?;
            if wide.numel() == 0 {
                return wide.exp()?.sum(dims, keepdim, None)?.log();
            }
            let top = wide.amax(dims, true)?;
            // An infinite maximum is not taken off: infinity less infinity is NaN.
            let zero = Tensor::wrapped(Scalar::Float(0.0))?;
            let top = Tensor::choose(&top.isinf()?, &zero, &top)?;
            wide.sub(&top)?.exp()?.sum(dims, true, None)?.log()?.add(&top)?.unkept(&mask, keepdim)
        })?;
        let spread = Spread::new(&x, &mask);
        out.cast_data(x.dtype())?.record("LogsumexpBackward0", &[&x], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| {
                let away = x.get(ctx)?.sub(&spread.keep(&y.get(ctx)?)?)?;
                grads![Some(spread.keep(g)?.mul(&away.exp()?)?)]
            }
        })
    }
}

impl Tensor {
    /// How often each number occurs in a vector of natural numbers, or the sum of the weights where it occurs.
    pub fn bincount(&self, weights: Option<&Tensor>, least: isize) -> Result<Tensor> {
        if !self.dtype().is_int() {
            return Err(Error::NotImplemented { op: "bincount_cpu".into(), dtype: self.dtype() });
        }
        let Ok(least) = usize::try_from(least) else {
            return Err(runtime!("minlength should be >= 0"));
        };
        if self.rank() == 1 && self.numel() == 0 {
            return self.new_zeros(&[least], DType::I64);
        }
        self.check_data_for("bincount")?;
        let index = self.cast_data(DType::I64)?.contiguous_data()?;
        let index = index.values::<i64>()?;
        if self.rank() != 1 || index.iter().any(|&i| i < 0) {
            return Err(runtime!("bincount only supports 1-d non-negative integral inputs."));
        }
        let size = index.iter().max().map_or(0, |&i| i as usize + 1).max(least);
        let Some(weights) = weights else {
            let out = Tensor::zeros(&[size], DType::I64)?;
            // SAFETY: `out` was just made here.
            let counts = unsafe { out.values_mut::<i64>()? };
            index.iter().for_each(|&i| counts[i as usize] += 1);
            return Ok(out);
        };
        if weights.shape() != self.shape() {
            return Err(runtime!("weights should be 1-d and have the same length as input"));
        }
        let dtype = if weights.dtype() == DType::F32 { DType::F32 } else { DType::F64 };
        let values = weights.detach_data().cast_data(dtype)?.contiguous_data()?;
        let out = Tensor::zeros(&[size], dtype)?;
        per_float!("bincount_cpu", dtype, T => {
            // SAFETY: `out` was just made here.
            let sums = unsafe { out.values_mut::<T>()? };
            for (&i, &v) in index.iter().zip(values.values::<T>()?) {
                sums[i as usize] = add(sums[i as usize], v);
            }
        });
        out.record("NotImplemented", &[weights], |_| {
            |_, _| Err(runtime!("derivative for aten::bincount is not implemented"))
        })
    }
}

/// The gradient of a p-norm `y` of `x`; none at all for order 0.
pub(crate) fn norm_backward(
    x: &Tensor,
    y: &Tensor,
    g: &Tensor,
    p: f64,
    spread: &Spread,
) -> Result<Option<Tensor>> {
    let (y, g) = (spread.keep(y)?, spread.keep(g)?);
    let zero = Tensor::wrapped(Scalar::Float(0.0))?;
    let unless = |gone: Tensor, t: Tensor| Tensor::choose(&gone, &zero, &t);
    let flat = y.detach().eq(&zero)?;
    Ok(Some(match p {
        0.0 => return Ok(None),
        1.0 => x.sgn()?.mul(&g)?,
        2.0 => g.mul(&unless(flat, x.div(&y)?)?)?,
        _ if p.is_infinite() => {
            let size = x.detach().abs()?;
            let hit = size.eq(&y.detach())?.logical_or(&size.isnan()?)?;
            let dims: Vec<isize> =
                (0..x.rank()).filter(|&d| spread.kept[d] == 1).map(|d| d as isize).collect();
            x.sgn()?.mul(&g.div(&hit.sum(&dims, true, None)?)?.mul(&hit)?)?
        }
        _ if p < 1.0 => {
            let scaled = x
                .sgn()?
                .mul(&unless(x.detach().eq(&zero)?, x.abs()?.pow_scalar(Scalar::Float(p - 1.0))?)?)?;
            scaled.mul(&g)?.mul(&y.pow_scalar(Scalar::Float(1.0 - p))?)?
        }
        _ => {
            let scaled = if p < 2.0 {
                x.sgn()?.mul(&x.abs()?.pow_scalar(Scalar::Float(p - 1.0))?)?
            } else {
                x.mul(&x.abs()?.pow_scalar(Scalar::Float(p - 2.0))?)?
            };
            scaled.mul(&unless(flat, g.div(&y.pow_scalar(Scalar::Float(p - 1.0))?)?)?)?
        }
    }))
}
