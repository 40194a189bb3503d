"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor

from .optimizer import Group, Optimizer, ParamsT, _check_fused, _evaluate, _to_scalar, _use_grad_for_differentiable

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with (Nesterov) momentum.

    With g the gradient plus `weight_decay` * p (negated first under `maximize`), each step does::

        buf = momentum * buf + (1 - dampening) * g      # the first time: buf = g
        p  -= lr * (g + momentum * buf  if nesterov else  buf)

    Without momentum p -= lr * g. `foreach` and `fused` are accepted and change nothing: a step is one
    pass over the parameters in any case. `differentiable=True` records the step on the tape instead.
    Follows Sutskever et al., "On the importance of initialization and momentum in deep learning", with
    the learning rate outside of the buffer as in PyTorch.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    @_use_grad_for_differentiable
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient; returns what `closure` returns."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            if group["fused"]:
                for p in params:
                    _check_fused(p)
            if group["momentum"] == 0:
                self._update(group, params, [None] * len(params))
                continue
            buffers = self._update(group, params, [self.state[p].get("momentum_buffer") for p in params])
            for p, buffer in zip(params, buffers, strict=True):
                self.state[p]["momentum_buffer"] = buffer
        return loss

    def _update(self, group: Group, params: list[Tensor], buffers: list[Tensor | None]) -> list[Tensor | None]:
        grads: list[Any] = [p.grad for p in params]
        if self.defaults["differentiable"]:
            return [_on_tape(group, *each) for each in zip(params, grads, buffers, strict=True)]
        stepped: list[Tensor | None] = _C.sgd_step(
            params,
            grads,
            buffers,
            float(group["lr"]),
            float(group["momentum"]),
            float(group["dampening"]),
            float(group["weight_decay"]),
            bool(group["nesterov"]),
            bool(group["maximize"]),
        )
        return stepped


def _on_tape(group: Group, p: Tensor, grad: Tensor, buffer: Tensor | None) -> Tensor | None:
    """One step for one parameter in differentiable operations; returns the momentum buffer."""
    momentum = group["momentum"]
    grad = -grad if group["maximize"] else grad
    if group["weight_decay"] != 0:
        # A copy: p itself is changed below, and the tape needs what it was.
        grad = grad + p.clone() * group["weight_decay"]
    if momentum != 0:
        if buffer is None:
            buffer = grad.detach().clone()
        else:
            buffer.mul_(momentum).add_(grad * (1 - group["dampening"]))
        grad = grad + buffer * momentum if group["nesterov"] else buffer
    p.sub_(grad * _to_scalar(group["lr"]))
    return buffer
