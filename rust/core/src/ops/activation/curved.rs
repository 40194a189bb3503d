//! Smooth activations: elu, selu, celu, gelu, silu, mish, softplus, logsigmoid.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

use super::{number, slope};
use crate::backend::cpu::math;
use crate::backend::{Binary, Unary};
use crate::error::Result;
use crate::grads;
use crate::ops::binary::float_row;
use crate::ops::unary::{float_unary_row, run, run_inplace};
use crate::runtime;
use crate::tensor::Tensor;

const NONE: [f64; 2] = [0.0; 2];
/// The constants of selu, Klambauer et al., arXiv:1706.02515.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_3;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// `sqrt(2 / pi)` and the weight of the cube, of gelu's approximation.
const GELU_BETA: f64 = SQRT_2 * FRAC_2_SQRT_PI * 0.5;
const GELU_KAPPA: f64 = 0.044715;

// `p` is alpha and scale.
static ELU: Unary = float_unary_row!("elu_cpu", |x, p| if x > 0.0 {
    x * p[1] as T
} else {
    math::expm1(x) * (p[0] * p[1]) as T
});
static ELU_GRAD: Binary = float_row!("elu_backward_cpu", |x, g, p| if x > 0.0 {
    g * p[1] as T
} else {
    g * (p[0] * p[1]) as T * math::exp(x)
});
static CELU: Unary =
    float_unary_row!("elu_cpu", |x, p| if x > 0.0 { x } else { math::expm1(x / p[0] as T) * p[0] as T });
static CELU_GRAD: Binary =
    float_row!("elu_backward_cpu", |x, g, p| if x > 0.0 { g } else { g * math::exp(x / p[0] as T) });
static GELU: Unary = float_unary_row!("GeluKernelImpl", |x, _p| math::gelu(x));
static GELU_GRAD: Binary = float_row!("GeluBackwardKernelImpl", |x, g, _p| {
    let cdf = 0.5 * (1.0 + math::erf(x * FRAC_1_SQRT_2 as T));
    let pdf = math::exp(-0.5 * x * x) * (0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2) as T;
    g * (cdf + x * pdf)
});
static GELU_TANH: Unary = float_unary_row!("GeluKernelImpl", |x, _p| math::gelu_tanh(x));
static GELU_TANH_GRAD: Binary = float_row!("GeluBackwardKernelImpl", |x, g, _p| {
    let t = math::tanh(GELU_BETA as T * (x + GELU_KAPPA as T * x * x * x));
    let dt = (1.0 - t * t) * GELU_BETA as T * (1.0 + (3.0 * GELU_KAPPA) as T * x * x);
    g * (0.5 * (1.0 + t) + 0.5 * x * dt)
});
static SILU: Unary = float_unary_row!("silu_cpu", |x, _p| math::silu(x));
static SILU_GRAD: Binary = float_row!("silu_backward_cpu", |x, g, _p| {
    let s = math::sigmoid(x);
    g * s * (1.0 + x * (1.0 - s))
});
static MISH: Unary = float_unary_row!("mish_cpu", |x, _p| math::mish(x));
static MISH_GRAD: Binary = float_row!("mish_backward_cpu", |x, g, _p| {
    let t = math::tanh(math::softplus(x, 1.0, 20.0));
    g * (t + x * math::sigmoid(x) * (1.0 - t * t))
});
// `p` is beta and threshold.
static SOFTPLUS: Unary = float_unary_row!("softplus_cpu", |x, p| math::softplus(x, p[0] as T, p[1] as T));
static SOFTPLUS_GRAD: Binary = float_row!("softplus_backward_cpu", |x, g, p| if x * p[0] as T > p[1] as T {
    g
} else {
    g * math::sigmoid(x * p[0] as T)
});
static LOGSIGMOID: Unary = float_unary_row!("log_sigmoid_cpu", |x, _p| math::log_sigmoid(x));
static LOGSIGMOID_GRAD: Binary = float_row!("log_sigmoid_backward_cpu", |x, g, _p| g * math::sigmoid(-x));

impl Tensor {
    /// `x` where positive, `alpha * (exp(x) - 1)` elsewhere.
    pub fn elu(&self, alpha: f64) -> Result<Tensor> {
        self.scaled_elu(alpha, 1.0)
    }

    pub fn elu_(&self, alpha: f64) -> Result<()> {
        run_inplace(&ELU, [alpha, 1.0], self, self.dtype(), |x| x.elu(alpha))
    }

    /// `elu` scaled so that layers keep mean 0 and variance 1.
    pub fn selu(&self) -> Result<Tensor> {
        self.scaled_elu(SELU_ALPHA, SELU_SCALE)
    }

    pub fn selu_(&self) -> Result<()> {
        run_inplace(&ELU, [SELU_ALPHA, SELU_SCALE], self, self.dtype(), |x| x.selu())
    }

    fn scaled_elu(&self, alpha: f64, scale: f64) -> Result<Tensor> {
        let p = [alpha, scale];
        run(&ELU, p, self)?.record("EluBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let bent = g.mul(&x.exp()?.mul_number(alpha * scale)?)?;
                    Tensor::choose(&x.gt(&number(0.0)?)?, &g.mul_number(scale)?, &bent)
                };
                grads![Some(slope(ctx, &ELU_GRAD, p, &x, g, composed)?)]
            }
        })
    }

    /// `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`
    pub fn celu(&self, alpha: f64) -> Result<Tensor> {
        check_celu(alpha)?;
        let p = [alpha, 0.0];
        run(&CELU, p, self)?.record("CeluBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let bent = g.mul(&x.mul_number(1.0 / alpha)?.exp()?)?;
                    Tensor::choose(&x.gt(&number(0.0)?)?, g, &bent)
                };
                grads![Some(slope(ctx, &CELU_GRAD, p, &x, g, composed)?)]
            }
        })
    }

    pub fn celu_(&self, alpha: f64) -> Result<()> {
        check_celu(alpha)?;
        run_inplace(&CELU, [alpha, 0.0], self, self.dtype(), |x| x.celu(alpha))
    }

    /// `x * P(Z <= x)` for a standard normal Z; `approximate` is `"none"` or `"tanh"`.
    pub fn gelu(&self, approximate: &str) -> Result<Tensor> {
        match approximate {
            "none" => self.gelu_exact(),
            "tanh" => self.gelu_tanh(),
            _ => Err(runtime!("approximate argument must be either none or tanh.")),
        }
    }

    fn gelu_exact(&self) -> Result<Tensor> {
        run(&GELU, NONE, self)?.record("GeluBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let cdf = x.mul_number(FRAC_1_SQRT_2)?.erf()?.add_number(1.0)?.mul_number(0.5)?;
                    let pdf = x.square()?.mul_number(-0.5)?.exp()?;
                    let pdf = pdf.mul_number(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2)?;
                    g.mul(&cdf.add(&x.mul(&pdf)?)?)
                };
                grads![Some(slope(ctx, &GELU_GRAD, NONE, &x, g, composed)?)]
            }
        })
    }

    fn gelu_tanh(&self) -> Result<Tensor> {
        run(&GELU_TANH, NONE, self)?.record("GeluBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let square = x.square()?;
                    let inner =
                        x.mul(&square.mul_number(GELU_KAPPA)?.add_number(1.0)?)?.mul_number(GELU_BETA)?;
                    let t = inner.tanh()?;
                    let turn = square.mul_number(3.0 * GELU_KAPPA)?.add_number(1.0)?.mul_number(GELU_BETA)?;
                    let dt = t.square()?.sub_from(1.0)?.mul(&turn)?;
                    g.mul(&t.add_number(1.0)?.add(&x.mul(&dt)?)?.mul_number(0.5)?)
                };
                grads![Some(slope(ctx, &GELU_TANH_GRAD, NONE, &x, g, composed)?)]
            }
        })
    }

    /// `x * sigmoid(x)`
    pub fn silu(&self) -> Result<Tensor> {
        run(&SILU, NONE, self)?.record("SiluBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let s = x.sigmoid()?;
                    g.mul(&s.mul(&x.mul(&s.sub_from(1.0)?)?.add_number(1.0)?)?)
                };
                grads![Some(slope(ctx, &SILU_GRAD, NONE, &x, g, composed)?)]
            }
        })
    }

    pub fn silu_(&self) -> Result<()> {
        run_inplace(&SILU, NONE, self, self.dtype(), |x| x.silu())
    }

    /// `x * tanh(log(1 + exp(x)))`
    pub fn mish(&self) -> Result<Tensor> {
        run(&MISH, NONE, self)?.record("MishBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let t = x.softplus(1.0, 20.0)?.tanh()?;
                    let dt = x.mul(&x.sigmoid()?)?.mul(&t.square()?.sub_from(1.0)?)?;
                    g.mul(&t.add(&dt)?)
                };
                grads![Some(slope(ctx, &MISH_GRAD, NONE, &x, g, composed)?)]
            }
        })
    }

    pub fn mish_(&self) -> Result<()> {
        run_inplace(&MISH, NONE, self, self.dtype(), |x| x.mish())
    }

    /// `log(1 + exp(beta * x)) / beta`; `x` itself where `beta * x` is above `threshold`.
    pub fn softplus(&self, beta: f64, threshold: f64) -> Result<Tensor> {
        let p = [beta, threshold];
        run(&SOFTPLUS, p, self)?.record("SoftplusBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || {
                    let scaled = x.mul_number(beta)?;
                    let far = scaled.gt(&number(threshold)?)?;
                    Tensor::choose(&far, g, &g.mul(&scaled.sigmoid()?)?)
                };
                grads![Some(slope(ctx, &SOFTPLUS_GRAD, p, &x, g, composed)?)]
            }
        })
    }

    /// `log(sigmoid(x))`
    pub fn logsigmoid(&self) -> Result<Tensor> {
        run(&LOGSIGMOID, NONE, self)?.record("LogSigmoidBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                let composed = || g.mul(&x.neg()?.sigmoid()?);
                grads![Some(slope(ctx, &LOGSIGMOID_GRAD, NONE, &x, g, composed)?)]
            }
        })
    }
}

fn check_celu(alpha: f64) -> Result<()> {
    match alpha {
        0.0 => Err(runtime!("ZeroDivisionError: alpha cannot be 0 for CELU")),
        _ => Ok(()),
    }
}
