"""Adagrad: the gradient over the root of the sum of all its squares."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import State, _check_lr, _check_positive, _count, _decayed, _Elementwise
from .optimizer import Group, ParamsT, _check_fused

__all__ = ["Adagrad"]


class Adagrad(_Elementwise):
    """Adagrad: elements that have seen large gradients take smaller steps.

    With g the gradient plus `weight_decay` * p (negated first under `maximize`), step t does::

        s += g ** 2                     # s starts as initial_accumulator_value
        p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    `foreach` and `fused` change nothing: a step is one pass in any case. `differentiable=True` records the step on
    the tape instead. The state exists from the start, before the first step.
    Follows Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".
    """

    _rule = "adagrad"
    _later: ClassVar[dict[str, Any]] = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _check_lr(lr)
        _check_positive(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults: dict[str, Any] = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update(self._fresh(p, group))

    def _fresh(self, p: Tensor, group: Group) -> State:
        total = tensorrs.full_like(p, self.defaults["initial_accumulator_value"])
        return {"step": _count(0.0, single=bool(group["fused"])), "sum": total.detach()}

    def _kept(self, group: Group) -> tuple[str, ...]:
        return ("sum",)

    def _check_step(self, group: Group) -> None:
        super()._check_step(group)
        if group["fused"]:
            for p in group["params"]:
                _check_fused(p)

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        grad = _decayed(group, p, grad)
        rate = group["lr"] / (1 + (state["step"].item() - 1) * group["lr_decay"])
        state["sum"].add_(grad * grad)
        p.sub_(grad / (state["sum"].clone().sqrt() + group["eps"]) * rate)
