"""Muon: momentum whose matrices are made orthogonal before each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorrs
from tensorrs._C import Tensor

from .optimizer import Group, Optimizer, ParamsT, _evaluate, _to_scalar

__all__ = ["Muon"]

_RATIOS: dict[str | None, Callable[[int, int], float]] = {
    None: lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "original": lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * math.sqrt(max(rows, columns)),
    "spectral_unclamped": lambda rows, columns: math.sqrt(rows / columns),
}


class Muon(Optimizer):
    """Muon, for the matrices inside a network; vectors and embeddings want another optimiser beside it.

    With G the gradient, an m x n matrix, each step does::

        B  = momentum * B + (1 - momentum) * G
        U  = (1 - momentum) * G + momentum * B  if nesterov else  B
        O  = about the nearest orthogonal matrix of U: ns_steps of X = a X + (b A + c A A) X, A = X X^T, in bfloat16
        p *= 1 - lr * weight_decay
        p -= lr * r * O

    where r is sqrt(max(1, m / n)), 0.2 * sqrt(max(m, n)) with adjust_lr_fn="match_rms_adamw", or sqrt(m / n) with
    "spectral_unclamped". Raises ValueError for parameters that are no matrices.
    Follows Jordan et al., "Muon: An optimizer for hidden layers in neural networks".
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 <= momentum:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in _RATIOS:
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    @tensorrs.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient; returns what `closure` returns."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = tensorrs.zeros_like(p.grad)
                    _update(group, p, p.grad, state["momentum_buffer"])
        return loss


def _update(group: Group, p: Tensor, grad: Tensor, buffer: Tensor) -> None:
    if grad.ndim != 2:
        raise ValueError("Param gradient must be a 2D matrix")
    lr, momentum = _to_scalar(group["lr"]), group["momentum"]
    buffer.lerp_(grad, 1 - momentum)
    update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
    update = _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
    rate = lr * _RATIOS[group["adjust_lr_fn"]](*p.shape)
    p.mul_(1 - lr * group["weight_decay"])
    p.add_(update, alpha=float(-rate))


def _orthogonal(matrix: Tensor, coefficients: Sequence[float], steps: int, eps: float) -> Tensor:
    """About U V^T of the matrix's singular value decomposition: singular values come out between 0.5 and 1.5."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = matrix.to(dtype=tensorrs.bfloat16, copy=True)
    tall = matrix.size(0) > matrix.size(1)
    if tall:
        x = x.T
    # The iteration converges for singular values of at most one.
    x.div_(x.norm().clamp(min=eps))
    for _ in range(steps):
        gram = x @ x.T
        x = tensorrs.addmm(x, tensorrs.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
