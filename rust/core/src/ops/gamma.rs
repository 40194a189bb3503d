//! Bessel's `i0`, the incomplete gamma functions and the multivariate one; `frexp` and `angle`.

use std::f64::consts::PI;

use super::binary::{apply_as, common};
use super::unary::{float_unary_row, run_float};
use crate::backend::cpu::math;
use crate::backend::{Binary, Unary};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::ops::promote::float_type;
use crate::tensor::{Scalar, Tensor};
use crate::{grads, missing, per_float, runtime};

static I0: Unary = float_unary_row!("i0_cpu", |x, _p| math::bessel::i(0.0, x as f64) as T);
static I1: Unary = float_unary_row!("i1_cpu", |x, _p| math::bessel::i(1.0, x as f64) as T);
static IGAMMA: Binary =
    super::binary::float_row!("igamma_cpu", |a, x, _p| incomplete(a as f64, x as f64).0 as T);
static IGAMMAC: Binary =
    super::binary::float_row!("igammac_cpu", |a, x, _p| incomplete(a as f64, x as f64).1 as T);

/// The regularised incomplete gamma functions P and Q: the power series below the bend at x = a, Lentz' continued
/// fraction above it.
fn incomplete(a: f64, x: f64) -> (f64, f64) {
    if a.is_nan()
        || x.is_nan()
        || a < 0.0
        || x < 0.0
        || (a == 0.0 && x == 0.0)
        || (a.is_infinite() && x.is_infinite())
    {
        return (f64::NAN, f64::NAN);
    }
    if x == 0.0 || a.is_infinite() {
        return (0.0, 1.0);
    }
    if a == 0.0 || x.is_infinite() {
        return (1.0, 0.0);
    }
    let scale = prefix(a, x);
    // More terms are needed the wider the bend is.
    let terms = 500 + (20.0 * a.sqrt()) as usize;
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..terms {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        let p = (sum * scale).min(1.0);
        return (p, 1.0 - p);
    }
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..terms {
        let i = i as f64;
        let step = -i * (i - a);
        b += 2.0;
        let near = |v: f64| if v.abs() < TINY { TINY } else { v };
        d = 1.0 / near(step * d + b);
        c = near(b + step / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    let q = (fraction * scale).min(1.0);
    (1.0 - q, q)
}

/// `x^a exp(-x) / gamma(a)`, near x = a for a large one by way of what is left of the large terms.
fn prefix(a: f64, x: f64) -> f64 {
    if a < 50.0 {
        return (a * x.ln() - x - math::lgamma(a)).exp();
    }
    // Stirling: gamma(a) = sqrt(2 pi / a) (a / e)^a (1 + 1 / 12a + …)
    let t = (x - a) / a;
    let stirling = 1.0 / (12.0 * a) - 1.0 / (360.0 * a.powi(3)) + 1.0 / (1260.0 * a.powi(5));
    (a * (t.ln_1p() - t) - stirling).exp() * (a / (2.0 * PI)).sqrt()
}

impl Tensor {
    /// The modified Bessel function of order 0.
    pub fn i0(&self) -> Result<Tensor> {
        run_float(&I0, self)?.record("I0Backward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| grads![Some(g.mul(&x.get(ctx)?.i1()?)?)]
        })
    }

    /// The modified Bessel function of order 1.
    pub fn i1(&self) -> Result<Tensor> {
        run_float(&I1, self)?.record("SpecialI1Backward0", &[self], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| {
                let x = x.get(ctx)?;
                // i0 - i1 / x, which is one half at 0.
                let zero = x.eq(&Tensor::wrapped(Scalar::Int(0))?)?;
                let safe = x.masked_fill(&zero, &Tensor::wrapped(Scalar::Int(1))?)?;
                let slope = x.i0()?.sub(&y.get(ctx)?.div(&safe)?)?;
                let half = Tensor::wrapped(Scalar::Float(0.5))?;
                grads![Some(g.mul(&Tensor::choose(&zero, &half, &slope)?)?)]
            }
        })
    }

    /// The lower incomplete gamma function of (self, other), regularised.
    pub fn igamma(&self, other: &Tensor) -> Result<Tensor> {
        self.incomplete_gamma(&IGAMMA, "IgammaBackward0", other, 1.0)
    }

    /// The upper incomplete gamma function of (self, other), regularised.
    pub fn igammac(&self, other: &Tensor) -> Result<Tensor> {
        self.incomplete_gamma(&IGAMMAC, "IgammacBackward0", other, -1.0)
    }

    fn incomplete_gamma(
        &self,
        row: &'static Binary,
        name: &'static str,
        other: &Tensor,
        sign: f64,
    ) -> Result<Tensor> {
        let dtype = float_type(common(self, other));
        apply_as(row, [0.0; 2], self, other, dtype)?.record(name, &[self, other], |save| {
            let (a, x) = (save.input(0), save.input(1));
            move |ctx, g| {
                if ctx.needs(0) {
                    let op = if sign > 0.0 { "igamma: input" } else { "igammac: input" };
                    return Err(missing!("the derivative for '{op}' is not implemented."));
                }
                let (a, x) = (a.get(ctx)?, x.get(ctx)?);
                let dx = ctx.when(1, || {
                    let power = a.add_number(-1.0)?.mul(&x.log()?)?;
                    g.mul(&power.sub(&x)?.sub(&a.lgamma()?)?.exp()?)?.mul_number(sign)
                })?;
                grads![None, dx]
            }
        })
    }

    /// The logarithm of the multivariate gamma function of dimension `p`.
    pub fn mvlgamma(&self, p: i64) -> Result<Tensor> {
        if p < 1 {
            return Err(runtime!("p has to be greater than or equal to 1"));
        }
        if self.dtype() == DType::Bool {
            return Err(Error::NotImplemented { op: "mvlgamma".into(), dtype: DType::Bool });
        }
        let x = self.to_dtype(float_type(self.dtype()))?;
        let count = Tensor::arange(
            Scalar::Float(-(p as f64) / 2.0 + 0.5),
            Scalar::Float(0.25),
            Scalar::Float(0.5),
            Some(x.dtype()),
            false,
        )?
        .on(x.device())?;
        let sum = x.unsqueeze(-1)?.add(&count)?.lgamma()?.sum(&[-1], false, None)?;
        sum.add_number((p * (p - 1)) as f64 * PI.ln() / 4.0)
    }

    /// 0 for numbers from 0 on, pi for those below; NaN stays.
    pub fn angle(&self) -> Result<Tensor> {
        let x = self.detach().to_dtype(float_type(self.dtype()))?;
        let (zero, pi) = (Tensor::wrapped(Scalar::Float(0.0))?, Tensor::wrapped(Scalar::Float(PI))?);
        let turned = Tensor::choose(&x.lt(&zero)?, &pi, &x.zeros_like()?)?;
        let out = Tensor::choose(&x.isnan()?, &x, &turned)?.to_dtype(x.dtype())?;
        out.record("AngleBackward0", &[self], |_| |_, g| grads![Some(g.zeros_like()?)])
    }

    /// Mantissas in 0.5..1 and the powers of two that go with them.
    pub fn frexp(&self) -> Result<(Tensor, Tensor)> {
        if !self.dtype().is_float() {
            return Err(runtime!("tensorrs.frexp() only supports floating-point dtypes"));
        }
        let x = self.contiguous_data()?;
        let mantissa = self.new_empty(self.shape(), self.dtype())?;
        let exponent = self.new_empty(self.shape(), DType::I32)?;
        per_float!("frexp", self.dtype(), T => if x.has_data() {
            // SAFETY: both were just made here.
            let (m, e) = unsafe { (mantissa.values_mut::<T>()?, exponent.values_mut::<i32>()?) };
            for ((v, m), e) in x.values::<T>()?.iter().zip(m).zip(e) {
                let (mantissa, power) = halves(v.to_f64());
                (*m, *e) = (T::from_f64(mantissa), power);
            }
        });
        let outs = vec![mantissa.laid_as(self)?, exponent.laid_as(self)?];
        let power = outs[1].clone();
        let mut outs = Tensor::record_all(outs, "FrexpBackward0", &[self], |_| {
            move |_, g| match &g[0] {
                Some(g) => grads![Some(
                    g.div(&Tensor::wrapped(Scalar::Float(2.0))?.pow(&power)?.to_dtype(g.dtype())?)?
                )],
                None => grads![None],
            }
        })?;
        let exponent = outs.pop().ok_or_else(|| runtime!("frexp gives two tensors"))?;
        let mantissa = outs.pop().ok_or_else(|| runtime!("frexp gives two tensors"))?;
        Ok((mantissa, exponent))
    }
}

/// `x = m * 2^e` with m in 0.5..1.
fn halves(x: f64) -> (f64, i32) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    // Numbers below the normal ones first become normal.
    let (x, less) = if x.abs() < f64::MIN_POSITIVE { (x * 2f64.powi(64), 64) } else { (x, 0) };
    let bits = x.to_bits();
    let power = ((bits >> 52) & 0x7ff) as i32 - 1022;
    (f64::from_bits(bits & !(0x7ff << 52) | (1022 << 52)), power - less)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-14 * b.abs(), "{a} {b}");
        // P(1, x) = 1 - exp(-x)
        for x in [0.1, 1.0, 1.9, 2.1, 20.0] {
            close(incomplete(1.0, x).0, -(-x).exp_m1());
        }
        assert_eq!(halves(-6.0), (-0.75, 3));
        assert_eq!(halves(5e-324), (0.5, -1073));
    }
}
