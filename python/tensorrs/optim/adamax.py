"""Adamax: Adam with the running maximum of the gradient in place of its mean square."""

from __future__ import annotations

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import State, _check_betas, _check_lr, _check_positive, _count, _decayed, _Elementwise
from .optimizer import Group, ParamsT

__all__ = ["Adamax"]


class Adamax(_Elementwise):
    """Adamax, the variant of Adam on the infinity norm.

    With g the gradient plus `weight_decay` * p (negated first under `maximize`), step t does::

        m  = beta1 * m + (1 - beta1) * g
        u  = max(beta2 * u, |g| + eps)
        p -= lr / (1 - beta1 ** t) * m / u

    `foreach` changes nothing: a step is one pass in any case. `differentiable=True` records the step on the tape.
    Follows Kingma and Ba, "Adam: A Method for Stochastic Optimization", section 7.
    """

    _rule = "adamax"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
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
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _fresh(self, p: Tensor, group: Group) -> State:
        return {"step": _count(0.0), "exp_avg": tensorrs.zeros_like(p), "exp_inf": tensorrs.zeros_like(p)}

    def _kept(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        grad, (beta1, beta2) = _decayed(group, p, grad), group["betas"]
        mean, top = state["exp_avg"], state["exp_inf"]
        mean.add_((grad - mean) * (1 - beta1))
        top.copy_(tensorrs.maximum(top * beta2, grad.abs() + group["eps"]))
        rate = group["lr"] / (1 - beta1 ** state["step"].item())
        p.sub_(mean.clone() / top.clone() * rate)
