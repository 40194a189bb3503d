"""Matrix products: squares, tall and thin ones, batches, attention, transposes; small ones have a goal of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compare.row import Group, Program, Row
from compare.side import Side

SMALL = Group("matmul-small", "matrix products up to 128", 0.7)
LARGE = Group("matmul", "larger matrix products, batches, attention", 1.0)


def product(group: Group, m: int, k: int, n: int, name: str = "") -> None:
    def make(s: Side) -> Program:
        x, y = s.numbers(m, k), s.numbers(k, n, seed=1)
        return lambda: x @ y

    group.rows.append(Row(f"{name or 'matmul'} {m} x {k} x {n}", make, terms=k, flops=2.0 * m * k * n))


def linear(group: Group, rows: int, cin: int, cout: int) -> None:
    def make(s: Side) -> Program:
        x, w, b = s.numbers(rows, cin), s.numbers(cout, cin, seed=1), s.numbers(cout, seed=2)
        return lambda: s.T.nn.functional.linear(x, w, b)

    group.rows.append(Row(f"linear {rows} x {cin} to {cout}", make, terms=cin, flops=2.0 * rows * cin * cout))


def batched(name: str, left: tuple[int, ...], right: tuple[int, ...], act: Callable[[Any, Any], Any]) -> None:
    flops = 2.0 * left[-1] * left[-2] * (right[-1] if right[-2] == left[-1] else right[-2])
    for n in left[:-2]:
        flops *= n

    def make(s: Side) -> Program:
        x, y = s.numbers(*left), s.numbers(*right, seed=1)
        return lambda: act(x, y)

    LARGE.rows.append(Row(name, make, terms=left[-1], flops=flops))


for size in (32, 64, 128):
    product(SMALL, size, size, size)
product(SMALL, 128, 32, 16)
linear(SMALL, 32, 128, 64)
linear(SMALL, 128, 120, 84)
linear(SMALL, 1, 128, 128)

for size in (256, 512, 1024, 2048):
    product(LARGE, size, size, size)
product(LARGE, 100_000, 64, 64, "tall")
product(LARGE, 64, 100_000, 64, "deep")
product(LARGE, 8192, 16, 512, "thin")
linear(LARGE, 128, 784, 512)
linear(LARGE, 64, 256, 256)
product(LARGE, 1, 1024, 1024, "row by matrix")


@LARGE.row("gemv 2048 x 2048", terms=2048, flops=2.0 * 2048 * 2048)
def _(s: Side) -> Program:
    x, y = s.numbers(2048, 2048), s.numbers(2048, seed=1)
    return lambda: x @ y


batched("bmm 96 x (128 x 64 x 128)", (96, 128, 64), (96, 64, 128), lambda x, y: x.bmm(y))
batched("bmm 64 x (64 x 64 x 64)", (64, 64, 64), (64, 64, 64), lambda x, y: x.bmm(y))
batched("scores q k^T, (8, 8, 128, 64)", (8, 8, 128, 64), (8, 8, 128, 64), lambda x, y: x @ y.transpose(-2, -1))
batched("weights by v, (8, 8, 128, 128) x (128, 64)", (8, 8, 128, 128), (8, 8, 128, 64), lambda x, y: x @ y)
batched("left transposed 512", (512, 512), (512, 512), lambda x, y: x.t() @ y)
batched("right transposed 512", (512, 512), (512, 512), lambda x, y: x @ y.t())


@LARGE.row("causal attention, (8, 8, 128, 64)", terms=128, tol=1e-4)
def _(s: Side) -> Program:
    q, k, v = (s.numbers(8, 8, 128, 64, seed=seed) for seed in range(3))
    return lambda: s.T.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


@LARGE.row("float64 512 x 512 x 512", exact=False, tol=1e-12, flops=0.0)
def _(s: Side) -> Program:
    x, y = s.numbers(512, 512, dtype="float64"), s.numbers(512, 512, seed=1, dtype="float64")
    return lambda: x @ y


@LARGE.row("matmul 256 x 400 x 120, forward and backward", terms=400)
def _(s: Side) -> Program:
    x, y = s.numbers(256, 400, grad=True), s.numbers(400, 120, seed=1, grad=True)
    g = s.numbers(256, 120, seed=2)
    return lambda: s.grad(x @ y, [x, y], g)
