//! The functions of `tensorrs.special` that are no methods: Bessel's, the normal distribution's, orthogonal
//! polynomials, zeta.
//!
//! A row of one number: `name, "kernel", halves, |x| value, "GradName", |x, y, g| derivative`; `y` is called for the
//! result. Rows of two numbers are polynomials, without a derivative, as in PyTorch.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI, PI};

use super::binary::{apply_as, common};
use super::unary::{float_unary_row, run_float};
use crate::backend::cpu::math::{self, bessel, polynomials, tails};
use crate::backend::{Binary, Unary};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::ops::promote::float_type;
use crate::tensor::{Scalar, Tensor};
use crate::{grads, missing};

/// Refuse half precision where PyTorch has no kernel for it.
fn check(kernel: &'static str, dtype: DType) -> Result<()> {
    match dtype {
        DType::F16 | DType::BF16 => Err(Error::NotImplemented { op: kernel.into(), dtype }),
        _ => Ok(()),
    }
}

fn number(c: f64) -> Result<Tensor> {
    Tensor::wrapped(Scalar::Float(c))
}

/// `at` where x is 0, else `f` of x; the places of zeros hold ones for it, so that no derivative of it is NaN.
fn apart(x: &Tensor, at: f64, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let zero = x.eq(&number(0.0)?)?;
    let safe = x.masked_fill(&zero, &number(1.0)?)?;
    Tensor::choose(&zero, &number(at)?, &f(&safe)?)
}

macro_rules! ones {
    ($($name:ident, $kernel:literal, $halves:literal, |$v:ident| $value:expr,
        $grad:literal, |$x:ident, $y:ident, $g:ident| $derivative:expr;)*) => {
        $(impl Tensor {
            #[doc = concat!("`", stringify!($name), "` of each element.")]
            pub fn $name(&self) -> Result<Tensor> {
                static ROW: Unary = float_unary_row!($kernel, |$v, _p| {
                    let $v = $v as f64;
                    ($value) as T
                });
                if !$halves {
                    check($kernel, self.dtype())?;
                }
                run_float(&ROW, self)?.record($grad, &[self], |save| {
                    let (x, y) = (save.input(0), save.output(0));
                    move |ctx, $g| {
                        let ($x, $y) = (x.get(ctx)?, || y.get(ctx));
                        let _ = (&$x, &$y);
                        grads![Some($g.mul(&$derivative)?)]
                    }
                })
            }
        })*
    };
}

ones! {
    entr, "entr", true, |x| if x > 0.0 { -x * x.ln() } else if x == 0.0 { 0.0 } else if x < 0.0 { f64::NEG_INFINITY } else { x },
        "SpecialEntrBackward0", |x, y, g| x.log()?.add_number(1.0)?.neg()?;
    erfcx, "erfcx_cpu", false, |x| tails::erfcx(x),
        "SpecialErfcxBackward0", |x, y, g| x.mul(&y()?)?.mul_number(2.0)?.add_number(-FRAC_2_SQRT_PI)?;
    log_ndtr, "log_ndtr_cpu", false, |x| tails::log_ndtr(x),
        "SpecialLogNdtrBackward0", |x, y, g| x.mul_number(-FRAC_1_SQRT_2)?.erfcx()?.reciprocal()?.mul_number(FRAC_2_PI.sqrt())?;
    ndtri, "ndtri_cpu", false, |x| tails::ndtri(x),
        "SpecialNdtriBackward0", |x, y, g| y()?.square()?.mul_number(0.5)?.exp()?.mul_number((2.0 * PI).sqrt())?;
    i0e, "i0e_cpu", true, |x| bessel::scaled_i(0.0, x),
        "SpecialI0EBackward0", |x, y, g| x.i1e()?.sub(&x.sign()?.mul(&y()?)?)?;
    i1e, "i1e_cpu", true, |x| bessel::scaled_i(1.0, x),
        "SpecialI1EBackward0", |x, y, g| apart(&x, 0.5, |x| {
            x.i0e()?.sub(&x.i1e()?.mul(&x.sign()?.add(&x.reciprocal()?)?)?)
        })?;
    bessel_j0, "bessel_j0_cpu", false, |x| bessel::j0(x),
        "SpecialBesselJ0Backward0", |x, y, g| x.bessel_j1()?.neg()?;
    bessel_j1, "bessel_j1_cpu", false, |x| bessel::j1(x),
        "SpecialBesselJ1Backward0", |x, y, g| apart(&x, 0.5, |x| x.bessel_j0()?.sub(&x.bessel_j1()?.div(x)?))?;
    bessel_y0, "bessel_y0_cpu", false, |x| bessel::y0(x),
        "SpecialBesselY0Backward0", |x, y, g| x.bessel_y1()?.neg()?;
    bessel_y1, "bessel_y1_cpu", false, |x| bessel::y1(x),
        "SpecialBesselY1Backward0", |x, y, g| apart(&x, f64::INFINITY, |x| x.bessel_y0()?.sub(&x.bessel_y1()?.div(x)?))?;
    modified_bessel_i0, "modified_bessel_i0_cpu", false, |x| bessel::i(0.0, x),
        "SpecialModifiedBesselI0Backward0", |x, y, g| x.modified_bessel_i1()?;
    modified_bessel_i1, "modified_bessel_i1_cpu", false, |x| bessel::i(1.0, x),
        "SpecialModifiedBesselI1Backward0", |x, y, g| apart(&x, 0.5, |x| {
            x.modified_bessel_i0()?.sub(&x.modified_bessel_i1()?.div(x)?)
        })?;
    modified_bessel_k0, "modified_bessel_k0_cpu", false, |x| bessel::k(0.0, x),
        "SpecialModifiedBesselK0Backward0", |x, y, g| x.modified_bessel_k1()?.neg()?;
    modified_bessel_k1, "modified_bessel_k1_cpu", false, |x| bessel::k(1.0, x),
        "SpecialModifiedBesselK1Backward0", |x, y, g| x.modified_bessel_k0()?.add(&y()?.div(&x)?)?.neg()?;
}

/// Functions without a derivative, by name: their results are cut from history.
macro_rules! flat_ones {
    ($($name:ident, $kernel:literal, |$v:ident| $value:expr;)*) => {
        $(impl Tensor {
            #[doc = concat!("`", stringify!($name), "` of each element, without history.")]
            pub fn $name(&self) -> Result<Tensor> {
                static ROW: Unary = float_unary_row!($kernel, |$v, _p| {
                    let $v = $v as f64;
                    ($value) as T
                });
                check($kernel, self.dtype())?;
                run_float(&ROW, self)
            }
        })*
    };
}

flat_ones! {
    airy_ai, "airy_ai_cpu", |x| bessel::airy_ai(x);
    scaled_modified_bessel_k0, "scaled_modified_bessel_k0_cpu", |x| bessel::scaled_k(0.0, x);
    scaled_modified_bessel_k1, "scaled_modified_bessel_k1_cpu", |x| bessel::scaled_k(1.0, x);
    spherical_bessel_j0, "spherical_bessel_j0_cpu", |x| bessel::spherical_j0(x);
}

macro_rules! twos {
    ($($name:ident, $kernel:literal, |$a:ident, $b:ident| $value:expr;)*) => {
        $(impl Tensor {
            #[doc = concat!("`", stringify!($name), "(self, n)`, without history.")]
            pub fn $name(&self, n: &Tensor) -> Result<Tensor> {
                static ROW: Binary = super::binary::float_row!($kernel, |a, b, _p| {
                    let ($a, $b) = (a as f64, b as f64);
                    ($value) as T
                });
                let dtype = float_type(common(self, n));
                check($kernel, dtype)?;
                apply_as(&ROW, [0.0; 2], self, n, dtype)
            }
        })*
    };
}

twos! {
    chebyshev_polynomial_t, "chebyshev_polynomial_t_cpu", |x, n| polynomials::chebyshev_t(x, n);
    chebyshev_polynomial_u, "chebyshev_polynomial_u_cpu", |x, n| polynomials::chebyshev_u(x, n);
    chebyshev_polynomial_v, "chebyshev_polynomial_v_cpu", |x, n| polynomials::chebyshev_v(x, n);
    chebyshev_polynomial_w, "chebyshev_polynomial_w_cpu", |x, n| polynomials::chebyshev_w(x, n);
    shifted_chebyshev_polynomial_t, "shifted_chebyshev_polynomial_t_cpu", |x, n| polynomials::chebyshev_t(2.0 * x - 1.0, n);
    shifted_chebyshev_polynomial_u, "shifted_chebyshev_polynomial_u_cpu", |x, n| polynomials::chebyshev_u(2.0 * x - 1.0, n);
    shifted_chebyshev_polynomial_v, "shifted_chebyshev_polynomial_v_cpu", |x, n| polynomials::chebyshev_v(2.0 * x - 1.0, n);
    shifted_chebyshev_polynomial_w, "shifted_chebyshev_polynomial_w_cpu", |x, n| polynomials::chebyshev_w(2.0 * x - 1.0, n);
    hermite_polynomial_h, "hermite_polynomial_h_cpu", |x, n| polynomials::hermite_h(x, n);
    hermite_polynomial_he, "hermite_polynomial_he_cpu", |x, n| polynomials::hermite_he(x, n);
    laguerre_polynomial_l, "laguerre_polynomial_l_cpu", |x, n| polynomials::laguerre_l(x, n);
    legendre_polynomial_p, "legendre_polynomial_p_cpu", |x, n| polynomials::legendre_p(x, n);
}

static XLOG1PY: Binary = super::binary::float_row!("xlog1py_cpu", |a, b, _p| {
    if b.is_nan() {
        b
    } else if a == 0.0 {
        0.0
    } else {
        a * math::log1p(b)
    }
});
static ZETA: Binary = super::binary::float_row!("zeta_cpu", |a, b, _p| tails::zeta(a as f64, b as f64) as T);

/// The node's name, by which of the two was a number.
fn named(names: [&'static str; 3], a: &Tensor, b: &Tensor) -> &'static str {
    match (a.is_wrapped(), b.is_wrapped()) {
        (true, _) => names[1],
        (_, true) => names[2],
        _ => names[0],
    }
}

impl Tensor {
    /// The normal distribution's cumulative function.
    pub fn ndtr(&self) -> Result<Tensor> {
        self.mul_number(FRAC_1_SQRT_2)?.erf()?.add_number(1.0)?.mul_number(0.5)
    }

    /// `x * log(1 + y)`, 0 where x is 0.
    pub fn xlog1py(&self, other: &Tensor) -> Result<Tensor> {
        const NAMES: [&str; 3] =
            ["SpecialXlog1PyBackward0", "SpecialXlog1PyBackward1", "SpecialXlog1PyBackward2"];
        let dtype = float_type(common(self, other));
        apply_as(&XLOG1PY, [0.0; 2], self, other, dtype)?.record(
            named(NAMES, self, other),
            &[self, other],
            |save| {
                let (a, b) = (save.input(0), save.input(1));
                move |ctx, g| {
                    let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                    let da = ctx.when(0, || {
                        // 0 log(0) is flat; elsewhere the slope is log(1 + y).
                        let flat = a.eq(&number(0.0)?)?.logical_and(&b.le(&number(-1.0)?)?)?;
                        g.mul(&Tensor::choose(&flat, &number(0.0)?, &b.log1p()?)?)
                    })?;
                    grads![da, ctx.when(1, || g.mul(&a)?.div(&b.add_number(1.0)?))?]
                }
            },
        )
    }

    /// Hurwitz' zeta function.
    pub fn zeta(&self, other: &Tensor) -> Result<Tensor> {
        const NAMES: [&str; 3] = ["SpecialZetaBackward0", "SpecialZetaBackward1", "SpecialZetaBackward2"];
        let dtype = float_type(common(self, other));
        check("zeta_cpu", dtype)?;
        apply_as(&ZETA, [0.0; 2], self, other, dtype)?.record(
            named(NAMES, self, other),
            &[self, other],
            |save| {
                let (s, q) = (save.input(0), save.input(1));
                move |ctx, g| {
                    if ctx.needs(0) {
                        return Err(missing!("the derivative for 'zeta' is not implemented."));
                    }
                    let (s, q) = (s.get(ctx)?, q.get(ctx)?);
                    let next = s.add_number(1.0)?.zeta(&q)?;
                    grads![None, Some(g.mul(&s.neg()?)?.mul(&next)?)]
                }
            },
        )
    }
}

type One = fn(&Tensor) -> Result<Tensor>;
type Two = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// The functions of one tensor, by name.
pub const ONES: &[(&str, One)] = &[
    ("airy_ai", Tensor::airy_ai),
    ("bessel_j0", Tensor::bessel_j0),
    ("bessel_j1", Tensor::bessel_j1),
    ("bessel_y0", Tensor::bessel_y0),
    ("bessel_y1", Tensor::bessel_y1),
    ("entr", Tensor::entr),
    ("erfcx", Tensor::erfcx),
    ("i0e", Tensor::i0e),
    ("i1", Tensor::i1),
    ("i1e", Tensor::i1e),
    ("log_ndtr", Tensor::log_ndtr),
    ("modified_bessel_i0", Tensor::modified_bessel_i0),
    ("modified_bessel_i1", Tensor::modified_bessel_i1),
    ("modified_bessel_k0", Tensor::modified_bessel_k0),
    ("modified_bessel_k1", Tensor::modified_bessel_k1),
    ("ndtr", Tensor::ndtr),
    ("ndtri", Tensor::ndtri),
    ("scaled_modified_bessel_k0", Tensor::scaled_modified_bessel_k0),
    ("scaled_modified_bessel_k1", Tensor::scaled_modified_bessel_k1),
    ("spherical_bessel_j0", Tensor::spherical_bessel_j0),
];

/// The functions of two tensors, by name.
pub const TWOS: &[(&str, Two)] = &[
    ("chebyshev_polynomial_t", Tensor::chebyshev_polynomial_t),
    ("chebyshev_polynomial_u", Tensor::chebyshev_polynomial_u),
    ("chebyshev_polynomial_v", Tensor::chebyshev_polynomial_v),
    ("chebyshev_polynomial_w", Tensor::chebyshev_polynomial_w),
    ("hermite_polynomial_h", Tensor::hermite_polynomial_h),
    ("hermite_polynomial_he", Tensor::hermite_polynomial_he),
    ("laguerre_polynomial_l", Tensor::laguerre_polynomial_l),
    ("legendre_polynomial_p", Tensor::legendre_polynomial_p),
    ("shifted_chebyshev_polynomial_t", Tensor::shifted_chebyshev_polynomial_t),
    ("shifted_chebyshev_polynomial_u", Tensor::shifted_chebyshev_polynomial_u),
    ("shifted_chebyshev_polynomial_v", Tensor::shifted_chebyshev_polynomial_v),
    ("shifted_chebyshev_polynomial_w", Tensor::shifted_chebyshev_polynomial_w),
    ("xlog1py", Tensor::xlog1py),
    ("zeta", Tensor::zeta),
];
