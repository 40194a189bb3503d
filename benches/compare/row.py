"""What a row and a group of rows are, and what comes of measuring one.

A `Row` is one program text run by both libraries on the same numbers. A `Probe` is one number (seconds, bytes) read
from a fresh process of each library. A `Group` has the goal: the geometric mean of its ratios, our time over theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare.side import Side

Program = Callable[[], Any]
Make = Callable[["Side"], Program]


@dataclass(frozen=True)
class Row:
    """`make(side)` prepares inputs and gives the program to time; what it returns is compared first.

    Results: each array may differ by `tolerance()` of its greatest value, and with `exact` its error against PyTorch
    in float64 is no more than twice PyTorch's own. `layouts`: PyTorch is timed on channels_last too.
    """

    name: str
    make: Make
    terms: int = 1  # addends of the longest sum behind one number of the result
    tol: float | tuple[float, ...] | None = None  # instead of what follows from `terms`; or one for each result
    exact: bool = True
    layouts: bool = False
    flops: float = 0.0
    bytes: float = 0.0  # moved to and from memory; only where no cache holds them

    def tolerance(self, k: int) -> float:
        """How far the result `k` may be from PyTorch's."""
        if isinstance(self.tol, tuple):
            return self.tol[k]
        return self.tol if self.tol is not None else 16 * 2**-23 * max(1.0, self.terms**0.5)


@dataclass(frozen=True)
class Probe:
    """`read(library, threads)` gives a number of one library; ours may have a `limit` in the same unit."""

    name: str
    read: Callable[[str, int], float]
    unit: str
    turns: int = 1
    limit: float | None = None


@dataclass
class Group:
    """Rows with one goal. `busy`: measured with a process spinning on each core."""

    name: str
    title: str
    goal: float | None
    rows: list[Row | Probe] = field(default_factory=list)
    busy: bool = False

    def row(self, name: str, **options: Any) -> Callable[[Make], Make]:
        def add(make: Make) -> Make:
            self.rows.append(Row(name, make, **options))
            return make

        return add


@dataclass
class Outcome:
    """One measured row: seconds (or the probe's unit) of both, the median of the turns' ratios and its quartiles."""

    group: str
    row: str
    ours: float = 0.0
    theirs: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = "s"
    layout: str = ""  # PyTorch's better layout where both were timed
    other_layout: float | None = None
    load: float = 0.0  # the greatest share of the machine that others took in a kept turn
    percent: float | None = None  # of `ceiling`: the multiply-adds of all threads, or the bytes one thread copies
    ceiling: str = ""
    limit: float | None = None
    cause: str = ""  # why PyTorch is faster, where it is
    error: str = ""
    turns: list[list[float]] = field(default_factory=list)
