"""RMSprop: the gradient over the root of its running mean square."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import State, _check_lr, _check_positive, _count, _decayed, _Elementwise
from .optimizer import Group, ParamsT

__all__ = ["RMSprop"]


class RMSprop(_Elementwise):
    """RMSprop, optionally with momentum and with the variance in place of the mean square (`centered`).

    With g the gradient plus `weight_decay` * p (negated first under `maximize`), each step does::

        v = alpha * v + (1 - alpha) * g ** 2
        m = alpha * m + (1 - alpha) * g                      # if centered; v - m ** 2 then stands for v below
        b = momentum * b + g / (sqrt(v) + eps)
        p -= lr * b                                          # without momentum b is g / (sqrt(v) + eps)

    `foreach` changes nothing: a step is one pass in any case. `differentiable=True` records the step on the tape.
    Follows Hinton, "Neural Networks for Machine Learning", lecture 6e; `centered` follows Graves, "Generating
    Sequences With Recurrent Neural Networks".
    """

    _rule = "rmsprop"
    _later: ClassVar[dict[str, Any]] = {**_Elementwise._later, "momentum": 0, "centered": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check_positive(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _fresh(self, p: Tensor, group: Group) -> State:
        state = {"step": _count(0.0), "square_avg": tensorrs.zeros_like(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = tensorrs.zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = tensorrs.zeros_like(p)
        return state

    def _kept(self, group: Group) -> tuple[str, ...]:
        centered = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *centered, *(("momentum_buffer",) if group["momentum"] > 0 else ()))

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        grad, alpha, square = _decayed(group, p, grad), group["alpha"], state["square_avg"]
        square.mul_(alpha).add_(grad * grad * (1 - alpha))
        second = square.clone()
        if group["centered"]:
            state["grad_avg"].add_((grad - state["grad_avg"]) * (1 - alpha))
            second = second - state["grad_avg"].clone().square()
        move = grad / (second.sqrt() + group["eps"])
        if group["momentum"] > 0:
            state["momentum_buffer"].mul_(group["momentum"]).add_(move)
            move = state["momentum_buffer"].clone()
        p.sub_(move * group["lr"])
