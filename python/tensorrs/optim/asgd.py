"""ASGD: stochastic gradient descent that keeps the mean of the parameters it went through."""

from __future__ import annotations

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import _ON_DEVICES, State, _check_lr, _check_positive, _count, _decayed, _Elementwise
from .optimizer import Group, ParamsT, _to_scalar

__all__ = ["ASGD"]


class ASGD(_Elementwise):
    """Averaged stochastic gradient descent; the average is `state[p]["ax"]`.

    With g the gradient plus `weight_decay` * p (negated first under `maximize`), step t does::

        p  = p * (1 - lambd * eta) - eta * g                # eta starts as lr, mu as 1
        ax = ax + mu * (p - ax)
        eta = lr / (1 + lambd * lr * t) ** alpha
        mu  = 1 / max(1, t - t0)

    `foreach` changes nothing: a step is one pass in any case. `differentiable=True` records the step on the tape.
    Follows Polyak and Juditsky, "Acceleration of stochastic approximation by averaging".
    """

    _rule = "asgd"
    _capturable = f"params, mus, etas, and state_steps {_ON_DEVICES}"
    _counts = ("step", "eta", "mu")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check_positive(lambd=lambd, alpha=alpha, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _fresh(self, p: Tensor, group: Group) -> State:
        eta = _count(float(_to_scalar(group["lr"])))
        return {"step": _count(0.0), "eta": eta, "mu": _count(1.0), "ax": tensorrs.zeros_like(p)}

    def _kept(self, group: Group) -> tuple[str, ...]:
        return ("ax",)

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        grad, lr, step = _decayed(group, p, grad), group["lr"], state["step"].item()
        eta, mu, average = state["eta"].item(), state["mu"].item(), state["ax"]
        p.mul_(1 - group["lambd"] * eta).sub_(grad * eta)
        if mu == 1:
            average.copy_(p)
        else:
            average.add_((p.clone() - average) * mu)
        state["eta"].fill_(float(lr / (1 + group["lambd"] * lr * step) ** group["alpha"]))
        state["mu"].fill_(1 / max(1, step - group["t0"]))
