//! Elements by their rank or frequency: `quantile`, `nanquantile`, `mode`.

use crate::backend::cpu::search::most_frequent;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::{dim_mask, reduced, wrap_dim};
use crate::tensor::{Scalar, Tensor, no_grad};
use crate::{autocast, per_dtype, runtime};

/// What `quantile` takes where a quantile lies between two elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    Linear,
    Lower,
    Higher,
    Midpoint,
    Nearest,
}

impl Between {
    /// By PyTorch's name.
    pub fn parse(name: &str) -> Result<Between> {
        Ok(match name {
            "linear" => Between::Linear,
            "lower" => Between::Lower,
            "higher" => Between::Higher,
            "midpoint" => Between::Midpoint,
            "nearest" => Between::Nearest,
            _ => {
                return Err(runtime!(
                    "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {name}"
                ));
            }
        })
    }
}

impl Tensor {
    /// The most frequent element along `dim`, the least of several, and where it stands.
    pub fn mode(&self, dim: isize, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let dim = wrap_dim(dim, self.rank())?;
        let mask = dim_mask(&[dim as isize], self.rank())?;
        self.check_extreme("mode", &mask, false)?;
        let (sorted, order) = no_grad(|| self.detach().sort(dim as isize, false, None))?;
        let last = |t: &Tensor| -> Result<Tensor> {
            if t.rank() == 0 { t.reshape(&[1]) } else { t.movedim(&[dim as isize], &[-1]) }?.contiguous_data()
        };
        let (rows, order) = no_grad(|| Ok::<_, Error>((last(&sorted)?, last(&order)?)))?;
        let width = rows.shape()[rows.rank() - 1].max(1);
        let kept = reduced(self.shape(), &mask, true);
        let values = self.new_empty(&kept, self.dtype())?;
        let indices = self.new_empty(&kept, DType::I64)?;
        if values.has_data() {
            per_dtype!(self.dtype(), T => {
                // SAFETY: both were just made here.
                let (to, at) = unsafe { (values.values_mut::<T>()?, indices.values_mut::<i64>()?) };
                let order = order.values::<i64>()?;
                for (r, row) in rows.values::<T>()?.chunks(width).enumerate() {
                    let i = most_frequent(row);
                    (to[r], at[r]) = (row[i], order[r * width + i]);
                }
            });
        }
        self.selected("ModeBackward0", dim, keepdim, values, indices)
    }

    /// The quantiles `q` along `dim`, or of all elements; several of them in a new first dimension. NaN if there is one
    /// among the elements, unless `skip_nan`.
    pub fn quantile(
        &self,
        q: &Tensor,
        dim: Option<isize>,
        keepdim: bool,
        between: Between,
        skip_nan: bool,
    ) -> Result<Tensor> {
        autocast!("quantile"; x = self, q = q => x.quantile(&q, dim, keepdim, between, skip_nan));
        if q.is_wrapped() {
            let number = q.item()?.to_f64();
            if !(0.0..=1.0).contains(&number) {
                return Err(runtime!("quantile() q must be in the range [0, 1] but got {number}"));
            }
        }
        let q = if q.is_wrapped() { q.to_dtype(self.dtype())?.on(self.device())? } else { q.clone() };
        if self.numel() == 0 {
            return Err(runtime!("quantile() input tensor must be non-empty"));
        }
        if q.rank() > 1 {
            return Err(runtime!("quantile() q must be a scalar or 1D tensor"));
        }
        if !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Err(runtime!("quantile() input tensor must be either float or double dtype"));
        }
        if q.dtype() != self.dtype() {
            return Err(runtime!("quantile() q tensor must be same dtype as the input tensor"));
        }
        let outside = |q: &Tensor| -> Result<bool> {
            let q = q.detach();
            let (zero, one) = (Tensor::wrapped(Scalar::Int(0))?, Tensor::wrapped(Scalar::Int(1))?);
            let inside = q.ge(&zero)?.logical_and(&q.le(&one)?)?;
            Ok(inside.all(None, false)?.item()?.to_f64() == 0.0)
        };
        if q.has_data() && outside(&q)? {
            return Err(runtime!("quantile() q values must be in the range [0, 1]"));
        }
        let d = dim.map(|d| wrap_dim(d, self.rank())).transpose()?;
        // Rows of elements in order.
        let rows = match d {
            None => self.reshape(&[self.numel()])?,
            Some(_) if self.rank() == 0 => self.reshape(&[1])?,
            Some(d) => self.movedim(&[d as isize], &[-1])?,
        };
        let n = rows.shape()[rows.rank() - 1];
        let (sorted, _) = rows.sort(-1, false, None)?;
        // The place of each quantile in each row: [..., quantiles].
        let quantiles = q.reshape_sizes(&[-1])?;
        let nan = sorted.detach().isnan()?;
        let ranks = if skip_nan {
            let count = nan.logical_not()?.sum(&[-1], true, None)?.to_dtype(self.dtype())?;
            quantiles.mul(&count.add_number(-1.0)?)?.clamp_min(Scalar::Int(0))?
        } else {
            let spoilt = nan.any(Some(&[-1]), true)?;
            let ranks = quantiles.mul_number(n as f64 - 1.0)?;
            Tensor::choose(&spoilt, &Tensor::wrapped(Scalar::Float(n as f64 - 1.0))?, &ranks)?
        };
        let ranks = match between {
            Between::Lower => ranks.floor()?,
            Between::Higher => ranks.ceil()?,
            Between::Nearest => ranks.round()?,
            _ => ranks,
        };
        let below = ranks.detach().to_dtype(DType::I64)?;
        let mut out = sorted.gather(-1, &below)?;
        if matches!(between, Between::Linear | Between::Midpoint) {
            let above = sorted.gather(-1, &ranks.detach().ceil()?.to_dtype(DType::I64)?)?;
            out = match between {
                Between::Midpoint => out.lerp(&above, Scalar::Float(0.5))?,
                _ => out.lerp_tensor(&above, &ranks.sub(&below.to_dtype(self.dtype())?)?)?,
            };
        }
        // The quantiles go to the front, the dimension they were taken of to its place.
        let out = out.movedim(&[-1], &[0])?;
        let out = if keepdim {
            match d {
                None => out.reshape(
                    &std::iter::once(q.numel()).chain(self.shape().iter().map(|_| 1)).collect::<Vec<_>>(),
                )?,
                Some(_) if self.rank() == 0 => out,
                Some(d) => out.unsqueeze(d as isize + 1)?,
            }
        } else {
            out
        };
        if q.rank() == 0 { out.squeeze(Some(&[0])) } else { Ok(out) }
    }
}
