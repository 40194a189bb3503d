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
    ($($name:ident, $inplace:ident = $op:ident, $op_:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$op())
            }

            fn $inplace<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.$op_())
            })*
        }
    };
}

unary! {
    exp, exp_ = exp, exp_;
    exp2, exp2_ = exp2, exp2_;
    expm1, expm1_ = expm1, expm1_;
    log, log_ = log, log_;
    log2, log2_ = log2, log2_;
    log10, log10_ = log10, log10_;
    log1p, log1p_ = log1p, log1p_;
    sqrt, sqrt_ = sqrt, sqrt_;
    rsqrt, rsqrt_ = rsqrt, rsqrt_;
    square, square_ = square, square_;
    reciprocal, reciprocal_ = reciprocal, reciprocal_;
    sin, sin_ = sin, sin_;
    cos, cos_ = cos, cos_;
    tan, tan_ = tan, tan_;
    asin, asin_ = asin, asin_;
    arcsin, arcsin_ = asin, asin_;
    acos, acos_ = acos, acos_;
    arccos, arccos_ = acos, acos_;
    atan, atan_ = atan, atan_;
    arctan, arctan_ = atan, atan_;
    sinh, sinh_ = sinh, sinh_;
    cosh, cosh_ = cosh, cosh_;
    tanh, tanh_ = tanh, tanh_;
    asinh, asinh_ = asinh, asinh_;
    arcsinh, arcsinh_ = asinh, asinh_;
    acosh, acosh_ = acosh, acosh_;
    arccosh, arccosh_ = acosh, acosh_;
    atanh, atanh_ = atanh, atanh_;
    arctanh, arctanh_ = atanh, atanh_;
    sinc, sinc_ = sinc, sinc_;
    deg2rad, deg2rad_ = deg2rad, deg2rad_;
    rad2deg, rad2deg_ = rad2deg, rad2deg_;
    sigmoid, sigmoid_ = sigmoid, sigmoid_;
    erf, erf_ = erf, erf_;
    erfc, erfc_ = erfc, erfc_;
    erfinv, erfinv_ = erfinv, erfinv_;
    lgamma, lgamma_ = lgamma, lgamma_;
    digamma, digamma_ = digamma, digamma_;
    neg, neg_ = neg, neg_;
    negative, negative_ = neg, neg_;
    abs, abs_ = abs, abs_;
    absolute, absolute_ = abs, abs_;
    sign, sign_ = sign, sign_;
    sgn, sgn_ = sgn, sign_;
    floor, floor_ = floor, floor_;
    ceil, ceil_ = ceil, ceil_;
    trunc, trunc_ = trunc, trunc_;
    fix, fix_ = trunc, trunc_;
    frac, frac_ = frac, frac_;
    bitwise_not, bitwise_not_ = bitwise_not, bitwise_not_;
    logical_not, logical_not_ = logical_not, logical_not_;
}

/// Functions without an in-place form.
macro_rules! plain {
    ($($name:ident),* $(,)?) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$name())
            })*
        }
    };
}

plain!(positive, isnan, isinf, isfinite, isposinf, isneginf, isreal, signbit);

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

    #[pyo3(signature = (*, decimals = 0))]
    fn round(&self, py: Python<'_>, decimals: i64) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.round_decimals(decimals))
    }

    #[pyo3(signature = (*, decimals = 0))]
    fn round_<'py>(slf: &Bound<'py, Self>, decimals: i64) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| match decimals {
            0 => x.round_(),
            _ => x.inplace(|x| x.round_decimals(decimals)),
        })
    }

    #[pyo3(signature = (eps = None))]
    fn logit(&self, py: Python<'_>, eps: Option<f64>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.logit(eps))
    }

    #[pyo3(signature = (eps = None))]
    fn logit_<'py>(slf: &Bound<'py, Self>, eps: Option<f64>) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.logit(eps)))
    }

    fn polygamma(&self, py: Python<'_>, n: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let n = usize::try_from(n)
            .map_err(|_| raise(tensorrs_core::runtime!("polygamma(n, x) does not support negative n.")))?;
        run(py, x.numel(), || x.polygamma(n))
    }

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
