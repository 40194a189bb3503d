//! Activations with more than one operand: glu, prelu, rrelu.

use super::{number, slope};
use crate::backend::Binary;
use crate::backend::cpu::math;
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::ops::binary::{apply, float_row};
use crate::ops::random::Source;
use crate::random::with_generator;
use crate::shape::{Dims, wrap_dim};
use crate::tensor::{Tensor, grad_enabled};
use crate::{autocast, grads, per_float, runtime};

static GLU: Binary = float_row!("glu_cpu", |a, b, _p| a * math::sigmoid(b));
// The slope of the gate, without the gradient.
static GLU_GATE: Binary = float_row!("glu_backward_cpu", |a, b, _p| {
    let s = math::sigmoid(b);
    a * s * (1.0 - s)
});
static PRELU: Binary = float_row!("prelu_cpu", |x, w, _p| if x > 0.0 { x } else { x * w });
static LEAKY_GRAD: Binary =
    float_row!("leaky_relu_backward_cpu", |x, g, p| if x > 0.0 { g } else { g * p[0] as T });

impl Tensor {
    /// `a * sigmoid(b)` for the two halves of this tensor along `dim`.
    pub fn glu(&self, dim: isize) -> Result<Tensor> {
        if self.rank() == 0 {
            return Err(runtime!("glu does not support 0-dimensional tensors"));
        }
        let dim = wrap_dim(dim, self.rank())?;
        let size = self.shape()[dim];
        if !size.is_multiple_of(2) {
            return Err(runtime!("Halving dimension must be even, but dimension {dim} is size {size}"));
        }
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "glu_cpu".into(), dtype: self.dtype() });
        }
        let (dim, half) = (dim as isize, (size / 2) as isize);
        let halves = move |x: &Tensor| -> Result<[Tensor; 2]> {
            Ok([x.narrow(dim, 0, half)?, x.narrow(dim, half, half)?])
        };
        let [a, b] = halves(&self.detach())?;
        apply(&GLU, [0.0; 2], &a, &b)?.record("GluBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let [a, b] = halves(&x.get(ctx)?)?;
                let s = b.sigmoid()?;
                let gate = if grad_enabled() {
                    a.mul(&s)?.mul(&s.sub_from(1.0)?)?
                } else {
                    apply(&GLU_GATE, [0.0; 2], &a, &b)?
                };
                grads![Some(Tensor::cat(&[g.mul(&s)?, g.mul(&gate)?], dim)?)]
            }
        })
    }

    /// `x` where positive, `weight * x` elsewhere, with one weight or one per channel (dimension 1).
    pub fn prelu(&self, weight: &Tensor) -> Result<Tensor> {
        autocast!("prelu"; x = self, w = weight => x.prelu(&w));
        if self.dtype() != weight.dtype() {
            return Err(runtime!(
                "prelu: Type promoting not supported. Got {} and {}",
                self.dtype().scalar_type(),
                weight.dtype().scalar_type()
            ));
        }
        if weight.rank() > 1 {
            return Err(runtime!(
                "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {}",
                weight.rank()
            ));
        }
        let mut meet = Dims::from_elem(1, self.rank());
        if weight.numel() != 1 {
            if self.rank() == 0 {
                return Err(runtime!("Not allow zero-dim input tensor."));
            }
            let channels = self.shape().get(1).copied().unwrap_or(1);
            if weight.numel() != channels {
                return Err(runtime!(
                    "Mismatch of parameter numbers and input channel size. Found parameter numbers = {} and channel size = {channels}.",
                    weight.numel()
                ));
            }
            meet[1] = channels;
        }
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "prelu_cpu".into(), dtype: self.dtype() });
        }
        let weight = weight.reshape(&meet)?;
        apply(&PRELU, [0.0; 2], self, &weight)?.record("PreluKernelBackward0", &[self, &weight], |save| {
            let (x, w) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (x, w) = (x.get(ctx)?, w.get(ctx)?);
                let above = x.gt(&number(0.0)?)?;
                let dx = ctx.when(0, || Tensor::choose(&above, g, &g.mul(&w)?))?;
                let dw = ctx.when(1, || Tensor::choose(&above, &number(0.0)?, &g.mul(&x)?))?;
                grads![dx, dw]
            }
        })
    }

    /// `x` where positive, `a * x` elsewhere; in training a is drawn between the bounds for each such element, else it
    /// is their mean.
    pub fn rrelu(&self, lower: f64, upper: f64, training: bool, source: Source) -> Result<Tensor> {
        self.rrelu_as("RreluWithNoiseBackward0", lower, upper, training, source)
    }

    pub fn rrelu_(&self, lower: f64, upper: f64, training: bool, source: Source) -> Result<()> {
        self.inplace(|x| x.rrelu_as("RreluWithNoiseBackward1", lower, upper, training, source))
    }

    fn rrelu_as(
        &self,
        name: &'static str,
        lower: f64,
        upper: f64,
        training: bool,
        source: Source,
    ) -> Result<Tensor> {
        for (which, bound) in [("lower", lower), ("upper", upper)] {
            if !bound.is_finite() {
                return Err(runtime!("rrelu: {which} bound must be finite, got {bound}"));
            }
        }
        if lower > upper {
            return Err(runtime!("Lower bound should be less than or equal to the upper bound"));
        }
        if !self.dtype().is_float() {
            let op = if training { "rrelu_with_noise_out_cpu" } else { "leaky_relu_cpu" };
            return Err(Error::NotImplemented { op: op.into(), dtype: self.dtype() });
        }
        let mean = (lower + upper) / 2.0;
        if !training {
            let value = crate::tensor::no_grad(|| self.leaky_relu(mean))?;
            return value.record(name, &[self], |save| {
                let x = save.input(0);
                move |ctx, g| {
                    let x = x.get(ctx)?;
                    let composed = || Tensor::choose(&x.gt(&number(0.0)?)?, g, &g.mul_number(mean)?);
                    grads![Some(slope(ctx, &LEAKY_GRAD, [mean, 0.0], &x, g, composed)?)]
                }
            });
        }
        let x = self.contiguous_data()?;
        let (noise, value) =
            (self.new_empty(self.shape(), self.dtype())?, self.new_empty(self.shape(), self.dtype())?);
        with_generator(source, |g| {
            per_float!("rrelu_with_noise_out_cpu", self.dtype(), T => {
                if !value.has_data() {
                    return Ok(());
                }
                // SAFETY: both were just made here.
                let (noise, value) = unsafe { (noise.values_mut::<T>()?, value.values_mut::<T>()?) };
                for ((&x, noise), value) in x.values::<T>()?.iter().zip(noise).zip(value) {
                    let at = x.to_f64();
                    if at <= 0.0 {
                        *noise = T::from_f64(g.unit() * (upper - lower) + lower);
                        *value = T::from_f64(at * noise.to_f64());
                    } else {
                        (*noise, *value) = (T::from_f64(1.0), x);
                    }
                }
                Ok(())
            })
        })?;
        value.record(name, &[self], |save| {
            let noise = save.plain(&noise);
            move |ctx, g| grads![Some(g.mul(&noise.get(ctx)?)?)]
        })
    }
}
