"""Adafactor: Adam's mean squares of a matrix kept as one row and one column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import _count
from .optimizer import Group, Optimizer, ParamsT, _evaluate, _to_scalar

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """Adafactor: memory below that of the parameters.

    With G the gradient (negated under `maximize`), b = t ** beta2_decay, r = min(lr, 1 / sqrt(t)), step t does::

        a  = max(eps[1], RMS(p)) * r
        p *= 1 - lr * weight_decay
        R  = (1 - b) * R + b * mean of G ** 2 over the last dimension
        C  = (1 - b) * C + b * mean of G ** 2 over the last but one
        V  = R @ C / max(mean of R, eps[0])                 # vectors: V = (1 - b) * V + b * G ** 2
        U  = G / sqrt(max(V, eps[0] ** 2))
        p -= a * U / max(1, RMS(U) / d)

    `eps[0]` None is the machine epsilon of the parameter's dtype. `foreach` changes nothing.
    Follows Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost".
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not 0.0 <= eps[0]:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not 0.0 <= eps[1]:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            for p in group["params"]:
                mine = self.state.get(p)
                if mine and not isinstance(mine["step"], Tensor):
                    mine["step"] = _count(float(mine["step"]))

    @tensorrs.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient; returns what `closure` returns."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    _update(group, p, -p.grad if group["maximize"] else p.grad, self._state_of(p))
        return loss

    def _state_of(self, p: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[p]
        if state:
            return state
        grad: Any = p.grad
        state["step"] = _count(0.0)
        if grad.dim() > 1:
            *most, rows, columns = grad.shape
            state["row_var"] = grad.new_zeros([*most, rows, 1])
            state["col_var"] = grad.new_zeros([*most, 1, columns])
        else:
            state["variance"] = tensorrs.zeros_like(grad)
        return state


def _update(group: Group, p: Tensor, grad: Tensor, state: dict[str, Tensor]) -> None:
    lr, (floor, least) = _to_scalar(group["lr"]), group["eps"]
    if floor is None:
        floor = tensorrs.finfo(p.dtype).eps
    state["step"] += 1
    step = state["step"].item()
    weight = step ** group["beta2_decay"]
    rate = max(least, p.norm(2).item() / p.numel() ** 0.5) * min(lr, 1 / step**0.5)
    if group["weight_decay"] != 0:
        p.mul_(1 - lr * group["weight_decay"])
    if grad.dim() > 1:
        rows, columns = state["row_var"], state["col_var"]
        rows.lerp_(grad.norm(2, -1, keepdim=True).square_().div_(grad.size(-1)), weight)
        columns.lerp_(grad.norm(2, -2, keepdim=True).square_().div_(grad.size(-2)), weight)
        second = (rows @ columns).div_(rows.mean(-2, keepdim=True).clamp_(min=floor))
    else:
        state["variance"].lerp_(grad * grad, weight)
        second = state["variance"].clone()
    update = second.clamp_(min=floor * floor).rsqrt_().mul_(grad)
    excess = update.norm(2).item() / (update.numel() ** 0.5 * group["d"])
    p.add_(update, alpha=float(-rate / max(1.0, excess)))
