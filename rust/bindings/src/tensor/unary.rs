//! Pointwise functions of one tensor.

use pyo3::prelude::*;
use tensorrs_core::type_error;

use crate::args::Number;
use crate::border::{PyTensor, raise, run, run_inplace};
use crate::out::to_out;

/// The `n`th derivative of `digamma`; as a function it takes `n` first.
#[pyfunction]
#[pyo3(signature = (n, input, *, out = None))]
pub fn polygamma(
    py: Python<'_>,
    n: isize,
    input: &Bound<'_, PyTensor>,
    out: Option<&Bound<'_, PyTensor>>,
) -> PyResult<Py<PyTensor>> {
    let result = input.get().polygamma(py, n)?;
    to_out(py, result.get().tensor(py), out)
}

/// `name, name_ = op, op_`: a function and its in-place form under the names Python sees.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident = $op:ident, $op_:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$op())
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            fn $inplace<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.$op_())
            })*
        }
    };
}

unary! {
    /// e^x for each element; integers become the default float type.
    exp, exp_ = exp, exp_;
    /// 2^x for each element.
    exp2, exp2_ = exp2, exp2_;
    /// e^x - 1 for each element, accurate near 0.
    expm1, expm1_ = expm1, expm1_;
    /// The natural logarithm of each element; nan below 0, -inf at 0.
    log, log_ = log, log_;
    /// The logarithm to base 2 of each element.
    log2, log2_ = log2, log2_;
    /// The logarithm to base 10 of each element.
    log10, log10_ = log10, log10_;
    /// log(1 + x) for each element, accurate near 0.
    log1p, log1p_ = log1p, log1p_;
    /// The square root of each element; nan below 0.
    sqrt, sqrt_ = sqrt, sqrt_;
    /// 1 / sqrt(x) for each element.
    rsqrt, rsqrt_ = rsqrt, rsqrt_;
    /// x * x for each element.
    square, square_ = square, square_;
    /// 1 / x for each element; integers become floats.
    reciprocal, reciprocal_ = reciprocal, reciprocal_;
    /// The sine of each element, in radians.
    sin, sin_ = sin, sin_;
    /// The cosine of each element, in radians.
    cos, cos_ = cos, cos_;
    /// The tangent of each element, in radians.
    tan, tan_ = tan, tan_;
    /// The angle in [-pi/2, pi/2] whose sine is x; nan outside [-1, 1].
    asin, asin_ = asin, asin_;
    /// Another name of `asin`.
    arcsin, arcsin_ = asin, asin_;
    /// The angle in [0, pi] whose cosine is x; nan outside [-1, 1].
    acos, acos_ = acos, acos_;
    /// Another name of `acos`.
    arccos, arccos_ = acos, acos_;
    /// The angle in (-pi/2, pi/2) whose tangent is x.
    atan, atan_ = atan, atan_;
    /// Another name of `atan`.
    arctan, arctan_ = atan, atan_;
    /// (e^x - e^-x) / 2 for each element.
    sinh, sinh_ = sinh, sinh_;
    /// (e^x + e^-x) / 2 for each element.
    cosh, cosh_ = cosh, cosh_;
    /// (e^x - e^-x) / (e^x + e^-x) for each element.
    tanh, tanh_ = tanh, tanh_;
    /// log(x + sqrt(x^2 + 1)) for each element.
    asinh, asinh_ = asinh, asinh_;
    /// Another name of `asinh`.
    arcsinh, arcsinh_ = asinh, asinh_;
    /// log(x + sqrt(x^2 - 1)) for each element; nan below 1.
    acosh, acosh_ = acosh, acosh_;
    /// Another name of `acosh`.
    arccosh, arccosh_ = acosh, acosh_;
    /// log((1 + x) / (1 - x)) / 2 for each element; nan outside [-1, 1].
    atanh, atanh_ = atanh, atanh_;
    /// Another name of `atanh`.
    arctanh, arctanh_ = atanh, atanh_;
    /// sin(pi x) / (pi x) for each element, 1 at 0.
    sinc, sinc_ = sinc, sinc_;
    /// x * pi / 180 for each element.
    deg2rad, deg2rad_ = deg2rad, deg2rad_;
    /// x * 180 / pi for each element.
    rad2deg, rad2deg_ = rad2deg, rad2deg_;
    /// 1 / (1 + e^-x) for each element.
    sigmoid, sigmoid_ = sigmoid, sigmoid_;
    /// The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.
    erf, erf_ = erf, erf_;
    /// 1 - erf(x) for each element, accurate where that is small.
    erfc, erfc_ = erfc, erfc_;
    /// The number whose `erf` is x; +-inf at +-1, nan outside [-1, 1].
    erfinv, erfinv_ = erfinv, erfinv_;
    /// The logarithm of |Gamma(x)| for each element.
    lgamma, lgamma_ = lgamma, lgamma_;
    /// The derivative of `lgamma` for each element.
    digamma, digamma_ = digamma, digamma_;
    /// -x for each element. RuntimeError for bool: use `~` or `logical_not`.
    neg, neg_ = neg, neg_;
    /// Another name of `neg`.
    negative, negative_ = neg, neg_;
    /// |x| for each element; 0 is its derivative at 0.
    abs, abs_ = abs, abs_;
    /// Another name of `abs`.
    absolute, absolute_ = abs, abs_;
    /// -1, 0 or 1 with the sign of each element.
    sign, sign_ = sign, sign_;
    /// Another name of `sign`.
    sgn, sgn_ = sgn, sign_;
    /// The greatest integer <= x for each element, in the same dtype.
    floor, floor_ = floor, floor_;
    /// The least integer >= x for each element, in the same dtype.
    ceil, ceil_ = ceil, ceil_;
    /// Each element without its fraction, in the same dtype.
    trunc, trunc_ = trunc, trunc_;
    /// Another name of `trunc`.
    fix, fix_ = trunc, trunc_;
    /// x - trunc(x) for each element: its fraction, with its sign.
    frac, frac_ = frac, frac_;
    /// All bits of each integer turned round; for bool `not`. TypeError for floats.
    bitwise_not, bitwise_not_ = bitwise_not, bitwise_not_;
    /// True where the element is zero, a bool tensor.
    logical_not, logical_not_ = logical_not, logical_not_;
}

/// Functions without an in-place form.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$name())
            })*
        }
    };
}

plain! {
    /// The tensor itself. RuntimeError for bool.
    positive,
    /// True where the element is nan, a bool tensor.
    isnan,
    /// True where the element is inf or -inf, a bool tensor.
    isinf,
    /// True where the element is neither infinite nor nan, a bool tensor.
    isfinite,
    /// True where the element is inf, a bool tensor.
    isposinf,
    /// True where the element is -inf, a bool tensor.
    isneginf,
    /// True everywhere: no element has an imaginary part.
    isreal,
    /// True where the sign bit is set: below 0, and at -0.0; a bool tensor.
    signbit,
}

#[pymethods]
impl PyTensor {
    fn __neg__(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.neg())
    }

    fn __pos__(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.positive())
    }

    fn __abs__(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.abs())
    }

    fn __invert__(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        if x.dtype().is_float() {
            return Err(raise(type_error!(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
            )));
        }
        run(py, x.numel(), || x.bitwise_not())
    }

    /// Each element to the nearest integer, halves to the even one; to `decimals` decimal places if that is given.
    #[pyo3(signature = (*, decimals = 0))]
    fn round(&self, py: Python<'_>, decimals: i64) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.round_decimals(decimals))
    }

    /// `round`, written into this tensor.
    #[pyo3(signature = (*, decimals = 0))]
    fn round_<'py>(slf: &Bound<'py, Self>, decimals: i64) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| match decimals {
            0 => x.round_(),
            _ => x.inplace(|x| x.round_decimals(decimals)),
        })
    }

    /// log(x / (1 - x)) for each element, x first clamped to [eps, 1 - eps] if `eps` is given; nan outside [0, 1].
    #[pyo3(signature = (eps = None))]
    fn logit(&self, py: Python<'_>, eps: Option<f64>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.logit(eps))
    }

    /// `logit`, written into this tensor.
    #[pyo3(signature = (eps = None))]
    fn logit_<'py>(slf: &Bound<'py, Self>, eps: Option<f64>) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.logit(eps)))
    }

    /// The `n`th derivative of `digamma` for each element. RuntimeError for negative n.
    fn polygamma(&self, py: Python<'_>, n: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let n = usize::try_from(n)
            .map_err(|_| raise(tensorrs_core::runtime!("polygamma(n, x) does not support negative n.")))?;
        run(py, x.numel(), || x.polygamma(n))
    }

    /// nan replaced by `nan`, inf by `posinf` and -inf by `neginf`: by default by 0, the greatest and the least number.
    #[pyo3(signature = (nan = None, posinf = None, neginf = None))]
    fn nan_to_num(
        &self,
        py: Python<'_>,
        nan: Option<Number>,
        posinf: Option<Number>,
        neginf: Option<Number>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let [nan, posinf, neginf] = [nan, posinf, neginf].map(|n| n.map(|n| n.0.to_f64()));
        run(py, x.numel(), || x.nan_to_num(nan.unwrap_or(0.0), posinf, neginf))
    }

    /// `nan_to_num`, written into this tensor.
    #[pyo3(signature = (nan = None, posinf = None, neginf = None))]
    fn nan_to_num_<'py>(
        slf: &Bound<'py, Self>,
        nan: Option<Number>,
        posinf: Option<Number>,
        neginf: Option<Number>,
    ) -> PyResult<Bound<'py, Self>> {
        let [nan, posinf, neginf] = [nan, posinf, neginf].map(|n| n.map(|n| n.0.to_f64()));
        run_inplace(slf, |x| x.inplace(|x| x.nan_to_num(nan.unwrap_or(0.0), posinf, neginf)))
    }
}
