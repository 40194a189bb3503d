"""Linear algebra: factorisations that are unique, solutions and what is made of factors.

Free signs (of Q, U, V) are folded away: the rows multiply such factors to what does not depend on them.
"""

from __future__ import annotations

from typing import Any

from op_table.row import Op, bad, lit, op, s, x

TOL = {"float32": (2e-4, 2e-4)}
WHY = "another order of elimination and summation"
REAL = ("float32", "float64")
SINGULAR = lit([[1.0, 2.0], [2.0, 4.0]])


def _square(n: int, *batch: int) -> Any:
    """Random, with a good inverse: the numbers are spread evenly, and the diagonal is not special."""
    return x(*batch, n, n, low=-1.0, high=2.0)


def _row(name: str, *samples: Any, **more: Any) -> Op:
    return op(name, *samples, dtypes=REAL, tol=TOL, why=WHY, **more)


def _spd(a: Any) -> Any:
    """A positive-definite matrix."""
    return a @ a.mT + 1


ROWS = [
    _row("linalg.det", s(_square(3)), s(_square(2, 2)), s(_square(1)), s(x(0, 0)), s(x(0, 2, 2)), errors=[bad(x(2, 3)), bad(x(3))]),
    _row("linalg.inv", s(_square(3)), s(_square(2, 2, 2)), s(x(0, 0)), errors=[bad(x(2, 3)), bad(SINGULAR), bad(lit([[[0.0]]]))]),
    _row("linalg.solve", s(_square(3), x(3, 2)), s(_square(3), x(3)), s(_square(2, 2), x(2, 2, 1)), s(_square(2), x(3, 2), left=False), errors=[bad(_square(3), x(2)), bad(SINGULAR, x(2))]),
    _row("linalg.solve_triangular", s(_square(3), x(3, 2), upper=True), s(_square(3), x(3, 2), upper=False, unitriangular=True), s(_square(2, 2), x(3, 2), upper=False, left=False)),
    _row("linalg.cholesky", s(_square(3), ), s(_square(2, 2)), s(_square(2), upper=True), fn=lambda T, a, **k: T.linalg.cholesky(_spd(a) + T.eye(a.size(-1), dtype=a.dtype), **k)),
    _row("linalg.cholesky.refused", s(x(1, 1, values=[[4.0]])), fn=lambda T, a: T.linalg.cholesky(a), errors=[bad(x(2, 3)), bad(lit([[1.0, 2.0], [2.0, 1.0]])), bad(lit([[[-1.0]]]))]),
    _row("linalg.slogdet", s(_square(3)), s(_square(2, 2)), fn=lambda T, a: list(T.linalg.slogdet(a))),
    _row("logdet", s(_square(3)), fn=lambda T, a: T.logdet(_spd(a) + T.eye(a.size(-1), dtype=a.dtype))),
    _row("linalg.lu", s(_square(3)), s(x(4, 2)), s(x(2, 4)), s(_square(2, 2)), fn=lambda T, a: list(T.linalg.lu(a))),
    _row("linalg.lu_factor", s(_square(3)), s(x(3, 2)), s(x(2, 3)), fn=lambda T, a: list(T.linalg.lu_factor(a))),
    _row("lu_solve", s(x(3, 2), _square(3)), fn=lambda T, b, a: T.linalg.lu_solve(*T.linalg.lu_factor(a), b)),
    _row("linalg.qr", s(_square(3)), s(x(4, 2)), s(x(2, 3)), fn=lambda T, a: [f.abs() for f in T.linalg.qr(a)]),
    _row("linalg.eigh", s(_square(3)), s(_square(2, 2)), fn=lambda T, a: [f.abs() for f in T.linalg.eigh(a + a.mT)]),
    _row("linalg.eigvalsh", s(_square(3)), s(_square(3), "U"), s(x(0, 0)), fn=lambda T, a, *k: T.linalg.eigvalsh(a + a.mT, *k), errors=[bad(x(3)), bad(_square(2), "X")]),
    _row("linalg.eigh.refused", s(lit([[4.0]])), fn=lambda T, a, *k: list(T.linalg.eigh(a, *k)), errors=[bad(x(2, 3)), bad(_square(2), "X")]),
    _row("linalg.svd", s(_square(3)), s(x(4, 2)), s(x(2, 4)), fn=lambda T, a: [f.abs() for f in T.linalg.svd(a, False)]),
    _row("linalg.svdvals", s(x(2, 3)), s(_square(2, 2)), s(x(0, 2))),
    _row("linalg.pinv", s(x(2, 3)), s(x(4, 2)), s(x(0, 2))),
    _row("linalg.matrix_exp", s(_square(3)), s(_square(2, 2)), s(x(1, 1, values=[[9.0]])), errors=[bad(x(2, 3))]),
    _row("linalg.householder_product", s(x(4, 2), x(2)), s(x(2, 3, 2), x(2, 2)), s(x(3, 3), x(2)), errors=[bad(x(2, 3), x(2)), bad(x(3, 2), x(3))]),
    _row("ormqr", s(x(3, 2), x(2), x(3, 4)), s(x(3, 2), x(2), x(4, 3), left=False), s(x(3, 3), x(3), x(3, 1), transpose=True)),
    _row("cholesky_solve", s(x(2, 1), _square(2)), s(x(2, 2, 3), _square(2)), fn=lambda T, b, a: T.cholesky_solve(b, a.tril()), errors=[bad(x(3, 1), _square(2)), bad(x(2, 1), x(2, 3))]),
    _row("cholesky_solve.upper", s(x(2, 3), _square(2)), fn=lambda T, b, a: T.cholesky_solve(b, a.triu(), upper=True)),
    _row("linalg.norm", s(x(3)), s(x(2, 3), "fro"), s(x(2, 3), "nuc"), s(x(2, 3), 2), s(x(2, 3), -2), s(x(2, 3), 1), s(x(2, 3), float("inf")), s(x(2, 3), 3, 1), s(x(2, 2, 3), "nuc", (0, 2), True), errors=[bad(x(2, 3), "foo"), bad(x(2, 3), 3), bad(x(2, 2, 2), 2)]),
    _row("linalg.cond", s(_square(3)), s(x(2, 3), -2)),
    _row("linalg.matrix_power", s(_square(2), 3), s(_square(2), -2), s(_square(2), 0), errors=[bad(x(2, 3), 2)]),
    _row("linalg.multi_dot", s([x(2, 3), x(3, 4), x(4, 1)]), s([x(3), x(3, 2), x(2)]), errors=[bad([x(2, 2)]), bad([x(2, 3), x(2, 3)])]),
    _row("linalg.tensorsolve", s(x(2, 3, 6), x(2, 3))),
    _row("linalg.tensorinv", s(x(2, 3, 6), 2)),
    _row("linalg.vander", s(x(3)), s(x(2, 3), N=2), s(x(3), N=5), errors=[bad(x()), bad(x(3), N=1)]),
    _row("linalg.lstsq", s(x(4, 2), x(4, 3)), s(x(2, 4), x(2, 1)), fn=lambda T, a, b: T.linalg.lstsq(a, b).solution),
    _row("addbmm", s(x(2, 3), x(4, 2, 3), x(4, 3, 3)), s(x(3), x(2, 2, 3), x(2, 3, 3), beta=2, alpha=3), inplace=True),
]
