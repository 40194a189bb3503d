"""SparseAdam: here for its name; there are no sparse tensors for it to work on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorrs
from tensorrs._C import Tensor

from ._elementwise import _check_betas
from .optimizer import Optimizer, ParamsT, _evaluate

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for sparse gradients. Gradients are dense here, so that a step with one raises RuntimeError, as PyTorch's
    does; `Adam` is what such a program wants.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        _check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    @tensorrs.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Raises RuntimeError if a parameter has a gradient; returns what `closure` returns."""
        loss = _evaluate(closure)
        if any(p.grad is not None for group in self.param_groups for p in group["params"]):
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        return loss
