"""Factorisations, systems, inverses and determinants.

Matrices are the last two dimensions of float32 or float64 tensors, all others are a batch. Derivatives follow Giles
(2008), Collected matrix derivative results, and Seeger et al. (2017), arXiv:1710.08717.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorrs import _C
from tensorrs._autocast import casts
from tensorrs._C import Tensor
from tensorrs.linalg._out import give, give_all

Out = Sequence[Tensor] | None


def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """L of `A = L @ L.mT` for symmetric positive-definite A `(*, n, n)`; with `upper` the transpose of L.

    Raises LinAlgError if A is not positive-definite.
    """
    return give(_C._linalg_cholesky_ex(A, upper, True)[0], out)


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Out = None) -> Any:
    """As `cholesky`, with `info`: 0, or the order of the leading minor that is not positive-definite."""
    return give_all("linalg_cholesky_ex", _C._linalg_cholesky_ex(A, upper, check_errors), out)


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of A `(*, n, n)`, by LU."""
    return give(_C._linalg_det(A), out)


def slogdet(A: Tensor, *, out: Out = None) -> Any:
    """The sign of the determinant of A `(*, n, n)` and the logarithm of its size: `(sign, logabsdet)`."""
    return give_all("linalg_slogdet", _C._linalg_slogdet(A), out)


def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of A `(*, n, n)`. Raises LinAlgError if there is none."""
    return give(_C._linalg_inv_ex(A, True)[0], out)


def inv_ex(A: Tensor, *, check_errors: bool = False, out: Out = None) -> Any:
    """As `inv`, with `info`: 0, or the number of the diagonal element that is zero."""
    return give_all("linalg_inv_ex", _C._linalg_inv_ex(A, check_errors), out)


@casts("linalg_solve")
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """X of `A @ X = B` (`X @ A = B` unless `left`), A `(*, n, n)`, B `(*, n, k)` or vectors `(*, n)`.

    Raises LinAlgError if A is singular.
    """
    return give(_C._linalg_solve_ex(A, B, left, True)[0], out)


def solve_ex(
    A: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    check_errors: bool = False,
    out: Out = None,
) -> Any:
    """As `solve`, with `info`: 0, or the number of the zero pivot."""
    return give_all("linalg_solve_ex", _C._linalg_solve_ex(A, B, left, check_errors), out)


def solve_triangular(
    A: Tensor,
    B: Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """X of `A @ X = B` for triangular A; the other triangle, and the diagonal if `unitriangular`, is not read."""
    return give(_C._linalg_solve_triangular(A, B, upper, left, unitriangular), out)


def lu(A: Tensor, *, pivot: bool = True, out: Out = None) -> Any:
    """`(P, L, U)` of `A = P @ L @ U`, A `(*, m, n)`; without `pivot` there is no P."""
    return give_all("linalg_lu", _C._linalg_lu(A, pivot), out)


def lu_factor(A: Tensor, *, pivot: bool = True, out: Out = None) -> Any:
    """L and U in one matrix, and the row exchanges (int32, counted from 1): `(LU, pivots)`."""
    return give_all("linalg_lu_factor", _C._linalg_lu_factor_ex("tensorrs.lu_factor", A, pivot, True)[:2], out)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Out = None) -> Any:
    """As `lu_factor`, with `info`: 0, or the number of the first zero pivot."""
    return give_all(
        "linalg_lu_factor_ex", _C._linalg_lu_factor_ex("tensorrs.lu_factor_ex", A, pivot, check_errors), out
    )


def lu_solve(
    LU: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    adjoint: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """X of `A @ X = B` by what `lu_factor(A)` gave; with `adjoint` of `A.mT @ X = B`, without `left` of `X @ A = B`."""
    return give(_C._linalg_lu_solve(LU, pivots, B, left, adjoint), out)


def ldl_factor(A: Tensor, *, hermitian: bool = False, out: Out = None) -> Any:
    """`(LD, pivots)` of `A = L @ D @ L.mT` for symmetric A, by Bunch and Kaufman's pivoting (1977)."""
    parts = _C._linalg_ldl_factor_ex("tensorrs.linalg.ldl_factor_ex", A, True)
    return give_all("linalg_ldl_factor", parts[:2], out)


def ldl_factor_ex(
    A: Tensor,
    *,
    hermitian: bool = False,
    check_errors: bool = False,
    out: Out = None,
) -> Any:
    """As `ldl_factor`, with `info`: 0, or the number of the first zero block."""
    parts = _C._linalg_ldl_factor_ex("tensorrs.linalg.ldl_factor_ex", A, check_errors)
    return give_all("linalg_ldl_factor_ex", parts, out)


def ldl_solve(
    LD: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    hermitian: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """X of `A @ X = B` by what `ldl_factor(A)` gave."""
    return give(_C._linalg_ldl_solve(LD, pivots, B), out)


def qr(A: Tensor, mode: str = "reduced", *, out: Out = None) -> Any:
    """`(Q, R)` of A `(*, m, n)`, by Householder reflections; `mode` is "reduced", "complete" or "r" (no Q)."""
    return give_all("linalg_qr", _C._linalg_qr(A, mode), out)


def householder_product(A: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first n columns of `H_1 @ H_2 @ ... @ H_k`, `H_i = I - tau_i v_i v_i'`, v_i in column i of A `(*, m, n)`."""
    return give(_C._linalg_householder_product(A, tau), out)


def eigh(A: Tensor, UPLO: str = "L", *, out: Out = None) -> Any:
    """`(eigenvalues, eigenvectors)` of symmetric A `(*, n, n)`, in ascending order; one triangle is read."""
    return give_all("linalg_eigh", _C._linalg_eigh(A, UPLO, True), out)


def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of symmetric A `(*, n, n)`, in ascending order."""
    return give(_C._linalg_eigh(A, UPLO, False)[0], out)


def _no_driver(driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(
            "tensorrs.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Out = None) -> Any:
    """`(U, S, Vh)` of `A = U @ diag(S) @ Vh`, A `(*, m, n)`; S descends. Square U and Vh if `full_matrices`."""
    _no_driver(driver)
    return give_all("linalg_svd", _C._linalg_svd(A, full_matrices, True), out)


def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values of A `(*, m, n)`, descending."""
    _no_driver(driver)
    return give(_C._linalg_svd(A, False, False)[1], out)


def matrix_exp(A: Tensor) -> Tensor:
    """`exp(A)`, the sum of `A^k / k!`, for A `(*, n, n)`: scaling and squaring of its Taylor series."""
    return _C._linalg_matrix_exp(A)


def polar(A: Tensor, *, out: Out = None) -> Any:
    """`(U, H)` of `A = U @ H`, U with orthonormal columns, H symmetric positive-semidefinite; A `(*, m, n)`, m >= n."""
    if A.dim() >= 2 and A.size(-2) < A.size(-1):
        m, n = A.shape[-2:]
        raise RuntimeError(
            f"linalg.polar: input must have at least as many rows as columns, but got {m} by {n} matrices"
        )
    u, s, vh = _C._linalg_svd(A, False, True)
    return give_all("linalg_polar", (u @ vh, (vh.mT * s.unsqueeze(-2)) @ vh), out)


def matrix_sqrth(A: Tensor) -> Tensor:
    """X of `X @ X = A` for symmetric positive-definite A `(*, n, n)`, of which the lower triangle is read."""
    values, v = _C._linalg_eigh(A, "L", True)
    return (v * values.sqrt().unsqueeze(-2)) @ v.mT
