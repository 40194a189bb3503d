"""Adadelta: steps of the size that past steps had, with no learning rate to choose."""

from __future__ import annotations

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import _ON_DEVICES, State, _check_lr, _check_positive, _count, _decayed, _Elementwise
from .optimizer import Group, ParamsT

__all__ = ["Adadelta"]


class Adadelta(_Elementwise):
    """Adadelta: the gradient times the ratio of the running roots of past steps and past gradients.

    With g the gradient plus `weight_decay` * p (negated first under `maximize`), each step does::

        v  = rho * v + (1 - rho) * g ** 2
        d  = sqrt(u + eps) / sqrt(v + eps) * g
        u  = rho * u + (1 - rho) * d ** 2
        p -= lr * d

    `foreach` changes nothing: a step is one pass in any case. `differentiable=True` records the step on the tape.
    Follows Zeiler, "ADADELTA: An Adaptive Learning Rate Method".
    """

    _rule = "adadelta"
    _capturable = f"params and state_steps {_ON_DEVICES}".replace(", 'xla'", "")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        _check_positive(eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _fresh(self, p: Tensor, group: Group) -> State:
        return {"step": _count(0.0), "square_avg": tensorrs.zeros_like(p), "acc_delta": tensorrs.zeros_like(p)}

    def _kept(self, group: Group) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        grad, rho, eps = _decayed(group, p, grad), group["rho"], group["eps"]
        square, moved = state["square_avg"], state["acc_delta"]
        square.mul_(rho).add_(grad * grad * (1 - rho))
        delta = (moved.clone() + eps).sqrt() / (square.clone() + eps).sqrt() * grad
        moved.mul_(rho).add_(delta * delta * (1 - rho))
        p.sub_(delta * group["lr"])
