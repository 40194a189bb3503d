"""Pointwise ops of two tensors: arithmetic with broadcasting, scalars on either side, and type promotion."""

from __future__ import annotations

import operator
from typing import Any

from op_table.row import S, bad, lit, only, op, plain, pos, s, x
from under_test import FLOATS, INTS

NAN, INF = float("nan"), float("inf")


def pairs(second: Any = x, **how: Any) -> tuple[S, ...]:
    """Same shape, broadcasting in both directions, numbers of each kind, mixed dtypes, 0-dim and nothing."""
    return (
        s(x(3, 4), second(3, 4, **how)),
        s(x(2, 1, 4), second(3, 1, **how)),
        s(x(4), second(2, 3, 4, **how)),
        s(x(17), second(17, **how)),
        s(x(3, 4), 2),
        s(x(3, 4), 2.5),
        s(x(3), True),
        s(x(3, 4), second(3, 4, dtype="float32", **how)),
        s(x(3, 4), second(4, dtype="int32", **how)),
        s(x(3, 4), second(dtype="float64", **how)),
        s(x(), second(3, **how)),
        s(x(), second(**how)),
        s(x(0, 3), second(1, 3, **how)),
        s(x(2, 0, 3), 3),
    )



SHAPES = bad(x(2, 3), x(4))
EDGE = plain(lit([NAN, INF, -INF, 0.0, -0.0, 1.0, 5.5, -5.5]), lit([1.0, 2.0, INF, 3.0, 0.5, NAN, 2.0, 2.0]))
ALPHA = (s(x(3, 4), x(3, 4), alpha=2), s(x(3, 4), 3, alpha=2))
WHOLE = ("bool", *INTS)


def reflected(name: str, act: Any, second: Any = x, grad: int = 2) -> Any:
    """`number op tensor`, which Python turns round."""
    samples = (s(second(3, 4), 2), s(second(3, 4), 2.5), s(second(), 3), s(second(0, 2), 1), s(second(3), True))
    return op(f"operator.{name}", *samples, fn=lambda T, a, b: act(b, a), grad=grad)


def forward(name: str, act: Any, second: Any = x, grad: int = 2, **how: Any) -> Any:
    samples = (s(x(3, 4), second(3, 4)), s(x(3, 4), second(4)), s(x(3, 4), 2), s(x(2), 2.5), s(x(), second()))
    return op(f"operator.{name}", *samples, fn=lambda T, a, b: act(a, b), grad=grad, **how)


ROWS = [
    op(
        "add", *pairs(), *ALPHA, EDGE, inplace=True, out=True,
        errors=[SHAPES, bad(x(3), x(3), alpha=2.5, dtype="int64"), bad(x(3), "a", match="")],
    ),
    op("sub", *pairs(), *ALPHA, EDGE, inplace=True, out=True, errors=[SHAPES, bad(x(2), x(2), dtype="bool")]),
    op("mul", *pairs(), EDGE, inplace=True, out=True, errors=[SHAPES]),
    op("div", *pairs(pos), EDGE, plain(x(3), 0), plain(x(3), lit([0.0, 0.0, 0.0])), inplace=True, out=True, errors=[SHAPES]),
    op("true_divide", *pairs(pos), inplace=True, out=True),
    op(
        "div.rounded",
        *(s(x(3, 4), pos(3, 4), rounding_mode=mode) for mode in (None, "floor", "trunc")),
        *(s(x(3, 4), 3, rounding_mode=mode) for mode in ("floor", "trunc")),
        *(only(FLOATS, *EDGE.args, rounding_mode=mode) for mode in ("floor", "trunc")),
        fn="div", method="div",
        errors=[
            bad(x(3), x(3), rounding_mode="up"),
            bad(x(3), lit([0, 1, 2]), rounding_mode="floor", dtype="int64", match="ZeroDivisionError"),
        ],
        tol={"float32": (2e-6, 1e-5)},
    ),
    op("floor_divide", *pairs(pos), inplace=True, out=True, grad=0, errors=[SHAPES]),
    op("remainder", *pairs(pos), s(x(3, 4), -3), EDGE, inplace=True, out=True),
    op("fmod", *pairs(pos), s(x(3, 4), -3), EDGE, inplace=True, out=True),
    op(
        "pow",
        s(pos(3, 4), x(3, 4, ints=(0, 4))), s(pos(3, 4), x(4, ints=(0, 4))), s(x(3, 4), 2), s(x(3, 4), 3), s(x(3, 4), 0), s(x(3, 4), 1),
        s(pos(3, 4), 0.5), s(pos(3, 4), -1.0), s(pos(17), -0.5), s(pos(3), 2.5), s(pos(), pos(3, ints=(0, 4))), s(x(0, 2), 2),
        s(pos(3, 4), x(dtype="float64", low=1.0)), s(pos(3), x(3, dtype="int32", ints=(0, 4))),
        plain(lit([0.0, 0.0, -1.0, -2.0, INF, NAN, 1.0]), lit([0.0, -1.0, 0.5, 3.0, 0.0, 0.0, NAN])),
        inplace=True, out=True,
        tol={"float32": (4e-6, 1e-5), "float16": (2e-3, 1e-4)}, why="pow is not correctly rounded in either library",
        errors=[bad(x(3), -1, dtype="int64"), SHAPES],
    ),
    op("pow.scalar", s(2, x(3, 4, ints=(0, 4))), s(2.5, x(4, ints=(0, 4))), s(1, x(3)), s(3, x(0, 2)), fn="pow", tol={"float32": (4e-6, 1e-5)}),
    op("atan2", *pairs(pos), plain(lit([0.0, -0.0, 1.0, INF, NAN]), lit([-0.0, -1.0, 0.0, -INF, 1.0])), inplace=True, out=True),
    op("maximum", s(x(3, 4), x(3, 4)), s(x(3, 1), x(4)), s(x(3), x(3, dtype="float32")), s(x(), x(3)), s(x(0, 2), x(2)), EDGE, out=True, errors=[SHAPES]),
    op("minimum", s(x(3, 4), x(3, 4)), s(x(3, 1), x(4)), s(x(3), x(3, dtype="float32")), s(x(), x(3)), s(x(0, 2), x(2)), EDGE, out=True, errors=[SHAPES]),
    op("maximum.ties", s(lit([1.0, 2.0, 3.0], grad=True), lit([1.0, 2.0, 0.0], grad=True)), fn="maximum", grad=1, twice=False),
    op("minimum.ties", s(lit([1.0, 2.0, 3.0], grad=True), lit([1.0, 2.0, 0.0], grad=True)), fn="minimum", grad=1, twice=False),
    forward("add", operator.add),
    forward("sub", operator.sub),
    forward("mul", operator.mul),
    forward("truediv", operator.truediv, pos),
    forward("floordiv", operator.floordiv, pos, grad=0),
    forward("mod", operator.mod, pos),
    forward("pow", operator.pow, lambda *n, **k: x(*n, ints=(0, 4), low=1.0, **k), dtypes=INTS, grad=0),
    forward("and", operator.and_, grad=0, dtypes=WHOLE),
    forward("or", operator.or_, grad=0, dtypes=WHOLE),
    forward("xor", operator.xor, grad=0, dtypes=WHOLE),
    forward("lshift", operator.lshift, lambda *n, **k: x(*n, ints=(0, 4), **k), grad=0, dtypes=INTS),
    forward("rshift", operator.rshift, lambda *n, **k: x(*n, ints=(0, 4), **k), grad=0, dtypes=INTS),
    reflected("radd", operator.add),
    reflected("rsub", operator.sub),
    reflected("rmul", operator.mul),
    reflected("rtruediv", operator.truediv, pos),
    reflected("rfloordiv", operator.floordiv, pos, grad=0),
    reflected("rmod", operator.mod, pos, grad=0),
    reflected("rpow", operator.pow, lambda *n, **k: x(*n, ints=(0, 4), **k)),
    op("addcmul", s(x(3, 4), x(3, 4), x(3, 4)), s(x(3, 4), x(4), x(3, 1), value=2), s(x(), x(), x()), s(x(0, 2), x(2), x(2)), inplace=True, out=True),
    op(
        "addcdiv", s(x(3, 4), x(3, 4), pos(3, 4)), s(x(3, 4), x(4), pos(3, 1), value=2), s(x(), x(), pos()), s(x(0, 2), x(2), pos(2)),
        inplace=True, out=True,
    ),
]
