"""`lobpcg`: some of the largest or smallest eigenvalues of a symmetric matrix, by products with it alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.autograd import no_grad

__all__ = ["lobpcg"]


def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Callable[[Any], Any] | None = None,
    ortho_iparams: dict[str, int] | None = None,
    ortho_fparams: dict[str, float] | None = None,
    ortho_bparams: dict[str, bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """`k` eigenvalues `(*, k)` and eigenvectors `(*, m, k)` of `A x = e B x`, A symmetric, B positive definite.

    `X` `(*, m, n)`, random by default, is where the search begins, `iK` a preconditioner; it ends after `niter` steps
    or where the residuals are below `tol` (the root of the type's precision). `method` and the `ortho_` parameters
    change nothing: the basis is made orthonormal through its Gram matrix, which may be singular. `tracker` is called
    with the search's state at each step.

    Differentiable in A where B is None; then the symmetric part of A is decomposed whole. Raises ValueError where A
    has less than three rows for each pair. Knyazev, 2001.
    """
    rows = A.shape[-1]
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if n is None else n) if X is None else X.shape[-1]
    if rows < 3 * n:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={rows}) "
            f"is smaller than 3 x the number of requested eigenpairs (={n})"
        )
    if A.requires_grad and B is None:
        values, vectors = _eigh((A + A.mT) / 2)
        if largest is not False:
            values, vectors = values.flip(-1), vectors.flip(-1)
        return values[..., :k], vectors[..., :k]
    with no_grad():
        lead = A.shape[:-2]
        if X is None:
            X = _C.randn((*lead, rows, n), dtype=A.dtype)
        each = [t if t is None else t.expand(*lead, *t.shape[-2:]).reshape(-1, *t.shape[-2:]) for t in (A, B, X, iK)]
        found = []
        for row in range(lead.numel()):
            a, b, x, precondition = (t if t is None else t[row] for t in each)
            assert a is not None
            assert x is not None
            steps = -1 if niter is None else niter
            found.append(_search(a, b, x, precondition, steps, tol, largest is not False, tracker))
        values = _C.stack([f[0] for f in found])[..., :k].reshape(*lead, k)
        vectors = _C.stack([f[1] for f in found])[..., :k].reshape(*lead, rows, k)
    return values, vectors


def _eigh(a: Tensor) -> tuple[Tensor, Tensor]:
    from tensorrs.linalg import eigh

    values, vectors = eigh(a)
    return values, vectors


def _ritz(a: Tensor, b: Tensor | None, basis: Tensor, count: int, largest: bool) -> tuple[Tensor, Tensor]:
    """The best eigenpairs in the span of `basis`. Directions that are there already are left out."""
    from tensorrs import finfo

    basis = basis / basis.norm(dim=0).clamp(min=finfo(a.dtype).tiny)
    gram, turn = _eigh(basis.mT @ (basis if b is None else b @ basis))
    kept = (gram > gram[-1] * finfo(a.dtype).eps * basis.shape[0]).nonzero().flatten()
    basis = basis @ (turn[:, kept] / gram[kept].sqrt())
    values, turn = _eigh(basis.mT @ (a @ basis))
    if largest:
        values, turn = values.flip(-1), turn.flip(-1)
    return values[:count], basis @ turn[:, :count]


def _search(
    a: Tensor,
    b: Tensor | None,
    x: Tensor,
    precondition: Tensor | None,
    steps: int,
    tol: float | None,
    largest: bool,
    tracker: Callable[[Any], Any] | None,
) -> tuple[Tensor, Tensor]:
    """In each step: the best of the span of the vectors, their residuals and the last step's direction."""
    from tensorrs import finfo

    count = x.shape[1]
    tol = finfo(a.dtype).eps ** 0.5 if tol is None else tol
    values, x = _ritz(a, b, x, count, largest)
    scale = float(a.norm()) + (0.0 if b is None else float(b.norm()) * float(values.abs().max()))
    direction: Tensor | None = None
    step = 0
    while True:
        residual = a @ x - (x if b is None else b @ x) * values
        size = residual.norm(dim=0) / (x.norm(dim=0) * scale)
        state = SimpleNamespace(A=a, B=b, iK=precondition, E=values, X=x, R=residual, S=direction)
        state.ivars = {"istep": step, "converged_count": int((size < tol).sum())}
        state.fvars, state.bvars, state.tvars = {}, {}, {"rerr": size}
        if tracker is not None:
            tracker(state)
        if bool((size < tol).all()) or step == (1000 if steps < 0 else steps):
            return values, x
        towards = residual if precondition is None else precondition @ residual
        before = x
        values, x = _ritz(
            a, b, _C.cat([x, towards] if direction is None else [x, towards, direction], 1), count, largest
        )
        direction = x - before @ (before.mT @ (x if b is None else b @ x))
        step += 1
