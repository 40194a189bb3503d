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
    ($($(#[$doc:meta])* $name:ident, $other:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            fn $name(&self, py: Python<'_>, $other: Arg) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, work(&x, &$other.0), || x.$name(&$other.0))
            })*
        }
    };
}

products! {
    /// x @ mat2 for matrices (n, m) and (m, p): (n, p). RuntimeError where sizes or dtypes differ; nothing is broadcast.
    mm, mat2;
    /// x[i] @ mat2[i] for (b, n, m) and (b, m, p): (b, n, p). RuntimeError where sizes differ; nothing is broadcast.
    bmm, mat2;
    /// The product of a matrix (n, m) and a vector (m): (n).
    mv, vec;
    /// The sum of the products of two vectors of one length: a number. RuntimeError for other shapes.
    dot, tensor;
    /// x[i] * vec2[j] for vectors (n) and (m): (n, m).
    outer, vec2;
    /// The matrix product over the last two dimensions, the others broadcast; a vector is a row on the left, a column on
    /// the right, and its dimension falls away. RuntimeError where the inner sizes differ.
    matmul, other;
}

#[pymethods]
impl PyTensor {
    /// The sum of products over the last dimension of both: (..., k) and (..., k) give (..., ...).
    fn inner(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&x, &other.0), || x.inner(&other.0))
    }

    /// Another name of `outer`.
    fn ger(&self, py: Python<'_>, vec2: Arg) -> PyResult<Py<PyTensor>> {
        self.outer(py, vec2)
    }

    /// The dot product of two vectors; as `dot`, because no element has an imaginary part.
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
    ($($(#[$doc:meta])* $name:ident / $inplace:ident, $a:ident, $b:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                $(#[$doc])*
                #[pyo3(signature = ($a, $b, *, beta = Number(Scalar::Int(1)), alpha = Number(Scalar::Int(1))))]
                fn $name(&self, py: Python<'_>, $a: Arg, $b: Arg, beta: Number, alpha: Number) -> PyResult<Py<PyTensor>> {
                    let x = self.tensor(py);
                    run(py, work(&$a.0, &$b.0), || x.$name(&$a.0, &$b.0, beta.0, alpha.0))
                }

                #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
                #[pyo3(signature = ($a, $b, *, beta = Number(Scalar::Int(1)), alpha = Number(Scalar::Int(1))))]
                fn $inplace<'py>(slf: &Bound<'py, Self>, $a: Arg, $b: Arg, beta: Number, alpha: Number) -> PyResult<Bound<'py, Self>> {
                    run_inplace(slf, |x| x.inplace(|x| x.$name(&$a.0, &$b.0, beta.0, alpha.0)))
                }
            )*
        }
    };
}

sums! {
    /// beta * x + alpha * mat1 @ mat2, with x broadcast to (n, p). With beta 0, nan and inf in x do not count.
    addmm / addmm_, mat1, mat2;
    /// beta * x + alpha * batch1[i] @ batch2[i] for each i, with x broadcast to (b, n, p).
    baddbmm / baddbmm_, batch1, batch2;
    /// beta * x + alpha * mat @ vec, with x broadcast to (n).
    addmv / addmv_, mat, vec;
    /// beta * x + alpha * outer(vec1, vec2), with x broadcast to (n, m).
    addr / addr_, vec1, vec2;
}

/// `input @ weight.T + bias` over the last dimension.
#[pyfunction]
#[pyo3(signature = (input, weight, bias = None))]
pub fn linear(py: Python<'_>, input: Arg, weight: Arg, bias: Option<Arg>) -> PyResult<Py<PyTensor>> {
    linear_of(py, &input.0, &weight.0, bias.as_ref().map(|b| &b.0))
}

/// As `linear`, for the layer.
pub fn linear_of(
    py: Python<'_>,
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> PyResult<Py<PyTensor>> {
    let out_features = weight.shape().first().copied().unwrap_or(1);
    run(py, input.numel() * out_features, || input.linear(weight, bias))
}
