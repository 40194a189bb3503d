//! Choosing and mixing: `where`, `clamp`, `lerp`, `nan_to_num`.

use crate::backend::{Binary, Unary, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::layout;
use crate::ops::binary::extreme::share;
use crate::ops::binary::{apply_as, apply_inplace, common, direct, float_row};
use crate::ops::promote::{check_fits, common_device, result_type};
use crate::ops::unary::{float_unary_row, run};
use crate::shape::broadcast;
use crate::tensor::{Scalar, Tensor};
use crate::{missing, runtime};

const NONE: [f64; 2] = [0.0; 2];

// Within `p[0]..=p[1]`; NaN stays, and the upper bound wins where they cross.
static CLAMP: Unary = float_unary_row!("clamp_scalar_cpu", |x, p| {
    let x = if x < p[0] as T { p[0] as T } else { x };
    if x > p[1] as T { p[1] as T } else { x }
});
// The gradient `g` where x lies between the bounds; on a bound it is 0.
static CLAMP_GRAD: Binary =
    float_row!("clamp_backward", |x, g, p| if x > p[0] as T && x < p[1] as T { g } else { 0.0 });
// From the nearer end, so that both ends are exact; the sum and the product are rounded once.
static LERP: Binary = float_row!("lerp_kernel_scalar", |a, b, p| {
    let w = p[0] as T;
    if w.abs() < 0.5 { w.mul_add(b - a, a) } else { (w - 1.0).mul_add(b - a, b) }
});
static NAN_TO: Binary = float_row!("nan_to_num", |x, to, _p| if x.is_nan() { to } else { x });
static INF_TO: Unary = float_unary_row!("nan_to_num", |x, p| {
    if x == T::INFINITY {
        p[0] as T
    } else if x == T::NEG_INFINITY {
        p[1] as T
    } else {
        x
    }
});

impl Tensor {
    /// `where(cond, a, b)`: `a` where `cond` is true, `b` elsewhere.
    pub fn choose(cond: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        if !matches!(cond.dtype(), DType::Bool | DType::U8) {
            return Err(runtime!(
                "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
                cond.dtype().scalar_type()
            ));
        }
        let dtype = result_type(&[a, b]);
        let shape = broadcast(&broadcast(cond.shape(), a.shape())?, b.shape())?;
        let layout = layout::elementwise(&shape, &[cond.layout(), a.layout(), b.layout()]);
        let out = Tensor::empty_on(layout, dtype, common_device(&[cond, a, b])?)?;
        let mask = cond.cast_data(DType::Bool)?.expand_data(&shape)?;
        let whole = |t: &Tensor| t.cast_data(dtype)?.expand_data(&shape);
        backend(out.device()).choose(mask.raw(), whole(a)?.raw(), whole(b)?.raw(), out.raw())?;
        out.record("WhereBackward0", &[cond, a, b], |save| {
            let cond = save.input(0);
            move |ctx, g| {
                let (cond, zero) = (cond.get(ctx)?, Tensor::wrapped(Scalar::Float(0.0))?);
                let da = ctx.when(1, || Tensor::choose(&cond, g, &zero))?;
                grads![None, da, ctx.when(2, || Tensor::choose(&cond, &zero, g))?]
            }
        })
    }

    /// No less than `min` and no more than `max`, both numbers; where they cross, `max`.
    pub fn clamp(&self, min: Option<Scalar>, max: Option<Scalar>) -> Result<Tensor> {
        self.clamp_as("ClampBackward1", min, max)
    }

    pub fn clamp_min(&self, min: Scalar) -> Result<Tensor> {
        self.clamp_as("ClampMinBackward0", Some(min), None)
    }

    pub fn clamp_max(&self, max: Scalar) -> Result<Tensor> {
        self.clamp_as("ClampMaxBackward0", None, Some(max))
    }

    fn clamp_as(&self, name: &'static str, min: Option<Scalar>, max: Option<Scalar>) -> Result<Tensor> {
        let dtype = clamp_type(self, min, max)?;
        let (min, max) = representable(dtype, min, max)?;
        let bounds = numbers(min, max);
        let out = if dtype.is_float() && !bounds.iter().any(|b| b.is_nan()) {
            run(&CLAMP, bounds, &self.cast_data(dtype)?)?
        } else {
            let bound = |s: Option<Scalar>| s.map(Tensor::wrapped).transpose();
            let low = match bound(min)? {
                Some(min) => self.at_least_data(&min, dtype)?,
                None => self.clone(),
            };
            match bound(max)? {
                Some(max) => low.at_most_data(&max, dtype)?,
                None => low,
            }
        };
        out.record(name, &[self], |save| {
            let x = save.input(0);
            move |ctx, g| grads![Some(clamp_grad(&x.get(ctx)?, g, bounds)?)]
        })
    }

    pub fn clamp_(&self, min: Option<Scalar>, max: Option<Scalar>) -> Result<()> {
        let dtype = clamp_type(self, min, max)?;
        let (min, max) = representable(dtype, min, max)?;
        let bounds = numbers(min, max);
        if !dtype.is_float() || bounds.iter().any(|b| b.is_nan()) || !direct(self, &[], dtype) {
            return self.inplace(|x| x.clamp(min, max));
        }
        self.check_inplace()?;
        backend(self.device()).unary(&CLAMP, &bounds, self.raw(), self.raw())?;
        self.written(None, false)
    }

    /// As `clamp` with tensors as bounds. On a bound, x and the bound get half the gradient each.
    pub fn clamp_tensor(&self, min: Option<&Tensor>, max: Option<&Tensor>) -> Result<Tensor> {
        match (min, max) {
            (Some(min), None) => self.clamp_min_tensor("ClampBackward0", min),
            (None, Some(max)) => self.clamp_max_tensor("ClampBackward0", max),
            (Some(min), Some(max)) => self.clamp_between(min, max),
            (None, None) => Err(no_bounds()),
        }
    }

    /// `name` is that of the node: `clamp` with one bound has another than `clamp_min`.
    pub fn clamp_min_tensor(&self, name: &'static str, min: &Tensor) -> Result<Tensor> {
        self.at_least_data(min, result_type(&[self, min]))?.record(name, &[self, min], |save| {
            let (x, min) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (x, min) = (x.get(ctx)?, min.get(ctx)?);
                share(g, &x.eq(&min)?, &x.lt(&min)?, &x.gt(&min)?)
            }
        })
    }

    pub fn clamp_max_tensor(&self, name: &'static str, max: &Tensor) -> Result<Tensor> {
        self.at_most_data(max, result_type(&[self, max]))?.record(name, &[self, max], |save| {
            let (x, max) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (x, max) = (x.get(ctx)?, max.get(ctx)?);
                share(g, &x.eq(&max)?, &x.gt(&max)?, &x.lt(&max)?)
            }
        })
    }

    fn clamp_between(&self, min: &Tensor, max: &Tensor) -> Result<Tensor> {
        let dtype = result_type(&[self, min, max]);
        if dtype == DType::Bool {
            return Err(crate::Error::NotImplemented { op: "clamp_cpu".into(), dtype });
        }
        let out = self.at_least_data(min, dtype)?.at_most_data(max, dtype)?;
        out.record("ClampBackward0", &[self, min, max], |save| {
            let (x, min, max) = (save.input(0), save.input(1), save.input(2));
            move |ctx, g| {
                let (x, min, max) = (x.get(ctx)?, min.get(ctx)?, max.get(ctx)?);
                let zero = Tensor::wrapped(Scalar::Float(0.0))?;
                let half = g.mul_number(0.5)?;
                // On one bound of two different ones.
                let (open, crossed) = (min.lt(&max)?, min.gt(&max)?);
                let (low, high) = (x.eq(&min)?.logical_and(&open)?, x.eq(&max)?.logical_and(&open)?);
                let taken = |mask: &Tensor, tie: &Tensor| {
                    Tensor::choose(tie, &half, &Tensor::choose(mask, g, &zero)?)
                };
                let lost = x.lt(&min)?.logical_or(&x.gt(&max)?)?.logical_or(&crossed)?;
                let ordered = min.le(&max)?;
                grads![
                    ctx.when(0, || taken(&lost.logical_not()?, &low.logical_or(&high)?))?,
                    ctx.when(1, || taken(&x.lt(&min)?.logical_and(&ordered)?, &low))?,
                    ctx.when(2, || taken(&x.gt(&max)?.logical_and(&ordered)?.logical_or(&crossed)?, &high))?
                ]
            }
        })
    }

    /// `a + weight * (b - a)`: `a` at 0, `b` at 1.
    pub fn lerp(&self, end: &Tensor, weight: Scalar) -> Result<Tensor> {
        check_dtype(self, end, "end")?;
        let w = weight.to_f64();
        let out = apply_as(&LERP, [w, 0.0], self, end, self.dtype())?;
        out.record("LerpBackward0", &[self, end], |_| {
            move |ctx, g| grads![ctx.when(0, || g.mul_number(1.0 - w))?, ctx.when(1, || g.mul_number(w))?]
        })
    }

    pub fn lerp_(&self, end: &Tensor, weight: Scalar) -> Result<()> {
        check_dtype(self, end, "end")?;
        let row = [weight.to_f64(), 0.0];
        apply_inplace(&LERP, row, self, end, common(self, end), |x| x.lerp(end, weight))
    }

    /// As `lerp` with a weight for each element.
    pub fn lerp_tensor(&self, end: &Tensor, weight: &Tensor) -> Result<Tensor> {
        check_dtype(self, end, "end")?;
        check_dtype(self, weight, "weight")?;
        if !self.dtype().is_float() {
            return Err(missing!(
                "\"lerp_kernel_tensor\" not implemented for '{}'",
                self.dtype().scalar_type()
            ));
        }
        // Narrow floats are rounded once, at the end.
        let dtype = self.dtype();
        let wide = if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype };
        let [a, b, w] = [self, end, weight].map(|t| t.detach_data().cast_data(wide));
        let (a, b, w) = (a?, b?, w?);
        let span = b.sub(&a)?;
        let half = Tensor::wrapped(Scalar::Float(0.5))?;
        let near_end = b.sub(&span.mul(&w.sub_from(1.0)?)?)?;
        let out =
            Tensor::choose(&w.abs()?.lt(&half)?, &a.add(&w.mul(&span)?)?, &near_end)?.cast_data(dtype)?;
        out.record("LerpBackward1", &[self, end, weight], |save| {
            let (a, b, w) = (save.input(0), save.input(1), save.input(2));
            move |ctx, g| {
                let w = w.get(ctx)?;
                grads![
                    ctx.when(0, || g.mul(&w.sub_from(1.0)?))?,
                    ctx.when(1, || g.mul(&w))?,
                    ctx.when(2, || g.mul(&b.get(ctx)?.sub(&a.get(ctx)?)?))?
                ]
            }
        })
    }

    /// NaN replaced by `nan`, infinities by `posinf` and `neginf` (the dtype's extremes if not given).
    pub fn nan_to_num(&self, nan: f64, posinf: Option<f64>, neginf: Option<f64>) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return self.copied(self.dtype(), self.layout().preserved());
        }
        let most = match self.dtype() {
            DType::F16 => f64::from(half::f16::MAX),
            DType::BF16 => f64::from(half::bf16::MAX),
            DType::F32 => f64::from(f32::MAX),
            _ => f64::MAX,
        };
        let finite = run(&INF_TO, [posinf.unwrap_or(most), neginf.unwrap_or(-most)], self)?;
        let out = apply_as(&NAN_TO, NONE, &finite, &Tensor::wrapped(Scalar::Float(nan))?, self.dtype())?;
        out.record("NanToNumBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let zero = Tensor::wrapped(Scalar::Float(0.0))?;
                grads![Some(Tensor::choose(&x.get(ctx)?.isfinite()?, g, &zero)?)]
            }
        })
    }
}

/// The gradient of `clamp` by numbers.
fn clamp_grad(x: &Tensor, g: &Tensor, bounds: [f64; 2]) -> Result<Tensor> {
    if !crate::tensor::grad_enabled() && !bounds.iter().any(|b| b.is_nan()) {
        return apply_as(&CLAMP_GRAD, bounds, x, g, g.dtype());
    }
    let [low, high] = bounds.map(|b| Tensor::wrapped(Scalar::Float(b)));
    let inside = x.gt(&low?)?.logical_and(&x.lt(&high?)?)?;
    Tensor::choose(&inside, g, &Tensor::wrapped(Scalar::Float(0.0))?)
}

/// Bounds as the dtype can hold them: those beyond its range do nothing, or leave no number at all and are refused.
fn representable(
    dtype: DType,
    min: Option<Scalar>,
    max: Option<Scalar>,
) -> Result<(Option<Scalar>, Option<Scalar>)> {
    if dtype.is_float() {
        for bound in [min, max].into_iter().flatten() {
            check_fits(bound, dtype)?;
        }
        return Ok((min, max));
    }
    let (least, most) = match dtype {
        DType::U8 => (0, 255),
        DType::I8 => (-128, 127),
        DType::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DType::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => return Ok((min, max)),
    };
    let beyond = |which: &str, n: i64| {
        let name = dtype.scalar_type();
        runtime!("Clamp {which} value {n} is outside the representable range of {name}")
    };
    let (low, high) = (min.map(|n| n.to::<i64>()), max.map(|n| n.to::<i64>()));
    match (low, high) {
        (Some(n), _) if n > most => Err(beyond("min", n)),
        (_, Some(n)) if n < least => Err(beyond("max", n)),
        _ => Ok((low.map(|n| Scalar::Int(n.max(least))), high.map(|n| Scalar::Int(n.min(most))))),
    }
}

fn numbers(min: Option<Scalar>, max: Option<Scalar>) -> [f64; 2] {
    [min.map_or(f64::NEG_INFINITY, Scalar::to_f64), max.map_or(f64::INFINITY, Scalar::to_f64)]
}

fn no_bounds() -> crate::Error {
    runtime!("tensorrs.clamp: At least one of 'min' or 'max' must not be None")
}

/// The dtype a tensor and its bounds are promoted to.
fn clamp_type(x: &Tensor, min: Option<Scalar>, max: Option<Scalar>) -> Result<DType> {
    let bounds: Vec<Tensor> = [min, max].into_iter().flatten().map(Tensor::wrapped).collect::<Result<_>>()?;
    if bounds.is_empty() {
        return Err(no_bounds());
    }
    let dtype = bounds.iter().fold(x.dtype(), |dtype, b| match common(x, b) {
        d if d.category() > dtype.category() => d,
        _ => dtype,
    });
    if dtype == DType::Bool {
        let op = match (min, max) {
            (Some(_), Some(_)) => "clamp_scalar_cpu",
            (Some(_), None) => "clamp_min_scalar_cpu",
            _ => "clamp_max_scalar_cpu",
        };
        return Err(crate::Error::NotImplemented { op: op.into(), dtype });
    }
    Ok(dtype)
}

fn check_dtype(x: &Tensor, other: &Tensor, what: &str) -> Result<()> {
    if x.dtype() == other.dtype() {
        return Ok(());
    }
    let name = |t: &Tensor| t.dtype().cpp_name();
    Err(runtime!("expected dtype {} for `{what}` but got dtype {}", name(x), name(other)))
}
