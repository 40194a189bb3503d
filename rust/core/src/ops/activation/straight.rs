//! Activations made of straight pieces: relu, leaky_relu, hardtanh, threshold, hardsigmoid, hardswish, the shrinks.

use super::{number, slope};
use crate::backend::{Binary, Unary, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::ops::binary::float_row;
use crate::ops::unary::{float_unary_row, number_unary, run, run_inplace};
use crate::tensor::Tensor;
use crate::{missing, runtime};

const NONE: [f64; 2] = [0.0; 2];

// The rows have no `&&` and no branch inside a branch: the loops over them become vectors.

#[allow(unused_comparisons)]
static RELU: Unary = number_unary!("clamp_min_scalar_cpu", |x, _p| float: if x < 0.0 { 0.0 } else { x }, int: if x < 0 { 0 } else { x });
// From the result: where it is not above 0 nothing passes.
static RELU_GRAD: Binary = float_row!("threshold_cpu", |y, g, _p| if y <= 0.0 { 0.0 } else { g });
static LEAKY: Unary = float_unary_row!("leaky_relu_cpu", |x, p| if x > 0.0 { x } else { x * p[0] as T });
static LEAKY_GRAD: Binary =
    float_row!("leaky_relu_backward_cpu", |x, g, p| if x > 0.0 { g } else { g * p[0] as T });
static HARDTANH: Unary = number_unary!("clamp_scalar_cpu",
    |x, p| float: {
        let x = if x < p[0] as T { p[0] as T } else { x };
        if x > p[1] as T { p[1] as T } else { x }
    },
    int: x.max(p[0] as T).min(p[1] as T));
static HARDTANH_GRAD: Binary =
    float_row!("hardtanh_backward_cpu", |x, g, p| if (x <= p[0] as T) | (x >= p[1] as T) { 0.0 } else { g });
static THRESHOLD: Unary = number_unary!("threshold_cpu",
    |x, p| float: if x <= p[0] as T { p[1] as T } else { x }, int: if x <= p[0] as T { p[1] as T } else { x });
static THRESHOLD_GRAD: Binary = float_row!("threshold_cpu", |x, g, p| if x <= p[0] as T { 0.0 } else { g });
static HARDSIGMOID: Unary = float_unary_row!("hardsigmoid_cpu", |x, _p| {
    let y = if x < -3.0 { 0.0 } else { x + 3.0 };
    (if y > 6.0 { 6.0 } else { y }) / 6.0
});
/// The slope of hardsigmoid; PyTorch rounds it to f32 in every type.
const SIXTH: f32 = 1.0 / 6.0;
static HARDSIGMOID_GRAD: Binary =
    float_row!("hardsigmoid_backward", |x, g, _p| if (x > -3.0) & (x < 3.0) { g * SIXTH as T } else { 0.0 });
static HARDSWISH: Unary = float_unary_row!("hardswish_cpu", |x, _p| {
    let y = if x < -3.0 { 0.0 } else { x + 3.0 };
    x * (if y > 6.0 { 6.0 } else { y }) / 6.0
});
static HARDSWISH_GRAD: Binary = float_row!("hardswish_backward_cpu", |x, g, _p| {
    let y = if x < 3.0 { g * (x / 3.0 + 0.5) } else { g };
    if x <= -3.0 { 0.0 } else { y }
});
static SOFTSHRINK: Unary = float_unary_row!("softshrink_cpu", |x, p| {
    let l = p[0] as T;
    let y = if x < -l { x + l } else { x * 0.0 };
    if x > l { x - l } else { y }
});
static HARDSHRINK: Unary =
    float_unary_row!("hardshrink_cpu", |x, p| if (x >= -p[0] as T) & (x <= p[0] as T) { 0.0 } else { x });
static SHRINK_GRAD: Binary =
    float_row!("shrink_backward_cpu", |x, g, p| if (x >= -p[0] as T) & (x <= p[0] as T) { 0.0 } else { g });

impl Tensor {
    /// `max(0, x)`. Arrives at the next layer in one pass, both ways; the derivative at 0 is 0.
    pub fn relu(&self) -> Result<Tensor> {
        check_relu(self)?;
        self.record_relu(run(&RELU, NONE, self)?)
    }

    /// As `relu`; where only the caller's `handles` lead to this tensor, and the caller drops them now, in its memory.
    pub fn relu_of_temporary(&self, handles: usize) -> Result<Tensor> {
        check_relu(self)?;
        let Some(y) = self.reuse(handles) else { return self.relu() };
        backend(self.device()).unary(&RELU, &NONE, self.raw(), y.raw())?;
        self.record_relu(y)
    }

    fn record_relu(&self, y: Tensor) -> Result<Tensor> {
        y.record("ReluBackward0", &[self], |save| {
            let y = save.output(0);
            move |ctx, g| {
                let y = y.get(ctx)?;
                let composed = || Tensor::choose(&y.le(&number(0.0)?)?, &number(0.0)?, g);
                grads![Some(slope(ctx, &RELU_GRAD, NONE, &y, g, composed)?)]
            }
        })
    }

    pub fn relu_(&self) -> Result<()> {
        check_relu(self)?;
        run_inplace(&RELU, NONE, self, self.dtype(), |x| x.relu())
    }

    /// `x` where positive, `negative_slope * x` elsewhere.
    pub fn leaky_relu(&self, negative_slope: f64) -> Result<Tensor> {
        let p = [negative_slope, 0.0];
        run(&LEAKY, p, self)?.record("LeakyReluBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || Tensor::choose(&x.gt(&number(0.0)?)?, g, &g.mul_number(negative_slope)?);
                grads![Some(slope(ctx, &LEAKY_GRAD, p, &x, g, composed)?)]
            }
        })
    }

    pub fn leaky_relu_(&self, negative_slope: f64) -> Result<()> {
        run_inplace(&LEAKY, [negative_slope, 0.0], self, self.dtype(), |x| x.leaky_relu(negative_slope))
    }

    /// `x` between two bounds, the nearer of them elsewhere; on the bounds the derivative is 0.
    pub fn hardtanh(&self, min: f64, max: f64) -> Result<Tensor> {
        check_hardtanh(self, min)?;
        run(&HARDTANH, [min, max], self)?.record("HardtanhBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let outside = x.le(&number(min)?)?.logical_or(&x.ge(&number(max)?)?)?;
                    Tensor::choose(&outside, &number(0.0)?, g)
                };
                grads![Some(slope(ctx, &HARDTANH_GRAD, [min, max], &x, g, composed)?)]
            }
        })
    }

    pub fn hardtanh_(&self, min: f64, max: f64) -> Result<()> {
        check_hardtanh(self, min)?;
        run_inplace(&HARDTANH, [min, max], self, self.dtype(), |x| x.hardtanh(min, max))
    }

    /// `x` where above `threshold`, `value` elsewhere.
    pub fn threshold(&self, threshold: f64, value: f64) -> Result<Tensor> {
        run(&THRESHOLD, [threshold, value], self)?.record("ThresholdBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || Tensor::choose(&x.le(&number(threshold)?)?, &number(0.0)?, g);
                grads![Some(slope(ctx, &THRESHOLD_GRAD, [threshold, 0.0], &x, g, composed)?)]
            }
        })
    }

    pub fn threshold_(&self, threshold: f64, value: f64) -> Result<()> {
        run_inplace(&THRESHOLD, [threshold, value], self, self.dtype(), |x| x.threshold(threshold, value))
    }

    /// `min(max(0, x + 3), 6) / 6`
    pub fn hardsigmoid(&self) -> Result<Tensor> {
        run(&HARDSIGMOID, NONE, self)?.record("HardsigmoidBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let inside = x.abs()?.lt(&number(3.0)?)?;
                    Tensor::choose(&inside, &g.mul_number(SIXTH.into())?, &number(0.0)?)
                };
                grads![Some(slope(ctx, &HARDSIGMOID_GRAD, NONE, &x, g, composed)?)]
            }
        })
    }

    /// `x * hardsigmoid(x)`
    pub fn hardswish(&self) -> Result<Tensor> {
        run(&HARDSWISH, NONE, self)?.record("HardswishBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let bent = g.mul(&x.mul_number(1.0 / 3.0)?.add_number(0.5)?)?;
                    let right = Tensor::choose(&x.lt(&number(3.0)?)?, &bent, g)?;
                    Tensor::choose(&x.le(&number(-3.0)?)?, &number(0.0)?, &right)
                };
                grads![Some(slope(ctx, &HARDSWISH_GRAD, NONE, &x, g, composed)?)]
            }
        })
    }

    pub fn hardsigmoid_(&self) -> Result<()> {
        run_inplace(&HARDSIGMOID, NONE, self, self.dtype(), |x| x.hardsigmoid())
    }

    pub fn hardswish_(&self) -> Result<()> {
        run_inplace(&HARDSWISH, NONE, self, self.dtype(), |x| x.hardswish())
    }

    /// `x` drawn towards 0 by `lambda`, 0 where it is closer than that.
    pub fn softshrink(&self, lambda: f64) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "softshrink_check".into(), dtype: self.dtype() });
        }
        if lambda < 0.0 {
            return Err(runtime!(
                "lambda must be in range [0, 3.40282e+38] for input dtype {}, but found {lambda}",
                self.dtype().scalar_type()
            ));
        }
        run(&SOFTSHRINK, [lambda, 0.0], self)?
            .record("SoftshrinkBackward0", &[self], |save| shrink_rule(save.input(0), lambda))
    }

    /// `x`, 0 where its size is at most `lambda`.
    pub fn hardshrink(&self, lambda: f64) -> Result<Tensor> {
        run(&HARDSHRINK, [lambda, 0.0], self)?
            .record("HardshrinkBackward0", &[self], |save| shrink_rule(save.input(0), lambda))
    }
}

/// The gradient of both shrinks: nothing from within `lambda` of 0.
fn shrink_rule(
    x: crate::tensor::Saved,
    lambda: f64,
) -> impl Fn(&crate::tensor::Ctx, &Tensor) -> Result<crate::tensor::Grads> + Send + Sync + 'static {
    move |ctx, g| {
        let x = x.get(ctx)?;
        let composed = || Tensor::choose(&x.abs()?.le(&number(lambda)?)?, &number(0.0)?, g);
        grads![Some(slope(ctx, &SHRINK_GRAD, [lambda, 0.0], &x, g, composed)?)]
    }
}

fn check_relu(x: &Tensor) -> Result<()> {
    match x.dtype() {
        DType::Bool => Err(missing!("Boolean inputs not supported for relu")),
        _ => Ok(()),
    }
}

fn check_hardtanh(x: &Tensor, min: f64) -> Result<()> {
    match x.dtype() {
        DType::Bool => Err(missing!("Bool inputs not supported for hardtanh")),
        DType::U8 if min < 0.0 => {
            Err(runtime!("cannot do hardtanh on an unsigned type with negative limits"))
        }
        _ => Ok(()),
    }
}
