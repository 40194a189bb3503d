"""Adam, and the step that AdamW shares with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor

from .optimizer import Group, Optimizer, ParamsT, _check_fused, _evaluate, _to_scalar, _use_grad_for_differentiable

__all__ = ["Adam"]

_CAPTURABLE_DEVICES = ["cuda", "xpu", "hpu", "privateuseone", "xla"]
_STATE = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")


class Adam(Optimizer):
    """Adam: descent along the running mean of the gradient, scaled by that of its square.

    With g the gradient plus `weight_decay` * p (negated first under `maximize`), step t does::

        m  = beta1 * m + (1 - beta1) * g
        v  = beta2 * v + (1 - beta2) * g ** 2
        p -= lr * (m / (1 - beta1 ** t)) / (sqrt(v / (1 - beta2 ** t)) + eps)

    `amsgrad` takes the largest v so far; `decoupled_weight_decay` shrinks p by `1 - lr * weight_decay`
    instead of adding to g (AdamW). `foreach` and `fused` change nothing: a step is one pass in any case.
    `differentiable=True` records the step on the tape instead.
    Follows Kingma and Ba, "Adam: A Method for Stochastic Optimization".
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _check_options(lr, betas, eps, weight_decay, tensors_fit=not foreach or capturable)
        defaults = {
            "lr": lr,
            "betas": (_to_scalar(betas[0]), _to_scalar(betas[1])),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("fused", None)
            for p in group["params"]:
                mine = self.state.get(p)
                if mine and not isinstance(mine["step"], Tensor):
                    mine["step"] = _step_count(group, float(mine["step"]))

    @_use_grad_for_differentiable
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient; returns what `closure` returns."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            states = [self._state_of(p, group) for p in params]
            _check_step(group, states)
            if self.defaults["differentiable"]:
                for p, state in zip(params, states, strict=True):
                    _on_tape(group, p, p.grad, state)
                continue
            averages, squares, largest, steps = ([s[key] for s in states if key in s] for key in _STATE)
            beta1, beta2 = group["betas"]
            _C.adam_step(
                params,
                [p.grad for p in params],
                averages,
                squares,
                largest if group["amsgrad"] else [],
                steps,
                float(group["lr"]),
                float(beta1),
                float(beta2),
                float(group["eps"]),
                float(group["weight_decay"]),
                bool(group["amsgrad"]),
                bool(group["maximize"]),
                bool(group["decoupled_weight_decay"]),
            )
        return loss

    def _state_of(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[p]
        if not state:
            if group["fused"]:
                _check_fused(p)
            state["step"] = _step_count(group, 0.0)
            state["exp_avg"] = tensorrs.zeros_like(p)
            state["exp_avg_sq"] = tensorrs.zeros_like(p)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = tensorrs.zeros_like(p)
        return state


def _check_options(lr: Any, betas: Any, eps: float, weight_decay: float, *, tensors_fit: bool) -> None:
    if isinstance(lr, Tensor):
        if not tensors_fit:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")
    if not 0.0 <= eps:
        raise ValueError(f"Invalid epsilon value: {eps}")
    for i in range(2):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
    if not 0.0 <= weight_decay:
        raise ValueError(f"Invalid weight_decay value: {weight_decay}")
    if not any(isinstance(betas[0], kind) and isinstance(betas[1], kind) for kind in (float, Tensor)):
        raise ValueError("betas must be either both floats or both Tensors")
    for i in range(2):
        if not isinstance(betas[i], Tensor):
            continue
        if not tensors_fit:
            raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        if betas[i].numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")


def _check_step(group: Group, states: list[dict[str, Tensor]]) -> None:
    if group["differentiable"] and any(state["step"].requires_grad for state in states):
        raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")
    if group["foreach"] and group["differentiable"]:
        raise AssertionError("_foreach ops don't support autograd")
    if group["foreach"] and isinstance(group["lr"], Tensor) and not group["capturable"]:
        raise RuntimeError("lr as a Tensor is not supported for capturable=False and foreach=True")
    if group["capturable"] and not group["fused"]:
        raise AssertionError(
            f"If capturable=True, params and state_steps must be on supported devices: {_CAPTURABLE_DEVICES}."
        )


def _step_count(group: Group, value: float) -> Tensor:
    """The count of steps: a float tensor, float64 only where that is the default dtype."""
    wide = tensorrs.get_default_dtype() == tensorrs.float64 and not group["fused"]
    count: Tensor = tensorrs.tensor(value, dtype=tensorrs.float64 if wide else tensorrs.float32)
    return count


def _on_tape(group: Group, p: Tensor, grad: Tensor, state: dict[str, Tensor]) -> None:
    """One step for one parameter in differentiable operations."""
    beta1, beta2 = group["betas"]
    lr, decay = _to_scalar(group["lr"]), group["weight_decay"]
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    state["step"] += 1
    grad = -grad if group["maximize"] else grad
    if decay != 0:
        if group["decoupled_weight_decay"]:
            p.mul_(1 - lr * decay)
        else:
            # A copy: p itself is changed below, and the tape needs what it was.
            grad = grad + p.clone() * decay
    mean.add_((grad - mean) * (1 - beta1))
    square.mul_(beta2).add_(grad * grad * (1 - beta2))
    step = state["step"].item()
    second = square
    if group["amsgrad"]:
        largest = state["max_exp_avg_sq"]
        largest.copy_(tensorrs.maximum(largest.clone(), square))
        second = largest
    denominator = second.clone().sqrt() / (1 - beta2**step) ** 0.5 + group["eps"]
    p.sub_(mean.clone() / denominator * (lr / (1 - beta1**step)))
