"""The matmul family."""

from __future__ import annotations

from op_table.row import bad, op, s, x

SUM = {"float32": (4e-6, 4e-5), "float16": (4e-3, 8e-3), "bfloat16": (3e-2, 6e-2)}
WHY = "the order of summation differs"
FAMILY = {"tol": SUM, "why": WHY}

ROWS = [
    op("matmul", s(x(3), x(3)), s(x(2, 3), x(3)), s(x(3), x(3, 2)), s(x(2, 3), x(3, 4)), s(x(2, 2, 3), x(3, 4)), s(x(2, 3), x(2, 3, 4)), s(x(2, 2, 3), x(2, 3, 2)), s(x(2, 1, 2, 3), x(2, 3, 2)), s(x(3), x(2, 3, 2)), s(x(2, 2, 3), x(3)),
       s(x(0, 3), x(3, 2)), s(x(2, 0), x(0, 3)), s(x(0, 2, 3), x(3, 2)), s(x(1, 9), x(9, 17)), out=True, **FAMILY,
       errors=[bad(x(2, 3), x(2, 3)), bad(x(), x(3)), bad(x(3), x(4)), bad(x(2, 2, 3), x(3, 3, 2)), bad(x(2, 3), x(3, 2, dtype="float64"))]),
    op("operator.matmul", s(x(2, 3), x(3, 4)), s(x(3), x(3)), fn=lambda T, a, b: a @ b, **FAMILY),
    op("mm", s(x(2, 3), x(3, 4)), s(x(1, 1), x(1, 1)), s(x(0, 3), x(3, 2)), s(x(2, 0), x(0, 2)), s(x(5, 7), x(7, 3)), out=True, **FAMILY, errors=[bad(x(2, 3), x(2, 3)), bad(x(3), x(3, 2)), bad(x(2, 3), x(3, 2, dtype="float64"))]),
    op("bmm", s(x(2, 3, 4), x(2, 4, 2)), s(x(0, 2, 3), x(0, 3, 2)), s(x(2, 2, 0), x(2, 0, 2)), out=True, **FAMILY, errors=[bad(x(2, 3, 4), x(3, 4, 2)), bad(x(2, 3, 4), x(2, 3, 2)), bad(x(3, 4), x(4, 2))]),
    op("mv", s(x(2, 3), x(3)), s(x(0, 3), x(3)), s(x(2, 0), x(0)), out=True, **FAMILY, errors=[bad(x(2, 3), x(2)), bad(x(3), x(3))]),
    op("dot", s(x(4), x(4)), s(x(0), x(0)), s(x(67), x(67)), out=True, **FAMILY, errors=[bad(x(4), x(3)), bad(x(2, 2), x(2, 2)), bad(x(3), x(3, dtype="float64"))]),
    op("addmm", s(x(2, 4), x(2, 3), x(3, 4)), s(x(4), x(2, 3), x(3, 4), beta=2, alpha=3), s(x(), x(2, 3), x(3, 4), beta=0), s(x(2, 1), x(2, 0), x(0, 4)), inplace=True, out=True, **FAMILY, errors=[bad(x(3), x(2, 3), x(3, 4)), bad(x(4), x(2, 3), x(2, 4))]),
    op("addmv", s(x(2), x(2, 3), x(3)), s(x(2), x(2, 3), x(3), beta=2, alpha=2), **FAMILY),
    op("baddbmm", s(x(2, 3, 2), x(2, 3, 4), x(2, 4, 2)), s(x(3, 1), x(2, 3, 4), x(2, 4, 2), beta=2, alpha=3), inplace=True, **FAMILY),
    op("outer", s(x(2), x(3)), s(x(0), x(3)), errors=[bad(x(2, 2), x(3))]),
    op("ger", s(x(2), x(3))),
    op("inner", s(x(3), x(3)), s(x(2, 3), x(4, 3)), **FAMILY),
]
