"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import _ON_DEVICES, State, _check_betas, _check_lr, _check_positive, _count, _decayed, _Elementwise
from .optimizer import Group, ParamsT

__all__ = ["NAdam"]


class NAdam(_Elementwise):
    """NAdam: Adam that looks ahead, with a momentum that grows towards beta1.

    With g the gradient plus `weight_decay` * p (negated first under `maximize`) and
    mu(t) = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2), step t does::

        m  = beta1 * m + (1 - beta1) * g
        v  = beta2 * v + (1 - beta2) * g ** 2
        a  = (1 - mu(t)) / (1 - product of mu(1) to mu(t))
        b  = mu(t + 1) / (1 - product of mu(1) to mu(t + 1))
        p -= lr * (a * g + b * m) / (sqrt(v / (1 - beta2 ** t)) + eps)

    `decoupled_weight_decay` shrinks p by `1 - lr * weight_decay` instead of adding to g. `foreach` changes nothing:
    a step is one pass in any case. `differentiable=True` records the step on the tape.
    Follows Dozat, "Incorporating Nesterov Momentum into Adam".
    """

    _rule = "nadam"
    _capturable = f"params, mu_products and state_steps {_ON_DEVICES}"
    _counts = ("step", "mu_product")
    _later: ClassVar[dict[str, Any]] = {**_Elementwise._later, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        _check_positive(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _fresh(self, p: Tensor, group: Group) -> State:
        mean, square = tensorrs.zeros_like(p), tensorrs.zeros_like(p)
        return {"step": _count(0.0), "mu_product": _count(1.0), "exp_avg": mean, "exp_avg_sq": square}

    def _kept(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        grad, (beta1, beta2), lr = _decayed(group, p, grad), group["betas"], group["lr"]
        step, mean, square = state["step"].item(), state["exp_avg"], state["exp_avg_sq"]
        here, ahead = (beta1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1))
        state["mu_product"] *= here
        product = state["mu_product"].item()
        mean.add_((grad - mean) * (1 - beta1))
        square.mul_(beta2).add_(grad * grad * (1 - beta2))
        scale = (square.clone() / (1 - beta2**step)).sqrt() + group["eps"]
        move = grad * ((1 - here) / (1 - product)) + mean.clone() * (ahead / (1 - product * ahead))
        p.sub_(move / scale * lr)
