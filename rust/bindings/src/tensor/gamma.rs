//! `i0`, the incomplete gamma functions, `frexp`, `angle`; and what is for complex numbers and leaves real ones alone.

use pyo3::prelude::*;

use crate::args::Arg;
use crate::border::{PyTensor, run, run_inplace};
use crate::tensor::extreme::pair;

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$name())
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            fn $inplace<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.inplace(|x| x.$name()))
            })*
        }
    };
}
unary! {
    /// The modified Bessel function of the first kind of order 0 of each element.
    i0, i0_;
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$name(&other.0))
            }

            #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
            fn $inplace<'py>(slf: &Bound<'py, Self>, other: Arg) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.inplace(|x| x.$name(&other.0)))
            })*
        }
    };
}
binary! {
    /// The lower incomplete gamma function, regularised: the integral of t^(x-1) e^-t from 0 to `other`, over Gamma(x).
    igamma, igamma_;
    /// 1 - igamma(x, other), accurate where that is small.
    igammac, igammac_;
}

/// Methods that give the tensor itself: it has no imaginary part and is stored as it is.
macro_rules! itself {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
                slf.clone()
            })*
        }
    };
}
itself! {
    /// The tensor itself: it has no imaginary part.
    conj,
    /// The tensor itself: it has no imaginary part.
    conj_physical,
    /// The tensor itself: it has no imaginary part.
    conj_physical_,
    /// The tensor itself: it is stored as it is.
    resolve_conj,
    /// The tensor itself: it is stored as it is.
    resolve_neg,
}

#[pymethods]
impl PyTensor {
    /// False: no tensor is stored as the conjugate of another.
    fn is_conj(&self) -> bool {
        false
    }

    /// False: no tensor is stored as the negative of another.
    fn is_neg(&self) -> bool {
        false
    }

    /// The tensor itself: it has no imaginary part.
    #[getter]
    fn real<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    /// 0 for numbers from 0 on, pi for those below.
    fn angle(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.angle())
    }

    /// The logarithm of the multivariate gamma function of dimension `p`.
    fn mvlgamma(&self, py: Python<'_>, p: i64) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.mvlgamma(p))
    }

    /// `mvlgamma`, written into this tensor.
    fn mvlgamma_<'py>(slf: &Bound<'py, Self>, p: i64) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.mvlgamma(p)))
    }

    /// `polygamma`, written into this tensor.
    fn polygamma_<'py>(slf: &Bound<'py, Self>, n: usize) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.polygamma(n)))
    }

    /// Mantissas in 0.5..1 and the powers of two that go with them.
    fn frexp<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        pair(py, "frexp", x.numel(), || x.frexp())
    }
}
