//! Comparisons and logic, as methods and operators.
// What PyO3 makes of the six operators calls unsafe functions without a block of their own.
#![allow(unsafe_op_in_unsafe_fn)]

use pyo3::prelude::*;

use crate::args::{Arg, Operand};
use crate::border::{PyTensor, call, run, run_inplace};

/// `name, name_(Kind) = op, op_`: a comparison and its in-place form under the names Python sees.
macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident ($kind:ident) = $op:ident, $op_:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name(&self, py: Python<'_>, other: $kind) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$op(&other.0))
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            fn $inplace<'py>(slf: &Bound<'py, Self>, other: $kind) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.$op_(&other.0))
            })*
        }
    };
}

methods! {
    /// True where x == other, a bool tensor; nan equals nothing.
    eq, eq_(Operand) = eq, eq_;
    /// True where x != other, a bool tensor.
    ne, ne_(Operand) = ne, ne_;
    /// Another name of `ne`.
    not_equal, not_equal_(Operand) = ne, ne_;
    /// True where x < other, a bool tensor.
    lt, lt_(Operand) = lt, lt_;
    /// Another name of `lt`.
    less, less_(Operand) = lt, lt_;
    /// True where x <= other, a bool tensor.
    le, le_(Operand) = le, le_;
    /// Another name of `le`.
    less_equal, less_equal_(Operand) = le, le_;
    /// True where x > other, a bool tensor.
    gt, gt_(Operand) = gt, gt_;
    /// Another name of `gt`.
    greater, greater_(Operand) = gt, gt_;
    /// True where x >= other, a bool tensor.
    ge, ge_(Operand) = ge, ge_;
    /// Another name of `ge`.
    greater_equal, greater_equal_(Operand) = ge, ge_;
    /// True where both are not zero, a bool tensor.
    logical_and, logical_and_(Arg) = logical_and, logical_and_;
    /// True where one of the two is not zero, a bool tensor.
    logical_or, logical_or_(Arg) = logical_or, logical_or_;
    /// True where exactly one of the two is not zero, a bool tensor.
    logical_xor, logical_xor_(Arg) = logical_xor, logical_xor_;
}

/// The operators. With something that is neither tensor nor number Python answers by identity, or raises.
macro_rules! operators {
    ($($name:ident = $op:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name(&self, py: Python<'_>, other: Operand) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$op(&other.0))
            })*
        }
    };
}

operators! { __eq__ = eq; __ne__ = ne; __lt__ = lt; __le__ = le; __gt__ = gt; __ge__ = ge; }

#[pymethods]
impl PyTensor {
    /// Whether both have the same shape and the same elements: one bool; nan equals nothing.
    fn equal(&self, py: Python<'_>, other: Arg) -> PyResult<bool> {
        let x = self.tensor(py);
        call(py, x.numel(), || x.equal(&other.0))
    }

    /// True where |x - other| <= atol + rtol * |other|; nan is close to nan if `equal_nan`. RuntimeError for two dtypes.
    #[pyo3(signature = (other, rtol = 1e-5, atol = 1e-8, equal_nan = false))]
    fn isclose(
        &self,
        py: Python<'_>,
        other: Arg,
        rtol: f64,
        atol: f64,
        equal_nan: bool,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.isclose(&other.0, rtol, atol, equal_nan))
    }

    /// Whether `isclose` holds everywhere: one bool.
    #[pyo3(signature = (other, rtol = 1e-5, atol = 1e-8, equal_nan = false))]
    fn allclose(&self, py: Python<'_>, other: Arg, rtol: f64, atol: f64, equal_nan: bool) -> PyResult<bool> {
        let x = self.tensor(py);
        call(py, x.numel(), || x.allclose(&other.0, rtol, atol, equal_nan))
    }
}
