"""Rprop: steps that follow the signs of the gradient alone."""

from __future__ import annotations

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import State, _check_lr, _count, _Elementwise
from .optimizer import Group, ParamsT, _to_scalar

__all__ = ["Rprop"]


class Rprop(_Elementwise):
    """Resilient backpropagation: every element has a step size of its own; for whole batches.

    With g the gradient (negated under `maximize`), each step does::

        s *= etas[1] if g * prev > 0,  etas[0] if g * prev < 0,  1 otherwise      # s starts as lr
        s  = min(max(s, step_sizes[0]), step_sizes[1])
        g  = 0 if g * prev < 0
        p -= sign(g) * s
        prev = g

    `foreach` changes nothing: a step is one pass in any case. `differentiable=True` records the step on the tape.
    Follows Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: The RPROP algorithm".
    """

    _rule = "rprop"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _fresh(self, p: Tensor, group: Group) -> State:
        size = tensorrs.full_like(p, float(_to_scalar(group["lr"])))
        return {"step": _count(0.0), "prev": tensorrs.zeros_like(p), "step_size": size.detach()}

    def _kept(self, group: Group) -> tuple[str, ...]:
        return ("prev", "step_size")

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        (minus, plus), (smallest, largest) = group["etas"], group["step_sizes"]
        agree = (grad * state["prev"].clone()).sign()
        factor = tensorrs.where(agree > 0, plus, tensorrs.where(agree < 0, minus, 1 + agree))
        state["step_size"].mul_(factor).clamp_(smallest, largest)
        grad = tensorrs.where(agree < 0, 0.0, grad)
        p.sub_(grad.sign() * state["step_size"].clone())
        state["prev"].copy_(grad)
