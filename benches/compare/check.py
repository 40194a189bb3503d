"""Results are compared before anything is timed: a fast wrong answer is no row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from compare.row import Program, Row
from compare.side import Side

Array = np.ndarray[Any, Any]
EPS = 2.0**-23
FEW = 16  # of fewer numbers the greatest error is chance


def arrays(result: Any) -> list[Array]:
    """The arrays in what a program returned: a tensor, a number or lists of them."""
    if isinstance(result, (list, tuple)):
        return [array for part in result for array in arrays(part)]
    return [np.asarray(result.detach().numpy() if hasattr(result, "detach") else result)]


def first(side: Side, program: Program) -> list[Array]:
    """The program's first results; masks and noise are drawn from seed 1. Copied: later calls may write into them."""
    side.T.manual_seed(1)
    return [array.copy() for array in arrays(program())]


def distance(a: Array, b: Array) -> float:
    """max |a - b| / max |b|; 0 where both have the same infinities, inf where only one has a NaN."""
    if a.size == 0:
        return 0.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.where(a == b, 0.0, np.abs(a - b))
    if np.isnan(apart).any():
        return math.inf
    return float(apart.max()) / max(float(np.abs(b[np.isfinite(b)]).max(initial=0.0)), 1e-30)


def compare(row: Row, ours: list[Array], theirs: list[Array], exact: list[Array] | None) -> None:
    """AssertionError where our results are not theirs."""
    assert len(ours) == len(theirs), f"{len(ours)} results, PyTorch gives {len(theirs)}"
    for k, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert mine.shape == other.shape, f"result {k}: shape {mine.shape}, PyTorch's is {other.shape}"
        assert mine.dtype == other.dtype, f"result {k}: {mine.dtype}, PyTorch's is {other.dtype}"
        if mine.dtype.kind != "f":
            unequal = int((mine != other).sum())
            assert unequal == 0, f"result {k}: {unequal} of {mine.size} whole numbers differ"
            continue
        apart, bound = distance(mine, other), row.tolerance(k)
        assert apart <= bound, f"result {k} differs from PyTorch's by {apart:.2g} of its greatest, not {bound:.2g}"
        if exact is not None and mine.dtype == np.float32 and mine.size >= FEW:
            error, rival = distance(mine, exact[k]), distance(other, exact[k])
            bound = max(2 * rival, EPS * (2 + math.log2(row.terms)))
            assert error <= bound, f"result {k}: error {error:.2g} against float64, PyTorch's is {rival:.2g}"
