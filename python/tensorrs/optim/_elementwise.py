"""What the elementwise optimisers share: their state, and a step that is one call into Rust for a parameter group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor

from .optimizer import Group, Optimizer, _evaluate, _use_grad_for_differentiable

__all__: list[str] = []

State = dict[str, Tensor]

_CAPTURABLE_DEVICES = ["cuda", "xpu", "hpu", "privateuseone", "xla"]
_ON_DEVICES = f"must be on supported devices: {_CAPTURABLE_DEVICES}."


class _Elementwise(Optimizer):
    """Base of optimisers whose step treats every element alike. `_rule` is the name of the rule in Rust.

    A subclass says in `_fresh` what it keeps of a parameter (in PyTorch's order), in `_kept` which of it Rust takes
    as tensors of the parameter's shape, in `_counts` which as single numbers, and in `_on_tape` what a step is in
    differentiable operations.
    """

    _rule: str
    _counts: tuple[str, ...] = ("step",)
    # What `capturable` is refused with.
    _capturable: str = f"params and state_steps {_ON_DEVICES}"
    # Options that state of older versions may lack.
    _later: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in self._later.items():
                group.setdefault(key, value)
            for p in group["params"]:
                mine = self.state.get(p) or {}
                for key in self._counts:
                    if key in mine and not isinstance(mine[key], Tensor):
                        mine[key] = _count(float(mine[key]))

    @_use_grad_for_differentiable
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient; returns what `closure` returns."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            states: list[State] = [self._state_of(p, group) for p in params]
            self._check_step(group)
            if self.defaults["differentiable"]:
                for p, state in zip(params, states, strict=True):
                    state["step"] += 1
                    self._on_tape(group, p, -p.grad if group["maximize"] else p.grad, state)
                continue
            _C.rule_step(
                self._rule,
                group,
                params,
                [p.grad for p in params],
                [[state[key] for state in states] for key in self._kept(group)],
                [[state[key] for state in states] for key in self._counts],
            )
        return loss

    def _state_of(self, p: Tensor, group: Group) -> State:
        state: State = self.state[p]
        if not state:
            state.update(self._fresh(p, group))
        return state

    def _check_step(self, group: Group) -> None:
        if group.get("capturable"):
            raise AssertionError(f"If capturable=True, {self._capturable}")
        if group["foreach"] and group["differentiable"]:
            raise AssertionError("_foreach ops don't support autograd")

    def _fresh(self, p: Tensor, group: Group) -> State:
        raise NotImplementedError

    def _kept(self, group: Group) -> tuple[str, ...]:
        raise NotImplementedError

    def _on_tape(self, group: Group, p: Tensor, grad: Tensor, state: State) -> None:
        raise NotImplementedError


def _count(value: float, single: bool = False) -> Tensor:
    """One number of state: float32, or float64 where that is the default dtype and `single` does not forbid it."""
    wide = tensorrs.get_default_dtype() == tensorrs.float64 and not single
    count: Tensor = tensorrs.tensor(value, dtype=tensorrs.float64 if wide else tensorrs.float32)
    return count


def _decayed(group: Group, p: Tensor, grad: Tensor) -> Tensor:
    """The gradient with the weight decay added, or the parameter shrunk by it, on the tape."""
    rate = group["weight_decay"]
    if rate == 0:
        return grad
    if group.get("decoupled_weight_decay"):
        p.mul_(1 - group["lr"] * rate)
        return grad
    # A copy: p itself is changed later, and the tape needs what it was.
    decayed: Tensor = grad + p.clone() * rate
    return decayed


def _check_lr(lr: float | Tensor) -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")


def _check_positive(**options: float) -> None:
    """Refuse options below zero; the keywords are their names in the message."""
    for name, value in options.items():
        if not 0.0 <= value:
            what = "epsilon" if name == "eps" else name
            raise ValueError(f"Invalid {what} value: {value}")


def _check_betas(betas: tuple[float, float]) -> None:
    for i in range(2):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
