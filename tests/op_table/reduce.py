"""Reductions and scans: whole, over one dim, over several, kept or not; numbers and nothing."""

from __future__ import annotations

from typing import Any

from op_table.row import DT, S, bad, lit, only, op, plain, s, x
from under_test import FLOATS

NAN, INF = float("nan"), float("inf")
TURN = {"float32": (4e-6, 2e-5), "float16": (4e-3, 4e-3), "bfloat16": (3e-2, 3e-2)}
WHY = "the order of summation differs"
BAD_DIM = bad(x(2, 3), 2)


def over(many: bool = True, empty: bool = True, make: Any = x) -> tuple[S, ...]:
    """The ways a reduction is asked for; `many` where several dims may be given at once."""
    found = [
        s(make(3, 4)), s(make(2, 3, 4), 1), s(make(2, 3, 4), -1, keepdim=True), s(make(2, 3, 4), dim=0), s(make(67)),
        s(make()), s(make(), 0), s(make(5, 1), 1), s(make(0, 3), 1), s(make(3, 2, 5), 2),
    ]
    if many:
        found += [s(make(2, 3, 4), (0, 2)), s(make(2, 3, 4), dim=(0, -1), keepdim=True), s(make(2, 3, 4), [1, 2])]
    if empty:
        found += [s(make(0)), s(make(3, 0), 1)]
    return tuple(found)


INDEXED = over(many=False, empty=False)
NAMED = INDEXED[1:4] + INDEXED[6:]
EMPTY = bad(x(0))
CORRECTED = [
    s(x(3, 4)), s(x(2, 3, 4), 1), s(x(2, 3, 4), (0, 2), keepdim=True), s(x(7), unbiased=False), s(x(2, 5), 1, unbiased=False),
    s(x(2, 5), 1, correction=0), s(x(2, 5), dim=1, correction=2, keepdim=True), s(x(67)),
]
ROWS = [
    op("sum", *over(), s(x(3, 4), 1, dtype=DT("float64")), plain(x(3, 4), dtype=DT("int64")), s(x(3, 4), ()), tol=TURN, why=WHY, errors=[BAD_DIM, bad(x(2, 3), (0, 0)), bad(x(2, 3), "a", match="")]),
    op("nansum", *over(), plain(lit([NAN, 1.0, 2.0])), tol=TURN, why=WHY),
    op("mean", *over(), only(("int64", "float32"), x(3, 4), 1, dtype=DT("float64")), tol=TURN, why=WHY, errors=[BAD_DIM, bad(x(3), dtype="int64", match="mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype")]),
    op("prod", s(x(3, 4)), s(x(2, 3, 4), 1), s(x(2, 3), -1, keepdim=True), s(x()), s(x(0)), s(x(3, 0), 1), s(x(2, 3), dtype=DT("float64")), s(lit([[1.0, 0.0, 3.0], [0.0, 0.0, 2.0]], grad=True), 1), tol=TURN, why=WHY, errors=[BAD_DIM]),
    op("max.whole", s(x(3, 4)), s(x()), s(x(67)), plain(lit([1.0, NAN, 3.0])), fn="max", method="max", errors=[EMPTY]),
    op("min.whole", s(x(3, 4)), s(x()), s(x(67)), plain(lit([1.0, NAN, 3.0])), fn="min", method="min", errors=[EMPTY]),
    op("max.dim", *NAMED, plain(lit([[1.0, NAN, 3.0], [3.0, 3.0, 1.0]]), 1), fn="max", method="max", errors=[BAD_DIM, bad(x(0, 3), 0)]),
    op("min.dim", *NAMED, plain(lit([[1.0, NAN, 3.0], [3.0, 1.0, 1.0]]), 1), fn="min", method="min", errors=[BAD_DIM, bad(x(0, 3), 0)]),
    op("max.binary", s(x(3, 4), x(3, 4)), s(x(3, 1), x(4)), fn="max", method="max"),
    op("min.binary", s(x(3, 4), x(3, 4)), s(x(3, 1), x(4)), fn="min", method="min"),
    op("amax", *over(empty=False), plain(lit([1.0, NAN, 3.0])), out=False, errors=[BAD_DIM, EMPTY]),
    op("amin", *over(empty=False), plain(lit([1.0, NAN, 3.0])), errors=[BAD_DIM, EMPTY]),
    op("amax.ties", s(lit([[2.0, 1.0, 2.0], [3.0, 3.0, 3.0]], grad=True), 1), s(lit([2.0, 1.0, 2.0], grad=True)), fn="amax", method="amax", grad=1, twice=False),
    op("max.ties", s(lit([2.0, 1.0, 2.0], grad=True)), s(lit([[2.0, 1.0, 2.0], [3.0, 3.0, 3.0]], grad=True), 1), fn="max", method="max", grad=1, twice=False),
    op("argmax", *INDEXED, s(x(3, 4), keepdim=True), plain(lit([1.0, NAN, 3.0])), grad=0, errors=[BAD_DIM, EMPTY]),
    op("argmin", *INDEXED, s(x(3, 4), keepdim=True), plain(lit([1.0, NAN, 3.0])), grad=0, errors=[BAD_DIM, EMPTY]),
    op("aminmax", s(x(3, 4)), s(x(3, 4), dim=1), s(x(3, 4), dim=0, keepdim=True)),
    op("all", *over(), s(lit([1, 1, 2])), s(lit([[1, 0], [1, 1]]), 1), grad=0, errors=[BAD_DIM]),
    op("any", *over(), s(lit([0, 0])), s(lit([[0, 0], [1, 1]]), 1), grad=0, errors=[BAD_DIM]),
    op("count_nonzero", s(lit([[1, 0, 2], [0, 0, 3]])), s(lit([[1, 0, 2], [0, 0, 3]]), 1), s(x(2, 3, 4, ints=(0, 2)), (0, 2)), s(x(0, 3)), s(x()), grad=0),
    op("var", *CORRECTED, tol=TURN, why=WHY, errors=[BAD_DIM, bad(x(3), dtype="int64")]),
    op("std", *CORRECTED, tol=TURN, why=WHY, errors=[BAD_DIM, bad(x(3), dtype="int64")]),
    op("var_mean", s(x(3, 4)), s(x(2, 3, 4), 1), s(x(2, 3, 4), (0, 2), keepdim=True), s(x(2, 5), 1, correction=0), method=False, tol=TURN, why=WHY),
    op("std_mean", s(x(3, 4)), s(x(2, 3, 4), 1), s(x(2, 5), 1, correction=0), method=False, tol=TURN, why=WHY),
    op(
        "norm",
        s(x(3, 4)), s(x(3, 4), 1), s(x(3, 4), 2, 1), s(x(3, 4), p=3, dim=0, keepdim=True), s(x(3, 4), INF), s(x(3, 4), INF, 1), s(x(3, 4), p="fro"),
        s(x(2, 3, 4), 2, (1, 2)), s(x(3, 4), 0, 1), s(x(3, 4), -INF, 1), s(x()), s(x(0)),
        tol=TURN, why=WHY,
    ),
    op("logsumexp", s(x(3, 4), 1), s(x(2, 3, 4), (0, 2)), s(x(2, 3, 4), -1, keepdim=True), s(x(67), 0), plain(lit([[-INF, -INF], [INF, 1.0]]), 1), s(x(), 0), tol=TURN, why=WHY, errors=[BAD_DIM]),
    op("median.whole", s(x(5)), s(x(6)), s(x(3, 4)), s(x()), plain(lit([1.0, NAN, 3.0])), fn="median", method="median"),
    op("median.dim", s(x(3, 5), 1), s(x(3, 4), 0, keepdim=True), s(x(3, 4), dim=-1), s(x(), 0), fn="median", method="median", errors=[BAD_DIM]),
    op("cumsum", s(x(3, 4), 1), s(x(2, 3, 4), 0), s(x(67), -1), s(x(), 0), s(x(0, 2), 0), s(x(3, 4), 1, dtype=DT("float64")), inplace=True, out=True, tol=TURN, why=WHY, errors=[BAD_DIM]),
    op("cumprod", s(x(3, 4), 1), s(x(2, 3, 4), 0), s(x(9), -1), s(x(), 0), s(x(0, 2), 0), s(lit([1.0, 0.0, 3.0, 2.0], grad=True), 0), inplace=True, out=True, tol=TURN, why=WHY, errors=[BAD_DIM]),
    op("sum_to_size", s(x(3, 4), (1, 4)), s(x(2, 3, 4), (3, 1)), fn=None, method="sum_to_size", tol=TURN, why=WHY),
    op("dist", s(x(3, 4), x(3, 4)), s(x(3, 4), x(4), 1), dtypes=FLOATS, tol=TURN, why=WHY),
]
