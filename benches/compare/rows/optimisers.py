"""Optimisers: a step over 60 parameters with a million values in all, and over many small ones."""

from __future__ import annotations

from typing import Any

from compare.row import Group, Program, Row
from compare.side import Side

GROUP = Group("optimisers", "a step over 60 tensors, 1M values", 0.3)


def add(kind: str, name: str = "", tensors: int = 60, each: int = 16_667, **how: Any) -> None:
    def make(s: Side) -> Program:
        parameters = [s.numbers(each, seed=k, grad=True) for k in range(tensors)]
        for k, p in enumerate(parameters):
            p.grad = s.numbers(each, seed=100 + k)
        optimizer = getattr(s.T.optim, kind)(parameters, lr=1e-3, **how)

        def run() -> Any:
            optimizer.step()
            return [parameters[0], parameters[-1]]

        return run

    GROUP.rows.append(Row(name or kind, make, terms=4))


add("SGD", "SGD with momentum", momentum=0.9)
add("Adam")
add("AdamW")
add("RMSprop")
add("SGD", "plain SGD")
add("Adam", "Adam, 20 tensors of 500", 20, 500)
