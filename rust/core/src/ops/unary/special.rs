//! Error function, gamma function and `logit`.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use super::{float_ops, float_unary_row, run_float};
use crate::backend::Unary;
use crate::backend::cpu::math;
use crate::error::Result;
use crate::grads;
use crate::ops::promote::float_type;
use crate::tensor::{Scalar, Tensor};

float_ops! {
    /// Error function.
    erf, erf_, "ErfBackward0", |x| math::erf(x),
        from input: |x, g| g.mul(&x.square()?.neg()?.exp()?.mul_number(FRAC_2_SQRT_PI)?),
        fused |x, g| g * (FRAC_2_SQRT_PI as T * math::exp(-x * x));
    /// `1 - erf(x)`, exact in the tail.
    erfc, erfc_, "ErfcBackward0", |x| math::erfc(x),
        from input: |x, g| g.mul(&x.square()?.neg()?.exp()?.mul_number(-FRAC_2_SQRT_PI)?),
        fused |x, g| g * (-FRAC_2_SQRT_PI as T * math::exp(-x * x));
    /// The inverse of `erf`.
    erfinv, erfinv_, "ErfinvBackward0", |x| math::erfinv(x),
        from output: |y, g| g.mul(&y.square()?.exp()?.mul_number(0.5 * PI.sqrt())?);
    /// `log |gamma(x)|`
    lgamma, lgamma_, "LgammaBackward0", |x| math::lgamma(x),
        from input: |x, g| g.mul(&x.digamma()?);
    /// The derivative of `lgamma`.
    digamma, digamma_, "DigammaBackward0", |x| math::digamma(x),
        from input: |x, g| g.mul(&x.polygamma(1)?);
}

static LOGIT: Unary = float_unary_row!("logit_cpu", |x, _p| math::logit(x));
static POLYGAMMA: Unary = float_unary_row!("polygamma_cpu", |x, p| polygamma(p[0], x as f64) as T);

/// `(-1)^(n + 1) n! zeta(n + 1, x)` for `n >= 1`.
fn polygamma(n: f64, x: f64) -> f64 {
    if x <= 0.0 && x == x.floor() {
        return if n % 2.0 == 1.0 { f64::INFINITY } else { f64::NEG_INFINITY };
    }
    let factorial = (2..=n as u64).fold(1.0, |f, k| f * k as f64);
    let sign = if n % 2.0 == 1.0 { 1.0 } else { -1.0 };
    sign * factorial * math::tails::series(n + 1.0, x)
}

impl Tensor {
    /// `log(x / (1 - x))`, of x first clamped to `eps..=1 - eps` if `eps` is given.
    pub fn logit(&self, eps: Option<f64>) -> Result<Tensor> {
        let inner = match eps {
            None => self.clone(),
            Some(eps) => {
                let x = self.cast_data(float_type(self.dtype()))?;
                // Not `clamp`: where eps is above one half the lower bound goes first, as in PyTorch.
                let (x, low) = (x.detach_data(), Tensor::wrapped(Scalar::Float(eps))?);
                Tensor::choose(&x.lt(&low)?, &low, &x.clamp(None, Some(Scalar::Float(1.0 - eps)))?)?
            }
        };
        run_float(&LOGIT, &inner)?.record("LogitBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let (low, high, outside) = match eps {
                    None => (0.0, 1.0, f64::NAN),
                    Some(eps) => (eps, 1.0 - eps, 0.0),
                };
                let bound = |c: f64| Tensor::wrapped(Scalar::Float(c));
                let inside = x.ge(&bound(low)?)?.logical_and(&x.le(&bound(high)?)?)?;
                let slope = g.div(&x.mul(&x.sub_from(1.0)?)?)?;
                grads![Some(Tensor::choose(&inside, &slope, &bound(outside)?)?)]
            }
        })
    }

    /// The `n`th derivative of `digamma`.
    pub fn polygamma(&self, n: usize) -> Result<Tensor> {
        if n == 0 {
            return self.digamma();
        }
        let x = self.cast_data(float_type(self.dtype()))?;
        super::run(&POLYGAMMA, [n as f64, 0.0], &x)?.record("PolygammaBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| grads![Some(g.mul(&x.get(ctx)?.polygamma(n + 1)?)?)]
        })
    }
}
