"""Overhead: what a call costs where there is nothing to compute."""

from __future__ import annotations

from typing import Any

from compare.row import Group, Program
from compare.side import Side

GROUP = Group("overhead", "one-element calls", 0.15)


@GROUP.row("add, one element")
def _(s: Side) -> Program:
    x, y = s.numbers(1), s.numbers(1, seed=1)
    return lambda: x + y


@GROUP.row("add, one element, with gradient")
def _(s: Side) -> Program:
    x, y = s.numbers(1, grad=True), s.numbers(1, seed=1)
    return lambda: x + y


@GROUP.row("mul by a number, one element")
def _(s: Side) -> Program:
    x = s.numbers(1)
    return lambda: x * 2.0


@GROUP.row("chain of 20 ops, forward and backward", terms=20)
def _(s: Side) -> Program:
    x, w = s.numbers(1, grad=True), s.numbers(1, seed=1)

    def run() -> Any:
        y = x
        for _ in range(10):
            y = y * w + x
        return s.grad(y, [x])

    return run


@GROUP.row("view")
def _(s: Side) -> Program:
    x = s.numbers(6)
    return lambda: x.view(2, 3)


@GROUP.row("t")
def _(s: Side) -> Program:
    x = s.numbers(2, 3)
    return lambda: x.t()


@GROUP.row("x[0]")
def _(s: Side) -> Program:
    x = s.numbers(2, 3)
    return lambda: x[0]


@GROUP.row("x[0, 1]")
def _(s: Side) -> Program:
    x = s.numbers(2, 3)
    return lambda: x[0, 1]


@GROUP.row("Linear, 1 x 16 to 16", terms=16)
def _(s: Side) -> Program:
    layer, x = s.model(lambda T: T.nn.Linear(16, 16)), s.numbers(1, 16)
    return lambda: layer(x)


@GROUP.row("Sequential of Linear, ReLU, Linear, 1 x 16", terms=32)
def _(s: Side) -> Program:
    def build(T: Any) -> Any:
        return T.nn.Sequential(T.nn.Linear(16, 16), T.nn.ReLU(), T.nn.Linear(16, 16))

    model, x = s.model(build), s.numbers(1, 16)
    return lambda: model(x)
