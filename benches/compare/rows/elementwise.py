"""Elementwise: arithmetic, transcendental functions, broadcasts and copies of transposes; most are bound by memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compare.row import Group, Program, Row
from compare.side import Side

GROUP = Group("elementwise", "arithmetic, functions, broadcasts, copies", 0.7)
M = 1 << 20


def unary(name: str, act: Callable[[Side, Any], Any], count: int = 4 * M, positive: bool = False) -> None:
    def make(s: Side) -> Program:
        x = s.numbers(count)
        if positive:
            x = x.abs() + 0.01
        return lambda: act(s, x)

    GROUP.rows.append(Row(f"{name}, {named(count)}", make, tol=1e-5))


def binary(
    name: str, act: Callable[[Any, Any], Any], left: tuple[int, ...], right: tuple[int, ...], moved: float = 0.0
) -> None:
    def make(s: Side) -> Program:
        x, y = s.numbers(*left), s.numbers(*right, seed=1)
        return lambda: act(x, y)

    GROUP.rows.append(Row(name, make, bytes=moved))


def named(count: int) -> str:
    return f"{count // M}M" if count % M == 0 else f"{count // 1024}K"


binary("add, 16M", lambda x, y: x + y, (16 * M,), (16 * M,), 12.0 * 16 * M)
binary("add, 1M", lambda x, y: x + y, (M,), (M,))
binary("mul, 64K", lambda x, y: x * y, (65536,), (65536,))
unary("exp", lambda s, x: x.exp())
unary("tanh", lambda s, x: x.tanh())
unary("sigmoid", lambda s, x: x.sigmoid())
unary("gelu", lambda s, x: s.T.nn.functional.gelu(x))
unary("relu", lambda s, x: x.relu())
unary("log", lambda s, x: x.log(), M, positive=True)
unary("erf", lambda s, x: x.erf(), M)
unary("sin", lambda s, x: x.sin(), M)
unary("pow 2.5", lambda s, x: x.pow(2.5), M, positive=True)
unary("silu", lambda s, x: s.T.nn.functional.silu(x), M)


@GROUP.row("where, 4M", bytes=13.0 * 4 * M)
def _(s: Side) -> Program:
    x, y = s.numbers(4 * M), s.numbers(4 * M, seed=1)
    chosen = x > y
    return lambda: s.T.where(chosen, x, y)


@GROUP.row("add_ in place, 16M", bytes=12.0 * 16 * M)
def _(s: Side) -> Program:
    x, y = s.numbers(16 * M), s.numbers(16 * M, seed=1) * 1e-6
    return lambda: x.add_(y)


@GROUP.row("relu forward and backward, 4M")
def _(s: Side) -> Program:
    x, g = s.numbers(4 * M, grad=True), s.numbers(4 * M, seed=1)
    return lambda: s.grad(x.relu(), [x], g)


binary("broadcast (512, 1, 256) + (64, 256)", lambda x, y: x + y, (512, 1, 256), (64, 256))
binary("broadcast (4096, 1024) + (1024)", lambda x, y: x + y, (4096, 1024), (1024,))
binary("broadcast (32, 64, 56, 56) * (64, 1, 1)", lambda x, y: x * y, (32, 64, 56, 56), (64, 1, 1))
binary("broadcast (4096, 1024) - (4096, 1)", lambda x, y: x - y, (4096, 1024), (4096, 1))


@GROUP.row("copy of a transpose, 1024 x 1024")
def _(s: Side) -> Program:
    x = s.numbers(1024, 1024)
    return lambda: x.t().contiguous()


@GROUP.row("copy of a permute, (32, 64, 56, 56) to NHWC", bytes=8.0 * 32 * 64 * 56 * 56)
def _(s: Side) -> Program:
    x = s.numbers(32, 64, 56, 56)
    return lambda: x.permute(0, 2, 3, 1).contiguous()


@GROUP.row("copy of heads, (16, 128, 8, 64) transposed (1, 2)")
def _(s: Side) -> Program:
    x = s.numbers(16, 128, 8, 64)
    return lambda: x.transpose(1, 2).contiguous()
