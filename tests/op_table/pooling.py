"""`nn.functional`: the pools of three dimensions, adaptive maxima, random windows, power means, and the way back."""

from __future__ import annotations

from typing import Any

from op_table.row import S, bad, idx, op, s, x
from under_test import FLOATS

SUM = {"float32": (4e-6, 4e-5), "float16": (4e-3, 8e-3), "bfloat16": (3e-2, 6e-2)}
WHY = "the order of summation differs"
WIDE = ("float32", "float64")
VOLUME = x(1, 2, 4, 5, 4)
PLACES = idx([[[[0, 3], [8, 11]]]])
DEEP = idx([[[[[0, 3], [8, 11]]]]])


def f(name: str, *samples: S, **how: Any) -> Any:
    how.setdefault("dtypes", FLOATS)
    return op(f"nn.functional.{name}", *samples, **how)


def shifts(*shape: int) -> Any:
    return x(*shape, low=0.0, high=0.999, grad=False)


ROWS = [
    f(
        "max_pool3d",
        s(VOLUME, 2), s(VOLUME, 3, 2, 1), s(VOLUME, (2, 3, 2), (1, 2, 1), (1, 1, 0), ceil_mode=True), s(x(2, 4, 5, 4), 2), s(VOLUME, 2, 1, dilation=(1, 2, 2)), s(x(0, 2, 4, 4, 4), 2), s(VOLUME, 3, 2, return_indices=True),
        errors=[bad(x(4, 4, 4), 2), bad(VOLUME, (2, 2)), bad(VOLUME, 2, (1, 1)), bad(VOLUME, 2, 2, (1, 1)), bad(VOLUME, 2, dilation=(1, 1)), bad(VOLUME, 6), bad(VOLUME, 2, 2, 2), bad(VOLUME, 2, 0), bad(VOLUME, 0, 1), bad(x(1, 0, 4, 4, 4), 2)],
    ),
    f("max_pool3d_with_indices", s(VOLUME, 2), dtypes=WIDE),
    f(
        "avg_pool3d",
        s(VOLUME, 2), s(VOLUME, 3, 2, 1), s(VOLUME, 3, 2, 1, True), s(VOLUME, (2, 3, 2), 1, (1, 1, 0), count_include_pad=False), s(VOLUME, 2, divisor_override=3), s(x(2, 4, 5, 4), 2), s(x(0, 2, 4, 4, 4), 2),
        errors=[bad(x(4, 4, 4), 2), bad(VOLUME, (2, 2)), bad(VOLUME, 2, (1, 1)), bad(VOLUME, 5), bad(VOLUME, 2, 2, 2), bad(VOLUME, 2, divisor_override=0), bad(x(1, 2, 4, 0, 4), 2)], tol=SUM, why=WHY,
    ),
    f(
        "adaptive_avg_pool3d", s(VOLUME, 1), s(VOLUME, (3, 2, 3)), s(VOLUME, (None, 2, 6)), s(x(2, 4, 5, 4), 2),
        tol=SUM, why=WHY, errors=[bad(x(4, 4, 4), 2), bad(VOLUME, (2, 2)), bad(VOLUME, (2, 2, -1)), bad(x(1, 2, 0, 4, 4), 2)],
    ),
    f("adaptive_max_pool1d", s(x(2, 3, 7), 3), s(x(2, 3, 7), (2,)), s(x(3, 7), 9), s(x(3, 7), 2, True), errors=[bad(x(2, 3, 7), (1, 2)), bad(x(2, 3, 7), -1), bad(x(7), 2), bad(x(2, 0, 7), 2)]),
    f(
        "adaptive_max_pool2d", s(x(2, 3, 6, 7), 1), s(x(2, 3, 6, 7), (3, 2)), s(x(3, 6, 7), (None, 4)), s(x(1, 1, 3, 3), 5, return_indices=True),
        errors=[bad(x(4, 4), 2), bad(x(2, 3, 6, 7), (2,)), bad(x(2, 3, 6, 7), (2, -1)), bad(x(2, 3, 6, 0), 2), bad(x(4), (2, 2))],
    ),
    f("adaptive_max_pool3d", s(VOLUME, 1), s(VOLUME, (3, 2, 3)), s(x(2, 4, 5, 4), (None, 2, 6), return_indices=True), errors=[bad(x(4, 4, 4), 2), bad(VOLUME, (2, 2)), bad(VOLUME, (2, 2, -1)), bad(x(1, 0, 4, 4, 4), 2)]),
    f("adaptive_max_pool2d_with_indices", s(x(2, 3, 6, 7), 2), dtypes=WIDE),
    f(
        "fractional_max_pool2d",
        s(x(2, 3, 9, 8), 2, 4, _random_samples=shifts(2, 3, 2)), s(x(3, 9, 8), (2, 3), (5, 4), _random_samples=shifts(1, 3, 2)), s(x(2, 3, 9, 8), 3, output_ratio=(0.5, 0.4), return_indices=True, _random_samples=shifts(2, 3, 2)), s(x(1, 1, 4, 4), 2, 1, _random_samples=shifts(1, 1, 2)),
        errors=[bad(x(1, 2, 6, 6), 2), bad(x(1, 2, 6, 6), 2, 6), bad(x(1, 2, 6, 6), -1, 2), bad(x(1, 2, 6, 6), (2, 2, 2), 2), bad(x(1, 2, 6, 6), 2, 2, _random_samples=shifts(1, 2, 3)), bad(x(1, 2, 6, 6), 2, 2, _random_samples=shifts(2, 2)), bad(x(3, 2, 6, 6), 2, 2, _random_samples=shifts(2, 2, 2)), bad(x(1, 0, 6, 6), 2, 2)],
    ),
    f(
        "fractional_max_pool3d",
        s(VOLUME, 2, 2, _random_samples=shifts(1, 2, 3)), s(x(2, 4, 5, 4), (2, 3, 1), (2, 2, 3), _random_samples=shifts(1, 2, 3)), s(VOLUME, 2, output_ratio=0.7, return_indices=True, _random_samples=shifts(1, 2, 3)),
        errors=[bad(VOLUME, 2), bad(VOLUME, 2, 4), bad(VOLUME, 2, (2, 2)), bad(VOLUME, 2, 2, _random_samples=shifts(1, 2, 2))],
    ),
    f("lp_pool1d", s(x(2, 3, 7, low=0.1), 2, 2), s(x(3, 7, low=0.1), 3.5, 3, 2, True), s(x(2, 3, 7), float("inf"), 2), dtypes=WIDE, tol=SUM, why=WHY, errors=[bad(x(2, 3, 7), 0, 2), bad(x(2, 3, 7), 2, 9)]),
    f("lp_pool2d", s(x(2, 3, 6, 7, low=0.1), 2, 2), s(x(3, 6, 7, low=0.1), 1.5, (3, 2), (2, 1), True), s(x(2, 3, 6, 7), float("inf"), 2), dtypes=WIDE, tol=SUM, why=WHY, errors=[bad(x(2, 3, 6, 7), 0, 2)]),
    f("lp_pool3d", s(x(1, 2, 4, 5, 4, low=0.1), 2, 2), s(x(2, 4, 5, 4, low=0.1), 3, (2, 3, 1), 2, True), dtypes=WIDE, tol=SUM, why=WHY, errors=[bad(VOLUME, 0, 2)]),
    f("max_unpool1d", s(x(1, 1, 3), idx([[[0, 3, 5]]]), 2), s(x(1, 3), idx([[1, 2, 6]]), 3, 2, output_size=(8,)), errors=[bad(x(1, 1, 3), idx([[[0, 3, 6]]]), 2), bad(x(1, 1, 3), idx([[[0, 3, 5]]]), 2, output_size=(9,))]),
    f(
        "max_unpool2d", s(x(1, 1, 2, 2), PLACES, 2), s(x(1, 1, 2, 2), PLACES, 3, 2, 1, output_size=(1, 1, 4, 4)),
        errors=[bad(x(1, 1, 2, 2), PLACES, 2, 1), bad(x(1, 1, 2, 2), idx([[[[0, 3]]]]), 2), bad(x(2, 2), idx([[0, 3], [8, 11]]), 2), bad(x(1, 1, 2, 2), x(1, 1, 2, 2), 2), bad(x(1, 1, 2, 2), PLACES, 2, output_size=(4, 4, 4)), bad(x(1, 1, 2, 2), PLACES, 2, -3)],
    ),
    f("max_unpool3d", s(x(1, 1, 1, 2, 2), DEEP, 2), s(x(1, 1, 1, 2, 2), DEEP, (1, 2, 2), output_size=(1, 5, 5)), errors=[bad(x(1, 1, 1, 2, 2), DEEP, (1, 1, 2), match="Found an invalid max index"), bad(x(1, 2, 2), idx([[[0, 3], [8, 11]]]), 2), bad(x(1, 1, 1, 2, 2), DEEP, 2, 0)]),
]
