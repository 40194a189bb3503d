"""Comparison, logic and bits; choosing between values: where, clamp, lerp, masks."""

from __future__ import annotations

import operator
from typing import Any

from op_table.row import S, bad, lit, mask, noout, only, op, plain, s, x
from under_test import FLOATS, INTS

NAN, INF = float("nan"), float("inf")
WHOLE = ("bool", *INTS)
SMALL = {"ints": (0, 3)}
SHAPES = bad(x(2, 3), x(4))


def pairs() -> tuple[S, ...]:
    return (
        s(x(3, 4, **SMALL), x(3, 4, **SMALL)),
        s(x(3, 1, **SMALL), x(4, **SMALL)),
        s(x(35, **SMALL), x(35, **SMALL)),
        s(x(3, 4, **SMALL), 1),
        s(x(3, 4, **SMALL), 1.5),
        s(x(3, **SMALL), x(3, dtype="float32")),
        s(x(3, **SMALL), x(3, dtype="int32", **SMALL)),
        s(x(**SMALL), x(3, **SMALL)),
        s(x(), x()),
        s(x(0, 3), x(3)),
        plain(lit([NAN, NAN, INF, -0.0, 1.0]), lit([NAN, 1.0, INF, 0.0, 2.0])),
    )


def compared(name: str, act: Any) -> list[Any]:
    row = op(name, *pairs(), inplace=True, out=True, grad=0, errors=[SHAPES])
    signs = op(f"operator.{name}", *pairs()[:6], fn=lambda T, a, b: act(a, b), grad=0)
    turned = op(f"operator.r{name}", s(x(3, 4, **SMALL), 1), s(x(3, 4, **SMALL), 1.5), fn=lambda T, a, b: act(b, a), grad=0)
    return [row, signs, turned]


def logical(name: str) -> Any:
    samples = (*pairs()[:3], s(x(3, **SMALL), x(3, dtype="float32")), s(x(**SMALL), x(3, **SMALL)), s(x(0, 3), x(3)))
    return op(name, *samples, inplace=True, out=True, grad=0, errors=[SHAPES])


def bits(name: str) -> Any:
    samples = (s(x(3, 4), x(3, 4)), s(x(3, 1), x(4)), s(x(3, 4), 5), s(x(3), x(3, dtype="int32")), s(x(), x(3)), s(x(0, 3), x(3)))
    return op(name, *samples, inplace=True, out=True, grad=0, dtypes=WHOLE, errors=[bad(x(2), x(2))])


def shift(name: str) -> Any:
    few = {"ints": (0, 4)}
    return op(name, s(x(3, 4), x(3, 4, **few)), s(x(3, 4), x(4, **few)), s(x(3, 4), 2), inplace=True, grad=0, dtypes=INTS)


CLAMP = (
    s(x(3, 4), -1, 1), s(x(35), -0.5, 0.75), s(x(3, 4), min=0), s(x(3, 4), max=1), s(x(3, 4), min=0.5), s(x(), 0, 1), s(x(0, 2), 0, 1),
    s(x(3, 4), 1, -1),
    plain(lit([NAN, INF, -INF, 0.0]), -1.0, 1.0),
)

ROWS = [
    *compared("eq", operator.eq),
    *compared("ne", operator.ne),
    *compared("lt", operator.lt),
    *compared("le", operator.le),
    *compared("gt", operator.gt),
    *compared("ge", operator.ge),
    logical("logical_and"),
    logical("logical_or"),
    logical("logical_xor"),
    bits("bitwise_and"),
    bits("bitwise_or"),
    bits("bitwise_xor"),
    shift("bitwise_left_shift"),
    shift("bitwise_right_shift"),
    op("equal", s(x(3, 4), x(3, 4)), s(lit([1, 2]), lit([1, 2])), s(lit([1, 2]), lit([1, 3])), s(x(2), x(3)), s(x(0), x(0)), grad=0),
    op(
        "allclose",
        s(lit([1.0, 2.0]), lit([1.0, 2.0])), s(lit([1.0, 2.0]), lit([1.0, 2.1])), s(lit([1.0, 2.0]), lit([1.0, 2.1]), rtol=0.1),
        s(lit([NAN]), lit([NAN])), s(lit([NAN]), lit([NAN]), equal_nan=True), s(lit([INF]), lit([INF])),
        grad=0, dtypes=FLOATS,
    ),
    op(
        "isclose",
        s(lit([1.0, 2.0, NAN, INF]), lit([1.0, 2.1, NAN, INF])), s(lit([1.0, 2.0]), lit([1.0, 2.1]), rtol=0.1),
        s(lit([1.0, NAN]), lit([1.0, NAN]), equal_nan=True), s(x(3, 1, **SMALL), x(4, **SMALL)),
        grad=0,
    ),
    op(
        "where",
        s(mask(3, 4), x(3, 4), x(3, 4)), s(mask(4), x(3, 1), x(4)), noout(mask(3, 4), x(3, 4), 2), noout(mask(3, 4), 0, x(3, 4)), s(mask(3, 1), x(), x(4)),
        s(mask(3, 4), x(3, 4), x(3, 4, dtype="float32")), s(mask(0, 3), x(3), x(3)), s(mask(), x(), x()), noout(mask(3, 4), x(3, 4), 2.5),
        method=False, out=True,
        errors=[bad(mask(2), x(3), x(3)), bad(x(2), x(2), x(2), match="where expected condition to be a boolean tensor")],
    ),
    op("where.method", s(x(3, 4), mask(3, 4), x(4)), s(x(3, 4), mask(4), 1.5), fn=None, method="where"),
    op("where.nonzero", s(lit([[1, 0, 2], [0, 0, 3]])), s(x(0, 2)), fn=lambda T, c: T.where(c != 0), grad=0),
    op("clamp", *CLAMP, s(x(3, 4), x(3, 4, low=-1.5, high=-0.5), x(4, low=0.5)), s(x(3, 4), min=x(4)), inplace=True, out=True, errors=[bad(x(2)), bad(x(2), None, None)]),
    op("clip", s(x(3, 4), -1, 1), s(x(3, 4), min=0), inplace=True, out=True),
    op("clamp_min", s(x(3, 4), 0), s(x(3, 4), 0.5), s(x(3, 4), x(4)), inplace=True, out=True),
    op("clamp_max", s(x(3, 4), 0), s(x(3, 4), 0.5), s(x(3, 4), x(4)), inplace=True, out=True),
    op("clamp.ties", s(lit([-1.0, 0.0, 1.0], grad=True), -1.0, 1.0), s(lit([-1.0, 0.0, 1.0], grad=True), 0.0, None), fn="clamp", grad=1, twice=False),
    op("lerp", s(x(3, 4), x(3, 4), 0.3), s(x(3, 4), x(4), 0.7), s(x(3, 4), x(3, 4), x(3, 4, low=0.0, high=1.0)), s(x(), x(), 0.5), s(x(0, 2), x(2), 0.5), inplace=True, out=True),
    op("masked_fill", s(x(3, 4), mask(3, 4), 7), s(x(3, 4), mask(4), 0), s(x(3, 4), mask(3, 4), x()), s(x(), mask(), 1), s(x(0, 2), mask(2), 1), only(FLOATS, x(3, 4), mask(3, 4), -INF), inplace=True,
       errors=[bad(x(3), mask(4), 0), bad(x(3), lit([1, 0, 1], "int64"), 0, match="masked_fill"), bad(x(3), mask(3), x(2))]),
    op("masked_select", s(x(3, 4), mask(3, 4)), s(x(3, 4), mask(4)), s(x(), lit(True, "bool")), s(x(0, 2), mask(2)), out=True, errors=[bad(x(3), mask(4))]),
    op("masked_scatter", s(x(3, 4), mask(3, 4), x(12)), s(x(3, 4), mask(4), x(3, 4)), s(x(0, 2), mask(2), x(1)), inplace=True, errors=[bad(x(3), lit([1, 1, 1], "bool"), x(2))]),
]
