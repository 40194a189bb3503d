"""RAdam: Adam that waits for its mean square to be worth something."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import State, _check_betas, _check_lr, _check_positive, _count, _decayed, _Elementwise
from .optimizer import Group, ParamsT

__all__ = ["RAdam"]


class RAdam(_Elementwise):
    """RAdam: Adam with the variance of its adaptive rate rectified; its first steps are those of momentum alone.

    With g the gradient plus `weight_decay` * p (negated first under `maximize`) and
    rho_t = rho - 2 t beta2 ** t / (1 - beta2 ** t), rho = 2 / (1 - beta2) - 1, step t does::

        m  = beta1 * m + (1 - beta1) * g
        v  = beta2 * v + (1 - beta2) * g ** 2
        r  = sqrt((rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t))
        p -= lr * m / (1 - beta1 ** t) * (r * sqrt(1 - beta2 ** t) / (sqrt(v) + eps)  if rho_t > 5 else  1)

    `decoupled_weight_decay` shrinks p by `1 - lr * weight_decay` instead of adding to g. `foreach` changes nothing:
    a step is one pass in any case. `differentiable=True` records the step on the tape.
    Follows Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond".
    """

    _rule = "radam"
    _later: ClassVar[dict[str, Any]] = {**_Elementwise._later, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check_positive(eps=eps)
        _check_betas(betas)
        _check_positive(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _fresh(self, p: Tensor, group: Group) -> State:
        return {"step": _count(0.0), "exp_avg": tensorrs.zeros_like(p), "exp_avg_sq": tensorrs.zeros_like(p)}

    def _kept(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        grad, (beta1, beta2) = _decayed(group, p, grad), group["betas"]
        step, mean, square = state["step"].item(), state["exp_avg"], state["exp_avg_sq"]
        mean.add_((grad - mean) * (1 - beta1))
        square.mul_(beta2).add_(grad * grad * (1 - beta2))
        correction, longest = 1 - beta2**step, 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction
        move = mean.clone() / (1 - beta1**step) * group["lr"]
        if length > 5:
            rect = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            move = move * (correction**0.5 / (square.clone().sqrt() + group["eps"])) * rect**0.5
        p.sub_(move)
