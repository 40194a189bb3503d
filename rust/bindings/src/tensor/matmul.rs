//! Matrix products.

use pyo3::prelude::*;
use tensorrs_core::{Scalar, Tensor};

use crate::args::{Arg, Number};
use crate::border::{PyTensor, run, run_inplace};

/// Multiplications of a product, roughly: decides whether the GIL is released.
fn work(a: &Tensor, b: &Tensor) -> usize {
    a.numel() * b.shape().last().copied().unwrap_or(1)
}

macro_rules! products {
    ($($name:ident, $other:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name(&self, py: Python<'_>, $other: Arg) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, work(&x, &$other.0), || x.$name(&$other.0))
            })*
        }
    };
}

products! {
    mm, mat2;
    bmm, mat2;
    mv, vec;
    dot, tensor;
    outer, vec2;
    matmul, other;
}

#[pymethods]
impl PyTensor {
    fn inner(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&x, &other.0), || x.inner(&other.0))
    }

    fn ger(&self, py: Python<'_>, vec2: Arg) -> PyResult<Py<PyTensor>> {
        self.outer(py, vec2)
    }

    fn vdot(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        self.dot(py, other)
    }

    fn __matmul__(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        self.matmul(py, other)
    }

    fn __rmatmul__(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&other.0, &x), || other.0.matmul(&x))
    }
}

macro_rules! sums {
    ($($name:ident / $inplace:ident, $a:ident, $b:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                #[pyo3(signature = ($a, $b, *, beta = Number(Scalar::Int(1)), alpha = Number(Scalar::Int(1))))]
                fn $name(&self, py: Python<'_>, $a: Arg, $b: Arg, beta: Number, alpha: Number) -> PyResult<Py<PyTensor>> {
                    let x = self.tensor(py);
                    run(py, work(&$a.0, &$b.0), || x.$name(&$a.0, &$b.0, beta.0, alpha.0))
                }

                #[pyo3(signature = ($a, $b, *, beta = Number(Scalar::Int(1)), alpha = Number(Scalar::Int(1))))]
                fn $inplace<'py>(slf: &Bound<'py, Self>, $a: Arg, $b: Arg, beta: Number, alpha: Number) -> PyResult<Bound<'py, Self>> {
                    run_inplace(slf, |x| x.inplace(|x| x.$name(&$a.0, &$b.0, beta.0, alpha.0)))
                }
            )*
        }
    };
}

sums! {
    addmm / addmm_, mat1, mat2;
    baddbmm / baddbmm_, batch1, batch2;
    addmv / addmv_, mat, vec;
    addr / addr_, vec1, vec2;
}

/// `input @ weight.T + bias` over the last dimension.
#[pyfunction]
#[pyo3(signature = (input, weight, bias = None))]
pub fn linear(py: Python<'_>, input: Arg, weight: Arg, bias: Option<Arg>) -> PyResult<Py<PyTensor>> {
    let out_features = weight.0.shape().first().copied().unwrap_or(1);
    run(py, input.0.numel() * out_features, || input.0.linear(&weight.0, bias.as_ref().map(|b| &b.0)))
}
