"""Distances between vectors."""

from __future__ import annotations

from op_table.row import bad, idx, op, plain, s, x

NEAR = {"float32": (4e-6, 4e-5)}
WHY = "the order of summation differs"
WIDE = ("float32", "float64")
INF = float("inf")
EXACT = "donot_use_mm_for_euclid_dist"

ROWS = [
    op(
        "cdist",
        s(x(3, 4), x(5, 4)), s(x(2, 3, 4), x(5, 4), 1.0), s(x(3, 4), x(2, 4), 3.0), s(x(3, 4), x(2, 4), INF), s(x(3, 4), x(2, 4), 0.0), s(x(27, 2), x(2, 2)), s(x(27, 2), x(2, 2), compute_mode=EXACT), s(x(0, 4), x(2, 4)), s(x(2, 0), x(3, 0)),
        errors=[bad(x(4), x(2, 4)), bad(x(2, 4), x(4)), bad(x(2, 3), x(2, 4)), bad(x(2, 4), x(2, 4), -1.0), bad(idx([[1, 2]]), x(3, 2)), bad(x(2, 2), idx([[1, 2]])), bad(x(2, 4), x(2, 4), 2.0, "fast")],
        method=None, dtypes=WIDE, tol=NEAR, why=WHY, grad=1,
    ),
    op("pdist", s(x(4, 3)), s(x(4, 3), 1.0), s(x(4, 3), INF), s(x(4, 3), 0.0), plain(x(1, 3)), plain(x(0, 3)), errors=[bad(x(4)), bad(x(4, 3), -2.0), bad(idx([[1, 2]]))], method=None, dtypes=WIDE, tol=NEAR, why=WHY, grad=1),
    op("nn.functional.pairwise_distance", s(x(3, 4), x(3, 4)), s(x(4), x(3, 4), 1.0, keepdim=True), s(x(3, 4), x(3, 4), INF, 0.5), errors=[bad(x(3, 4), x(3, 3))], dtypes=WIDE, tol=NEAR, why=WHY),
]
