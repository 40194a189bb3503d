//! `i0`, the incomplete gamma functions, `frexp`, `angle`; and what is for complex numbers and leaves real ones alone.

use pyo3::prelude::*;

use crate::args::Arg;
use crate::border::{PyTensor, run, run_inplace};
use crate::tensor::extreme::pair;

macro_rules! unary {
    ($($name:ident, $inplace:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$name())
            }

            fn $inplace<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.inplace(|x| x.$name()))
            })*
        }
    };
}
unary! { i0, i0_; }

macro_rules! binary {
    ($($name:ident, $inplace:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$name(&other.0))
            }

            fn $inplace<'py>(slf: &Bound<'py, Self>, other: Arg) -> PyResult<Bound<'py, Self>> {
                run_inplace(slf, |x| x.inplace(|x| x.$name(&other.0)))
            })*
        }
    };
}
binary! { igamma, igamma_; igammac, igammac_; }

/// Methods that give the tensor itself: it has no imaginary part and is stored as it is.
macro_rules! itself {
    ($($name:ident),*) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
                slf.clone()
            })*
        }
    };
}
itself!(conj, conj_physical, conj_physical_, resolve_conj, resolve_neg);

#[pymethods]
impl PyTensor {
    fn is_conj(&self) -> bool {
        false
    }

    fn is_neg(&self) -> bool {
        false
    }

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

    fn mvlgamma_<'py>(slf: &Bound<'py, Self>, p: i64) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.mvlgamma(p)))
    }

    fn polygamma_<'py>(slf: &Bound<'py, Self>, n: usize) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.polygamma(n)))
    }

    /// Mantissas in 0.5..1 and the powers of two that go with them.
    fn frexp<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        pair(py, "frexp", x.numel(), || x.frexp())
    }
}
