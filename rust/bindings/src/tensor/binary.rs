//! Arithmetic on two tensors, or a tensor and a number: methods, in-place methods, operators.
// What PyO3 makes of a pair like `__add__` and `__radd__` calls unsafe functions without a block of their own.
#![allow(unsafe_op_in_unsafe_fn)]

use pyo3::prelude::*;
use tensorrs_core::ops::binary::Rounding;
use tensorrs_core::{Result, Tensor};

use crate::args::{Arg, Number, Operand};
use crate::border::{PyTensor, run, run_inplace};

/// `name, name_: Kind`: an op on a tensor and what `Kind` parses, and its in-place form. `new = old` is another name.
macro_rules! methods {
    ($($(#[$attr:meta])* $name:ident, $inplace:ident ($other:ident: $kind:ident) = $op:ident, $op_:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$attr])*
            fn $name(&self, py: Python<'_>, $other: $kind) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$op(&$other.0))
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            fn $inplace<'py>(slf: &Bound<'py, Self>, $other: $kind) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.$op_(&$other.0))
            })*
        }
    };
}

methods! {
    /// x * other for each element, broadcast and promoted.
    mul, mul_(other: Operand) = mul, mul_;
    /// Another name of `mul`.
    multiply, multiply_(other: Operand) = mul, mul_;
    /// x / other for each element, always a float result: `div` without rounding.
    true_divide, true_divide_(other: Operand) = div, div_;
    /// floor(x / other) for each element. Integers raise ZeroDivisionError when divided by 0.
    floor_divide, floor_divide_(other: Operand) = floor_divide, floor_divide_;
    /// x - floor(x / other) * other for each element: the remainder with the sign of `other`.
    remainder, remainder_(other: Operand) = remainder, remainder_;
    /// x - trunc(x / other) * other for each element: the remainder with the sign of x.
    fmod, fmod_(other: Operand) = fmod, fmod_;
    /// x^exponent for each element. RuntimeError for integers with a negative integer exponent.
    pow, pow_(exponent: Operand) = pow, pow_;
    /// x^exponent for each element, computed in float64.
    float_power, float_power_(exponent: Operand) = float_power, float_power_;
    /// The bits set in both, for integers; `and` for bool.
    bitwise_and, bitwise_and_(other: Operand) = bitwise_and, bitwise_and_;
    /// The bits set in either, for integers; `or` for bool.
    bitwise_or, bitwise_or_(other: Operand) = bitwise_or, bitwise_or_;
    /// The bits set in one of the two, for integers; `!=` for bool.
    bitwise_xor, bitwise_xor_(other: Operand) = bitwise_xor, bitwise_xor_;
    /// x * 2^other for each integer, the bits that leave are lost.
    bitwise_left_shift, bitwise_left_shift_(other: Operand) = bitwise_left_shift, bitwise_left_shift_;
    /// floor(x / 2^other) for each integer.
    bitwise_right_shift, bitwise_right_shift_(other: Operand) = bitwise_right_shift, bitwise_right_shift_;
    /// The greatest common divisor of each pair of integers, not negative.
    gcd, gcd_(other: Arg) = gcd, gcd_;
    /// The least common multiple of each pair of integers, not negative.
    lcm, lcm_(other: Arg) = lcm, lcm_;
    /// The angle in (-pi, pi] of the point (other, x) for each pair, in radians.
    atan2, atan2_(other: Arg) = atan2, atan2_;
    /// Another name of `atan2`.
    arctan2, arctan2_(other: Arg) = atan2, atan2_;
    /// sqrt(x^2 + other^2) for each pair, without overflow between.
    hypot, hypot_(other: Arg) = hypot, hypot_;
    /// The next number after x towards `other` that its dtype has.
    nextafter, nextafter_(other: Arg) = nextafter, nextafter_;
    /// |x| with the sign of `other` for each pair.
    copysign, copysign_(other: Operand) = copysign, copysign_;
    /// x * log(other) for each pair, 0 where x is 0; nan where `other` is nan.
    xlogy, xlogy_(other: Operand) = xlogy, xlogy_;
    /// x * 2^other for each pair.
    ldexp, ldexp_(other: Arg) = ldexp, ldexp_;
    /// 0 below zero, 1 above, and at zero the element of `values`.
    heaviside, heaviside_(values: Arg) = heaviside, heaviside_;
}

/// Ops without an in-place form.
macro_rules! plain_methods {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$name(&other.0))
            })*
        }
    };
}

plain_methods! {
    /// The greater of each pair; nan if either is nan.
    maximum,
    /// The smaller of each pair; nan if either is nan.
    minimum,
    /// The greater of each pair; a nan gives way to the other.
    fmax,
    /// The smaller of each pair; a nan gives way to the other.
    fmin,
    /// log(e^x + e^other) for each pair, without overflow between.
    logaddexp,
    /// log2(2^x + 2^other) for each pair, without overflow between.
    logaddexp2,
}

/// `name, name_` with a factor of the other operand.
macro_rules! scaled_methods {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident = $plain:ident, $plain_:ident, $scaled:ident, $scaled_:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (other, *, alpha = None))]
            fn $name(&self, py: Python<'_>, other: Operand, alpha: Option<Number>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || match alpha {
                    None => x.$plain(&other.0),
                    Some(alpha) => x.$scaled(&other.0, alpha.0),
                })
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            #[pyo3(signature = (other, *, alpha = None))]
            fn $inplace<'py>(
                slf: &Bound<'py, Self>,
                other: Operand,
                alpha: Option<Number>,
            ) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| match alpha {
                    None => x.$plain_(&other.0),
                    Some(alpha) => x.$scaled_(&other.0, alpha.0),
                })
            })*
        }
    };
}

scaled_methods! {
    /// x + alpha * other for each element, broadcast and promoted.
    add, add_ = add, add_, add_scaled, add_scaled_;
    /// x - alpha * other for each element, broadcast and promoted. RuntimeError for two bools: use `^`.
    sub, sub_ = sub, sub_, sub_scaled, sub_scaled_;
    /// Another name of `sub`.
    subtract, subtract_ = sub, sub_, sub_scaled, sub_scaled_;
}

macro_rules! division_methods {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (other, *, rounding_mode = None))]
            fn $name(&self, py: Python<'_>, other: Operand, rounding_mode: Option<&str>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.div_rounded(&other.0, Rounding::parse(rounding_mode)?))
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            #[pyo3(signature = (other, *, rounding_mode = None))]
            fn $inplace<'py>(
                slf: &Bound<'py, Self>,
                other: Operand,
                rounding_mode: Option<&str>,
            ) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.div_rounded_(&other.0, Rounding::parse(rounding_mode)?))
            })*
        }
    };
}

division_methods! {
    /// x / other for each element, a float; with `rounding_mode` "trunc" or "floor" rounded, and integers stay integers.
    div, div_;
    /// Another name of `div`.
    divide, divide_;
}

#[pymethods]
impl PyTensor {
    /// `other - alpha * self`
    #[pyo3(signature = (other, *, alpha = Number(tensorrs_core::Scalar::Int(1))))]
    fn rsub(&self, py: Python<'_>, other: Operand, alpha: Number) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.rsub(&other.0, alpha.0))
    }

    /// x + value * tensor1 * tensor2 for each element, broadcast.
    #[pyo3(signature = (tensor1, tensor2, *, value = Number(tensorrs_core::Scalar::Int(1))))]
    fn addcmul(&self, py: Python<'_>, tensor1: Arg, tensor2: Arg, value: Number) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.addcmul(&tensor1.0, &tensor2.0, value.0))
    }

    /// `addcmul`, written into this tensor.
    #[pyo3(signature = (tensor1, tensor2, *, value = Number(tensorrs_core::Scalar::Int(1))))]
    fn addcmul_<'py>(
        slf: &Bound<'py, Self>,
        tensor1: Arg,
        tensor2: Arg,
        value: Number,
    ) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.addcmul_(&tensor1.0, &tensor2.0, value.0))
    }

    /// x + value * tensor1 / tensor2 for each element, broadcast. RuntimeError for integers.
    #[pyo3(signature = (tensor1, tensor2, *, value = Number(tensorrs_core::Scalar::Int(1))))]
    fn addcdiv(&self, py: Python<'_>, tensor1: Arg, tensor2: Arg, value: Number) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.addcdiv(&tensor1.0, &tensor2.0, value.0))
    }

    /// `addcdiv`, written into this tensor.
    #[pyo3(signature = (tensor1, tensor2, *, value = Number(tensorrs_core::Scalar::Int(1))))]
    fn addcdiv_<'py>(
        slf: &Bound<'py, Self>,
        tensor1: Arg,
        tensor2: Arg,
        value: Number,
    ) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.addcdiv_(&tensor1.0, &tensor2.0, value.0))
    }
}

/// Operators: `x + y`, `y + x` where only x is a tensor, `x += y`.
macro_rules! operators {
    ($($op:ident, $rop:ident, $iop:ident = $method:ident, $method_:ident, |$x:ident, $y:ident| $reflected:expr;)*) => {
        #[pymethods]
        impl PyTensor {
            $(fn $op(&self, py: Python<'_>, other: Operand) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$method(&other.0))
            }

            fn $rop(&self, py: Python<'_>, other: Operand) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                let f = |$x: &Tensor, $y: &Tensor| -> Result<Tensor> { $reflected };
                run(py, x.numel(), || f(&x, &other.0))
            }

            fn $iop(slf: &Bound<'_, Self>, other: Operand) -> PyResult<()> {
                run_inplace(slf, |x| x.$method_(&other.0)).map(drop)
            })*

            fn __pow__(&self, py: Python<'_>, other: Operand, modulo: Option<Py<PyAny>>) -> PyResult<Py<PyTensor>> {
                let (x, _) = (self.tensor(py), modulo);
                run(py, x.numel(), || x.pow(&other.0))
            }

            fn __rpow__(&self, py: Python<'_>, other: Operand, modulo: Option<Py<PyAny>>) -> PyResult<Py<PyTensor>> {
                let (x, _) = (self.tensor(py), modulo);
                run(py, x.numel(), || other.0.pow(&x))
            }

            fn __ipow__(slf: &Bound<'_, Self>, other: Operand, modulo: Option<Py<PyAny>>) -> PyResult<()> {
                let _ = modulo;
                run_inplace(slf, |x| x.pow_(&other.0)).map(drop)
            }
        }
    };
}

operators! {
    __add__, __radd__, __iadd__ = add, add_, |x, y| x.add(y);
    __sub__, __rsub__, __isub__ = sub, sub_, |x, y| x.rsub(y, tensorrs_core::Scalar::Int(1));
    __mul__, __rmul__, __imul__ = mul, mul_, |x, y| x.mul(y);
    __truediv__, __rtruediv__, __itruediv__ = div, div_, |x, y| x.reciprocal()?.mul(y);
    __floordiv__, __rfloordiv__, __ifloordiv__ = floor_divide, floor_divide_, |x, y| y.floor_divide(x);
    __mod__, __rmod__, __imod__ = remainder, remainder_, |x, y| y.remainder(x);
    __and__, __rand__, __iand__ = bitwise_and, bitwise_and_, |x, y| x.bitwise_and(y);
    __or__, __ror__, __ior__ = bitwise_or, bitwise_or_, |x, y| x.bitwise_or(y);
    __xor__, __rxor__, __ixor__ = bitwise_xor, bitwise_xor_, |x, y| x.bitwise_xor(y);
    __lshift__, __rlshift__, __ilshift__ = bitwise_left_shift, bitwise_left_shift_, |x, y| y.bitwise_left_shift(x);
    __rshift__, __rrshift__, __irshift__ = bitwise_right_shift, bitwise_right_shift_, |x, y| y.bitwise_right_shift(x);
}
