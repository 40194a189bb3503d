//! Linear algebra: the functions that `tensorrs.linalg` is written with, and methods of Tensor.

use pyo3::prelude::*;
use tensorrs_core::{Result, Scalar, Tensor};

use crate::args::{Arg, Number};
use crate::border::{PyTensor, run, run_all, run_inplace};

/// Roughly the multiplications of a factorisation: decides whether the GIL is released.
fn work(a: &Tensor) -> usize {
    a.numel() * a.shape().last().copied().unwrap_or(1)
}

type Parts = PyResult<Vec<Py<PyTensor>>>;

fn parts(py: Python<'_>, a: &Tensor, f: impl FnOnce() -> Result<Vec<Tensor>> + Send) -> Parts {
    run_all(py, work(a), f)
}

#[pyfunction]
pub fn _linalg_cholesky_ex(py: Python<'_>, a: Arg, upper: bool, check: bool) -> Parts {
    parts(py, &a.0, || a.0.cholesky_ex(upper, check))
}

#[pyfunction]
pub fn _linalg_det(py: Python<'_>, a: Arg) -> PyResult<Py<PyTensor>> {
    run(py, work(&a.0), || a.0.det())
}

#[pyfunction]
pub fn _linalg_slogdet(py: Python<'_>, a: Arg) -> Parts {
    parts(py, &a.0, || a.0.slogdet())
}

#[pyfunction]
pub fn _linalg_eigh(py: Python<'_>, a: Arg, uplo: &str, vectors: bool) -> Parts {
    parts(py, &a.0, || a.0.eigh(uplo, vectors))
}

#[pyfunction]
pub fn _linalg_svd(py: Python<'_>, a: Arg, full: bool, vectors: bool) -> Parts {
    parts(py, &a.0, || a.0.svd(full, vectors))
}

#[pyfunction]
pub fn _linalg_qr(py: Python<'_>, a: Arg, mode: &str) -> Parts {
    parts(py, &a.0, || a.0.qr(mode))
}

#[pyfunction]
pub fn _linalg_householder_product(py: Python<'_>, a: Arg, tau: Arg) -> PyResult<Py<PyTensor>> {
    run(py, work(&a.0), || a.0.householder_product(&tau.0))
}

#[pyfunction]
pub fn _linalg_inv_ex(py: Python<'_>, a: Arg, check: bool) -> Parts {
    parts(py, &a.0, || a.0.inv_ex(check))
}

#[pyfunction]
pub fn _linalg_solve_ex(py: Python<'_>, a: Arg, b: Arg, left: bool, check: bool) -> Parts {
    parts(py, &a.0, || a.0.solve_ex(&b.0, left, check))
}

#[pyfunction]
pub fn _linalg_solve_triangular(
    py: Python<'_>,
    a: Arg,
    b: Arg,
    upper: bool,
    left: bool,
    unit: bool,
) -> PyResult<Py<PyTensor>> {
    run(py, work(&a.0), || a.0.solve_triangular(&b.0, upper, left, unit))
}

#[pyfunction]
pub fn _linalg_lu(py: Python<'_>, a: Arg, pivot: bool) -> Parts {
    parts(py, &a.0, || a.0.lu(pivot))
}

#[pyfunction]
pub fn _linalg_lu_factor_ex(py: Python<'_>, op: &str, a: Arg, pivot: bool, check: bool) -> Parts {
    parts(py, &a.0, || a.0.lu_factor_ex(op, pivot, check))
}

#[pyfunction]
pub fn _linalg_lu_solve(
    py: Python<'_>,
    lu: Arg,
    pivots: Arg,
    b: Arg,
    left: bool,
    adjoint: bool,
) -> PyResult<Py<PyTensor>> {
    run(py, work(&lu.0), || lu.0.lu_solve(&pivots.0, &b.0, left, adjoint))
}

#[pyfunction]
pub fn _linalg_lu_unpack(py: Python<'_>, lu: Arg, pivots: Arg, data: bool, permutation: bool) -> Parts {
    parts(py, &lu.0, || lu.0.lu_unpack(&pivots.0, data, permutation))
}

#[pyfunction]
pub fn _linalg_ldl_factor_ex(py: Python<'_>, op: &str, a: Arg, check: bool) -> Parts {
    parts(py, &a.0, || a.0.ldl_factor_ex(op, check))
}

#[pyfunction]
pub fn _linalg_ldl_solve(py: Python<'_>, ld: Arg, pivots: Arg, b: Arg) -> PyResult<Py<PyTensor>> {
    run(py, work(&ld.0), || ld.0.ldl_solve(&pivots.0, &b.0))
}

#[pyfunction]
pub fn _linalg_matrix_exp(py: Python<'_>, a: Arg) -> PyResult<Py<PyTensor>> {
    run(py, work(&a.0), || a.0.matrix_exp())
}

#[pyfunction]
pub fn _linalg_pinv(py: Python<'_>, a: Arg, atol: Arg, rtol: Arg, hermitian: bool) -> PyResult<Py<PyTensor>> {
    run(py, work(&a.0), || a.0.pinv(&atol.0, &rtol.0, hermitian))
}

#[pyfunction]
pub fn _linalg_lstsq(py: Python<'_>, a: Arg, b: Arg, pinv: Arg, residuals: bool) -> Parts {
    parts(py, &a.0, || a.0.lstsq_solution(&b.0, &pinv.0, residuals))
}

#[pymethods]
impl PyTensor {
    /// The determinant of each square matrix (..., n, n): (...).
    fn det(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&x), || x.det())
    }

    /// The inverse of each square matrix (..., n, n). `linalg.LinAlgError` for a singular one.
    fn inverse(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&x), || Ok(x.inv_ex(true)?.swap_remove(0)))
    }

    /// sum_k A^k / k! for each square matrix (..., n, n).
    fn matrix_exp(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&x), || x.matrix_exp())
    }

    /// X of `A @ X = self`, given the Cholesky factor of A.
    #[pyo3(signature = (input2, upper = false))]
    fn cholesky_solve(&self, py: Python<'_>, input2: Arg, upper: bool) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&input2.0), || x.cholesky_solve(&input2.0, upper))
    }

    /// (L L^T)^-1 for the lower factor L (..., n, n), or (U^T U)^-1 for the upper one.
    #[pyo3(signature = (upper = false))]
    fn cholesky_inverse(&self, py: Python<'_>, upper: bool) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&x), || x.cholesky_inverse(upper))
    }

    /// The first columns of the orthogonal factor that `geqrf` gave.
    fn orgqr(&self, py: Python<'_>, input2: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&x), || x.householder_product(&input2.0))
    }

    /// `Q @ other`, where Q is the orthogonal factor that `geqrf` gave.
    #[pyo3(signature = (input2, input3, left = true, transpose = false))]
    fn ormqr(
        &self,
        py: Python<'_>,
        input2: Arg,
        input3: Arg,
        left: bool,
        transpose: bool,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&x), || x.ormqr(&input2.0, &input3.0, left, transpose))
    }

    /// (a, tau): the QR decomposition of each matrix as LAPACK leaves it, R above and Householder vectors below.
    fn geqrf<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        let found = parts(py, &x, || x.geqrf())?;
        crate::types::named(py, "geqrf", found)
    }

    /// (sign, logabsdet) of the determinant of each square matrix (..., n, n).
    fn slogdet<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        let found = parts(py, &x, || x.slogdet())?;
        crate::types::named(py, "slogdet", found)
    }

    /// beta * x + alpha * sum_i batch1[i] @ batch2[i], with x broadcast to (n, p).
    #[pyo3(signature = (batch1, batch2, *, beta = Number(Scalar::Int(1)), alpha = Number(Scalar::Int(1))))]
    fn addbmm(
        &self,
        py: Python<'_>,
        batch1: Arg,
        batch2: Arg,
        beta: Number,
        alpha: Number,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, work(&batch1.0), || x.addbmm(&batch1.0, &batch2.0, beta.0, alpha.0))
    }

    /// `addbmm`, written into this tensor.
    #[pyo3(signature = (batch1, batch2, *, beta = Number(Scalar::Int(1)), alpha = Number(Scalar::Int(1))))]
    fn addbmm_<'py>(
        slf: &Bound<'py, Self>,
        batch1: Arg,
        batch2: Arg,
        beta: Number,
        alpha: Number,
    ) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.addbmm(&batch1.0, &batch2.0, beta.0, alpha.0)))
    }
}
