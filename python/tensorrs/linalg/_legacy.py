"""The functions and methods of linear algebra that live outside of `tensorrs.linalg`, under their older names."""

from __future__ import annotations

from typing import Any

from tensorrs import _C
from tensorrs._autocast import casts
from tensorrs._C import Tensor
from tensorrs.linalg._derived import Dim, matrix_norm, multi_dot, pinv
from tensorrs.linalg._derived import matrix_power as _matrix_power
from tensorrs.linalg._factor import Out
from tensorrs.linalg._out import give, give_all


def _removed(name: str, instead: str) -> RuntimeError:
    return RuntimeError(
        f"This function was deprecated since version 1.9 and is now removed. `tensorrs.{name}` is deprecated in "
        f"favor of `tensorrs.linalg.{instead}`."
    )


def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Removed from PyTorch: `linalg.cholesky`."""
    raise _removed("cholesky", "cholesky")


def qr(input: Tensor, some: bool = True, *, out: Out = None) -> Any:
    """Removed from PyTorch: `linalg.qr`."""
    raise _removed("qr", "qr")


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant of `(*, n, n)`: NaN where it is negative, -inf where it is zero."""
    if input.dim() < 2:
        raise RuntimeError("logdet: The input tensor A must have at least 2 dimensions.")
    sign, size = _C._linalg_slogdet(input)
    return _C.where(sign.eq(-1), _C.full([], float("nan"), dtype=size.dtype), size)


def matrix_power(input: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """The product of n copies of the matrix, of its inverse if n < 0."""
    return _matrix_power(input, n, out=out)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverse; singular values up to `rcond` times the largest count as zero."""
    return pinv(input, rcond)


def svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Out = None) -> Any:
    """`(U, S, V)` of `A = U @ diag(S) @ V.mT`, A `(*, m, n)`; square U, V unless `some`, zeros if not `compute_uv`."""
    m, n = input.shape[-2:] if input.dim() >= 2 else (0, 0)
    u, s, vh = _C._linalg_svd(input, not some, True) if compute_uv else _C._linalg_svd(input, False, False)
    if not compute_uv:
        batch = input.shape[:-2]
        return give_all("svd", (input.new_zeros([*batch, m, m]), s, input.new_zeros([*batch, n, n])), out)
    return give_all("svd", (u, s, vh.mT), out)


@casts("triangular_solve")
def triangular_solve(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: Out = None,
) -> Any:
    """X of `A @ X = b` for triangular A, or of `A.mT @ X = b`, and a copy of A: `(solution, cloned_coefficient)`."""
    if b.dim() < 2 or A.dim() < 2:
        name, t = ("b", b) if b.dim() < 2 else ("A", A)
        raise RuntimeError(
            f"tensorrs.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {t.dim()} "
            "dimensions instead"
        )
    matrix, high = (A.mT, not upper) if transpose else (A, upper)
    x = _C._linalg_solve_triangular(matrix, b, high, True, unitriangular)
    return give_all("triangular_solve", (x, A.expand(*x.shape[:-2], *A.shape[-2:]).clone()), out)


@casts("lu_solve")
def lu_solve(
    b: Tensor,
    LU_data: Tensor,
    LU_pivots: Tensor,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """X of `A @ X = b` by what `linalg.lu_factor(A)` gave."""
    return give(_C._linalg_lu_solve(LU_data, LU_pivots, b, True, False), out)


def lu_unpack(
    LU_data: Tensor,
    LU_pivots: Tensor,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
    *,
    out: Out = None,
) -> Any:
    """`(P, L, U)` out of what `linalg.lu_factor` gave; what is not unpacked is empty."""
    return give_all("lu_unpack", _C._linalg_lu_unpack(LU_data, LU_pivots, unpack_data, unpack_pivots), out)


@casts("lu_with_info")
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Out = None) -> tuple[Tensor, ...]:
    """The packed LU and the row exchanges, and with `get_infos` the numbers of zero pivots."""
    parts = _C._linalg_lu_factor_ex("tensorrs.lu_factor_ex", A, pivot, not get_infos)
    found: tuple[Tensor, ...] = give_all("_lu_with_info", parts, None) if get_infos else tuple(parts[:2])
    if out is not None:
        return tuple(give(r, o) for r, o in zip(found, out, strict=True))
    return found


def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of matrices in the cheapest order: `linalg.multi_dot`."""
    if len(matrices) == 1:
        return give(matrices[0], out)
    return multi_dot(matrices, out=out)


def frobenius_norm(input: Tensor, dim: Dim = (), keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The root of the sum of squares over `dim`, all dimensions if it is empty."""
    dims = [dim] if isinstance(dim, int) else list(dim or ())
    return give(_C.linalg_vector_norm(input, 2, dims or None, keepdim), out)


def nuclear_norm(input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The sum of the singular values of the matrices in the two dimensions `dim`."""
    dims = (-2, -1) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    return matrix_norm(input, "nuc", dims, keepdim, out=out)


def _basis(A: Tensor, q: int, niter: int) -> Tensor:
    """Orthonormal columns that nearly span what A maps to (Halko et al. 2009, arXiv:0909.4061, algorithm 4.4)."""
    q0 = _C._linalg_qr(A @ _C.randn(A.size(-1), q, dtype=A.dtype), "reduced")[0]
    for _ in range(niter):
        q1 = _C._linalg_qr(A.mT @ q0, "reduced")[0]
        q0 = _C._linalg_qr(A @ q1, "reduced")[0]
    return q0


def svd_lowrank(
    A: Tensor,
    q: int | None = 6,
    niter: int | None = 2,
    M: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """`(U, S, V)` of about the q largest singular values of A `(*, m, n)`, less M, by random projections."""
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    a = A if M is None else A - M.expand(A.shape)
    wide = a.size(-2) < a.size(-1)
    a = a.mT if wide else a
    base = _basis(a, q, niter)
    u, s, vh = _C._linalg_svd(base.mT @ a, False, True)
    u, v = base @ u, vh.mT
    return (v, s, u) if wide else (u, s, v)


def pca_lowrank(
    A: Tensor,
    q: int | None = None,
    center: bool = True,
    niter: int = 2,
) -> tuple[Tensor, Tensor, Tensor]:
    """`(U, S, V)`: principal components V of the rows of A `(*, m, n)`, which are centred unless told otherwise."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not (q >= 0 and q <= min(m, n)):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
