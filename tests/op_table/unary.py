"""Pointwise ops of one tensor."""

from __future__ import annotations

from typing import Any

from op_table.row import S, bad, lit, op, plain, pos, s, x
from under_test import INTS

NAN, INF = float("nan"), float("inf")
EDGES = lit([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-30, 3e4, -3e4])
NEAR = {"float16": (2e-3, 1e-4), "bfloat16": (1.6e-2, 1e-3)}


def samples(**domain: Any) -> tuple[S, ...]:
    """A vector long enough for a SIMD body and a tail, a matrix, a number, nothing; then the edges of the domain."""
    make = pos if domain.pop("positive", False) else x
    return (
        s(make(35, **domain)),
        s(make(3, 4, **domain)),
        s(make(**domain)),
        s(make(0, 3, **domain)),
        plain(EDGES),
    )


def unary(name: str, *more: S, inplace: bool = True, out: bool = True, grad: int = 2, **how: Any) -> Any:
    domain = how.pop("domain", {})
    return op(name, *samples(**domain), *more, inplace=inplace, out=out, grad=grad, signs=how.pop("signs", True), **how)


UNIT = {"low": -0.9, "high": 0.9, "ints": (0, 2)}
LOOSE = {"float32": (3e-6, 1e-5)}

ROWS = [
    unary("abs"),
    unary("neg", errors=[bad(x(2), dtype="bool", match="is not supported")]),
    unary("positive", inplace=False, out=False),
    unary("exp", tol=LOOSE, why="within 2 ulp, ours and theirs by different polynomials"),
    unary("exp2", tol=LOOSE, why="as exp"),
    unary("expm1"),
    unary("log", domain={"positive": True}),
    unary("log2", domain={"positive": True}),
    unary("log10", domain={"positive": True}),
    unary("log1p", domain={"low": -0.8, "high": 3.0, "ints": (0, 9)}),
    unary("sqrt", domain={"positive": True}),
    unary("rsqrt", domain={"positive": True}),
    unary("square"),
    unary("reciprocal", domain={"positive": True}),
    unary("sin"),
    unary("cos"),
    unary("tan", domain={"low": -1.2, "high": 1.2}),
    unary("asin", domain=UNIT),
    unary("acos", domain=UNIT),
    unary("atan"),
    unary("sinh"),
    unary("cosh"),
    unary("tanh"),
    unary("asinh"),
    unary("acosh", domain={"low": 1.2, "high": 4.0, "ints": (1, 9)}),
    unary("atanh", domain=UNIT),
    unary("erf"),
    unary("sigmoid"),
    unary("floor"),
    unary("ceil"),
    unary("round"),
    unary("trunc"),
    unary("frac"),
    unary("sign"),
    unary("relu", out=False),
    op("isnan", *samples(), grad=0),
    op("isinf", *samples(), grad=0),
    op("isfinite", *samples(), grad=0),
    unary("logical_not", grad=0),
    unary("bitwise_not", grad=0, dtypes=("bool", *INTS), errors=[bad(x(2))]),
    op("clone", *samples(), fn="clone"),
    op("detach", *samples(), fn="detach", grad=0),
    op("contiguous", *samples(), fn=None, method="contiguous"),
    op("operator.neg", *samples(), fn=lambda T, a: -a),
    op("operator.pos", *samples(), fn=lambda T, a: +a),
    op("operator.abs", *samples(), fn=lambda T, a: abs(a)),
    op("operator.invert", *samples(), fn=lambda T, a: ~a, grad=0, dtypes=("bool", *INTS)),
    op(
        "nan_to_num",
        plain(EDGES),
        plain(EDGES, nan=2.0, posinf=7.0, neginf=-7.0),
        s(x(3, 4)),
        inplace=True,
        out=True,
    ),
    op("rsub", s(x(3, 4), x(3, 4)), s(x(3, 4), 2), s(x(3, 4), x(4), alpha=3), fn="rsub", method=False),
]
