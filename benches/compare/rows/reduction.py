"""Reductions: sums and moments, extremes, softmax, scans and sorts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compare.row import Group, Program, Row
from compare.side import Side

GROUP = Group("reduction", "sums, extremes, softmax, scans, sorts", 0.7)
M = 1 << 20


def add(name: str, act: Callable[[Side, Any], Any], *shape: int, terms: int, **options: Any) -> None:
    def make(s: Side) -> Program:
        x = s.numbers(*shape)
        return lambda: act(s, x)

    sizes = " x ".join(f"{n // M}M" if n % M == 0 else str(n) for n in shape)
    GROUP.rows.append(Row(f"{name}, {sizes}", make, terms=terms, **options))


add("sum", lambda s, x: x.sum(), 16 * M, terms=16 * M, bytes=64.0 * M)
add("sum", lambda s, x: x.sum(), M, terms=M)
add("sum dim 0", lambda s, x: x.sum(0), 1024, 1024, terms=1024)
add("sum dim 1", lambda s, x: x.sum(1), 1024, 1024, terms=1024)
add("sum dim 0", lambda s, x: x.sum(0), 4096, 1024, terms=4096)
add("sum dim 1", lambda s, x: x.sum(1), 4096, 1024, terms=1024)
add("sum dim 1", lambda s, x: x.sum(1), 64, 256, 256, terms=256)
add("mean over HW", lambda s, x: x.mean((2, 3)), 128, 32, 32, 32, terms=1024)
add("var", lambda s, x: x.var(), 4 * M, terms=4 * M)
add("var dim 1", lambda s, x: x.var(1), 4096, 1024, terms=1024)
add("max", lambda s, x: x.max(), 4 * M, terms=1)
add("max dim 1", lambda s, x: list(x.max(1)), 4096, 1024, terms=1)
add("max dim 0", lambda s, x: list(x.max(0)), 4096, 1024, terms=1)
add("argmax dim 1", lambda s, x: x.argmax(1), 4096, 1024, terms=1)
add("argmax dim 1", lambda s, x: x.argmax(1), 100_000, 10, terms=1)
add("softmax", lambda s, x: x.softmax(1), 1024, 1024, terms=1024)
add("softmax", lambda s, x: x.softmax(1), 4096, 1000, terms=1000)
add("log_softmax", lambda s, x: x.log_softmax(1), 4096, 1000, terms=1000)
add("cumsum dim 1", lambda s, x: x.cumsum(1), 1024, 1024, terms=1024)
add("cumsum dim 0", lambda s, x: x.cumsum(0), 1024, 1024, terms=1024)
add("sort", lambda s, x: x.sort()[0], M, terms=1)
add("sort dim 1", lambda s, x: x.sort(1)[0], 1000, 1000, terms=1)
add("topk 10", lambda s, x: x.topk(10)[0], 1000, 10_000, terms=1)
add("topk 5", lambda s, x: x.topk(5)[0], 4096, 1000, terms=1)
