//! Dropout: elements are zero by chance, the others are scaled up. Draws PyTorch's stream, in the order of memory.

use crate::dtype::Float;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::ops::promote::default_dtype;
use crate::ops::random::{Fill, Source};
use crate::tensor::{Scalar, Tensor};
use crate::{per_float, runtime};

impl Tensor {
    /// 0 with chance `p`, else `1 / (1 - p)`, for each element; laid out as this tensor.
    fn dropout_noise(&self, p: f64, source: Source) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::Cast { from: default_dtype(), to: self.dtype() });
        }
        let noise = self.empty_like()?;
        let flat = noise.alias(Layout::contiguous(&[noise.numel()]));
        flat.random_data(Fill::Bernoulli { p: 1.0 - p }, source)?;
        per_float!("bernoulli_", self.dtype(), T => if noise.has_data() {
            type Acc = <T as Float>::Acc;
            let (kept, none) = (<T as Float>::narrow(1.0 / (1.0 - p) as Acc), <T as Default>::default());
            // SAFETY: `noise` was just made here.
            let each = unsafe { flat.values_mut::<T>()? };
            each.iter_mut().for_each(|x| *x = if *x == none { none } else { kept });
        });
        Ok(noise)
    }

    /// What elements are multiplied with; `None` if all stay as they are.
    fn dropout_factor(&self, p: f64, train: bool, source: Source) -> Result<Option<Tensor>> {
        if !(0.0..=1.0).contains(&p) {
            return Err(runtime!("dropout probability has to be between 0 and 1, but got {p}"));
        }
        if p == 0.0 || !train || self.numel() == 0 {
            return Ok(None);
        }
        if p == 1.0 {
            return Tensor::full_scalar(Scalar::Int(0), self.dtype()).map(Some);
        }
        self.dropout_noise(p, source).map(Some)
    }

    /// In training each element is zero with chance `p`, and the others are divided by `1 - p`.
    pub fn dropout(&self, p: f64, train: bool, source: Source) -> Result<Tensor> {
        match self.dropout_factor(p, train, source)? {
            Some(factor) => self.mul(&factor),
            None => Ok(self.clone()),
        }
    }

    /// As `dropout`, in place.
    pub fn dropout_(&self, p: f64, train: bool, source: Source) -> Result<()> {
        match self.dropout_factor(p, train, source)? {
            Some(factor) => self.mul_(&factor),
            None => Ok(()),
        }
    }
}

/// Which elements share one draw, and what dropped ones become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// A channel (dimension 1 of each sample) at a time becomes 0.
    Feature,
    /// Elements become what selu tends to, and all are scaled to keep mean and variance.
    Alpha,
    /// Both.
    FeatureAlpha,
}

/// `-scale * alpha` of selu is what its values tend to. Klambauer et al., arXiv:1706.02515.
const SELU_LIMIT: f64 = 1.758_099_340_847_376_6;

impl Tensor {
    /// What to multiply by and what to add; `None` if all stay as they are.
    fn dropped_factor(
        &self,
        how: Dropped,
        p: f64,
        train: bool,
        source: Source,
    ) -> Result<Option<(Tensor, Option<Tensor>)>> {
        if !(0.0..=1.0).contains(&p) {
            return Err(runtime!("dropout probability has to be between 0 and 1, but got {p}"));
        }
        if p == 0.0 || !train || self.numel() == 0 {
            return Ok(None);
        }
        if p == 1.0 {
            return Ok(Some((Tensor::full_scalar(Scalar::Int(0), self.dtype())?, None)));
        }
        let like = if how == Dropped::Alpha {
            self.empty_like()?
        } else {
            if self.rank() < 2 {
                return Err(runtime!("Feature dropout requires at least 2 dimensions in the input"));
            }
            let mut shape = crate::shape::Dims::from_elem(1, self.rank());
            shape[..2].copy_from_slice(&self.shape()[..2]);
            self.new_empty(&shape, self.dtype())?
        };
        if how == Dropped::Feature {
            return Ok(Some((like.dropout_noise(p, source)?, None)));
        }
        if !self.dtype().is_float() {
            return Err(Error::Cast { from: default_dtype(), to: self.dtype() });
        }
        let noise = like.alias(Layout::contiguous(&[like.numel()]));
        noise.random_data(Fill::Bernoulli { p: 1.0 - p }, source)?;
        let a = 1.0 / ((SELU_LIMIT * SELU_LIMIT * p + 1.0) * (1.0 - p)).sqrt();
        let shift = like.add_number(-1.0)?.mul_number(SELU_LIMIT * a)?.add_number(SELU_LIMIT * a * p)?;
        Ok(Some((like.mul_number(a)?, Some(shift))))
    }

    /// Dropout of whole channels, or one that keeps mean and variance, or both.
    pub fn dropout_as(&self, how: Dropped, p: f64, train: bool, source: Source) -> Result<Tensor> {
        match self.dropped_factor(how, p, train, source)? {
            None => Ok(self.clone()),
            Some((factor, None)) => self.mul(&factor),
            Some((factor, Some(shift))) => self.mul(&factor)?.add(&shift),
        }
    }

    /// As `dropout_as`, in place.
    pub fn dropout_as_(&self, how: Dropped, p: f64, train: bool, source: Source) -> Result<()> {
        match self.dropped_factor(how, p, train, source)? {
            None => Ok(()),
            Some((factor, None)) => self.mul_(&factor),
            Some((factor, Some(shift))) => {
                self.mul_(&factor)?;
                self.add_(&shift)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::random::{Generator, SharedGenerator};

    fn seeded(seed: u64) -> SharedGenerator {
        std::sync::Arc::new(std::sync::Mutex::new(Generator::new(seed)))
    }

    #[test]
    fn the_noise_follows_the_order_of_memory() {
        let plain = Tensor::ones(&[3, 2], DType::F32).expect("small");
        let turned = plain.copied(DType::F32, Layout::contiguous(&[2, 3]).transpose(0, 1).expect("matrix"));
        let a = plain.dropout(0.5, true, Some(&seeded(0))).expect("float");
        let b = turned.expect("small").dropout(0.5, true, Some(&seeded(0))).expect("float");
        // PyTorch: manual_seed(0); dropout(ones(3, 2), 0.5, True)
        assert_eq!(a.slice::<f32>(), [0.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
        assert_eq!(b.layout().strides.as_slice(), [1, 3]);
        assert_eq!(b.contiguous_data().expect("small").slice::<f32>(), [0.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    }

    #[test]
    fn the_gradient_passes_where_the_value_did() {
        let x = Tensor::ones(&[64], DType::F64).expect("small");
        x.set_requires_grad(true).expect("float");
        let y = x.dropout(0.25, true, Some(&seeded(1))).expect("float");
        let loss = y.sum(&[], false, None).expect("fits");
        crate::autograd::backward(&[(loss, None)], &[], Default::default()).expect("runs");
        assert_eq!(x.grad().expect("set").slice::<f64>(), y.slice::<f64>());
        assert!(y.slice::<f64>().iter().all(|&v| v == 0.0 || v == 1.0 / 0.75));
    }

    #[test]
    fn nothing_is_dropped_outside_of_training() {
        let x = Tensor::ones(&[3], DType::I64).expect("small");
        assert!(x.dropout(0.5, false, None).expect("any dtype").is(&x));
        assert!(x.dropout(0.5, true, None).is_err());
        assert!(x.dropout(1.5, false, None).is_err());
    }
}
