"""L-BFGS: Newton's direction from the last gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorrs
from tensorrs._C import Tensor

from ._line_search import strong_wolfe
from .optimizer import Optimizer, ParamsT, _to_scalar

__all__ = ["LBFGS"]

# What is kept between steps besides the counts.
_KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    """Limited-memory BFGS, for whole batches. All parameters are one vector; there is one parameter group.

    A step runs up to `max_iter` iterations, each of which evaluates the closure at least once (`max_eval` in all, by
    default 1.25 times as often). The direction comes from the last `history_size` changes of gradient and parameters;
    its length is `lr`, or is found by the line search "strong_wolfe". Iterations end when the largest element of the
    gradient is at most `tolerance_grad`, or changes fall below `tolerance_change`. `maximize` climbs instead.
    Follows Liu and Nocedal, "On the limited memory BFGS method for large scale optimization".
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
            "maximize": maximize,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        params: list[Tensor] = self.param_groups[0]["params"]
        return params

    @tensorrs.no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Run the iterations. `closure` clears the gradients, computes the loss and its gradients, and returns it;
        the first loss comes back.
        """
        if len(self.param_groups) != 1:
            raise AssertionError(f"Expected exactly one param_group, but got {len(self.param_groups)}")
        closure = tensorrs.enable_grad()(closure)
        if not self._params:
            return closure()
        group = self.param_groups[0]
        lr, max_iter, max_eval = _to_scalar(group["lr"]), group["max_iter"], group["max_eval"]
        smallest = group["tolerance_change"]
        # The state of all parameters stands with the first.
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first = closure()
        loss, calls = self._signed(first), 1
        state["func_evals"] += 1
        grad = self._gradient()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first
        now = {key: state.get(key) for key in _KEPT}
        for n in range(1, max_iter + 1):
            state["n_iter"] += 1
            fresh = state["n_iter"] == 1
            if fresh:
                now.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
            else:
                self._remember(now, grad)
                now["d"] = self._direction(now, grad)
            d = now["d"]
            if now["prev_flat_grad"] is None:
                now["prev_flat_grad"] = grad.clone()
            else:
                now["prev_flat_grad"].copy_(grad)
            now["prev_loss"] = loss
            now["t"] = min(1.0, 1.0 / grad.abs().sum()) * lr if fresh else lr
            slope = grad.dot(d)
            if slope > -smallest:
                break

            used, still = 0, False
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                here = [p.clone() for p in self._params]
                loss, grad, now["t"], used = strong_wolfe(
                    lambda t, here=here, d=d: self._evaluate_at(closure, here, t, d),  # type: ignore[misc]
                    d,
                    now["t"],
                    (loss, grad, slope),
                    max_steps=max_eval - calls,
                )
                self._move(now["t"], d)
                still = bool(grad.abs().max() <= group["tolerance_grad"])
            else:
                self._move(now["t"], d)
                # After the last iteration nobody asks for the loss.
                if n != max_iter:
                    loss, used = self._signed(closure()), 1
                    grad = self._gradient()
                    still = bool(grad.abs().max() <= group["tolerance_grad"])
            calls += used
            state["func_evals"] += used
            if (
                n == max_iter
                or calls >= max_eval
                or still
                or d.mul(now["t"]).abs().max() <= smallest
                or abs(loss - now["prev_loss"]) < smallest
            ):
                break
        state.update(now)
        return first

    def _signed(self, loss: Any) -> float:
        return -float(loss) if self.param_groups[0].get("maximize", False) else float(loss)

    def _gradient(self) -> Tensor:
        """The gradients of all parameters, one after the other; zeros where there is none."""
        parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params]
        grad: Tensor = tensorrs.cat(parts, 0)
        return grad.neg_() if self.param_groups[0].get("maximize", False) else grad

    def _move(self, t: Any, direction: Tensor) -> None:
        start = 0
        for p in self._params:
            p.add_(direction[start : start + p.numel()].view_as(p), alpha=float(t))
            start += p.numel()

    def _evaluate_at(
        self, closure: Callable[[], Any], here: list[Tensor], t: Any, direction: Tensor
    ) -> tuple[float, Tensor]:
        """Loss and gradient at `here + t * direction`; the parameters end where they were."""
        self._move(t, direction)
        loss, grad = self._signed(closure()), self._gradient()
        for p, was in zip(self._params, here, strict=True):
            p.copy_(was)
        return loss, grad

    def _remember(self, now: dict[str, Any], grad: Tensor) -> None:
        """Add the last change of gradient and parameters to the history, if its curvature is positive."""
        change = grad.sub(now["prev_flat_grad"])
        moved = now["d"].mul(now["t"])
        curvature = change.dot(moved)
        if curvature > 1e-10:
            if len(now["old_dirs"]) == self.param_groups[0]["history_size"]:
                for key in ("old_dirs", "old_stps", "ro"):
                    now[key].pop(0)
            now["old_dirs"].append(change)
            now["old_stps"].append(moved)
            now["ro"].append(1.0 / curvature)
            now["H_diag"] = curvature / change.dot(change)

    def _direction(self, now: dict[str, Any], grad: Tensor) -> Tensor:
        """The inverse Hessian of the history times the negative gradient, in two loops over the history."""
        state = self.state[self._params[0]]
        factors = state.setdefault("al", [None] * self.param_groups[0]["history_size"])
        history = list(zip(now["old_dirs"], now["old_stps"], now["ro"], strict=True))
        q = grad.neg()
        for i in range(len(history) - 1, -1, -1):
            change, moved, inverse = history[i]
            factors[i] = moved.dot(q) * inverse
            q.add_(change, alpha=-factors[i].item())
        r = tensorrs.mul(q, now["H_diag"])
        for i, (change, moved, inverse) in enumerate(history):
            r.add_(moved, alpha=(factors[i] - change.dot(r) * inverse).item())
        return r
