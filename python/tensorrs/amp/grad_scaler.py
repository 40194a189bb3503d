"""Scaling of losses, so that gradients too small for float16 do not become zero."""

from __future__ import annotations

import warnings
from collections import defaultdict
from enum import Enum

import tensorrs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeVar

    from tensorrs import Tensor
    from tensorrs.optim import Optimizer

    Outputs = TypeVar("Outputs", bound="Tensor | Iterable[Any]")

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """Where an optimizer is in the current iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _refresh_per_optimizer_state() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Multiplies the loss, divides the gradients, leaves out steps that met an infinity or NaN, and adapts the scale.

    One iteration is `scaler.scale(loss).backward()`, `scaler.step(optimizer)`, `scaler.update()`; to clip gradients,
    call `scaler.unscale_(optimizer)` before.

    Args:
        device: the device type of the losses. 'cuda', as unless given, warns and disables the scaler: there is none.
        init_scale: the scale to begin with.
        growth_factor: what the scale is multiplied with after `growth_interval` steps without infinity; above 1.
        backoff_factor: what it is multiplied with after a step with one; below 1.
        growth_interval: the number of such steps.
        enabled: if False, `step` only calls `optimizer.step()` and the other methods do nothing.

    Micikevicius et al., "Mixed Precision Training", arXiv:1710.03740, section 3.2.
    """

    _scale: Tensor | None
    _growth_tracker: Tensor | None

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if device == "cuda" and enabled:
            warnings.warn(
                "tensorrs.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2
            )
            self._enabled = False
        if not self._enabled:
            return
        if not growth_factor > 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if not backoff_factor < 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._scale = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._growth_tracker = None
        self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_refresh_per_optimizer_state)

    def _check_scale_growth_tracker(self, funcname: str) -> tuple[Tensor, Tensor]:
        for name, value in (("_scale", self._scale), ("_growth_tracker", self._growth_tracker)):
            if value is None:
                raise AssertionError(
                    f"Attempted {funcname} but {name} is None.  This may indicate your script did not use "
                    "scaler.scale(loss or outputs) earlier in the iteration."
                )
        return self._scale, self._growth_tracker  # type: ignore[return-value]

    def _lazy_init_scale_growth_tracker(self, dev: Any) -> None:
        if self._growth_tracker is not None:
            raise AssertionError("_growth_tracker initialized before _scale")
        self._scale = tensorrs.full((), self._init_scale, dtype=tensorrs.float32, device=dev)
        self._growth_tracker = tensorrs.full((), self._init_growth_tracker, dtype=tensorrs.int32, device=dev)

    def scale(self, outputs: Outputs) -> Outputs:
        """A tensor, or the tensors of a list, tuple or other iterable, times the scale."""
        if not self._enabled:
            return outputs
        return self._times_scale(outputs)  # type: ignore[no-any-return]

    def _times_scale(self, value: Any) -> Any:
        if isinstance(value, tensorrs.Tensor):
            if self._scale is None:
                self._lazy_init_scale_growth_tracker(value.device)
            return value * self._check_scale_growth_tracker("scale")[0]
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._times_scale, value))
        if hasattr(value, "__iter__"):
            return map(self._times_scale, value)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _unscale_grads_(
        self, optimizer: Optimizer, inv_scale: Tensor, found_inf: Tensor, allow_fp16: bool
    ) -> dict[Any, Tensor]:
        """Multiply the gradients by `inv_scale` and put 1 into `found_inf` if one was not finite: by device."""
        found: dict[Any, Tensor] = {}
        with tensorrs.no_grad():
            for group in optimizer.param_groups:
                for param in group["params"]:
                    grad = param.grad
                    if grad is None:
                        continue
                    if grad.dtype == tensorrs.float16 and not allow_fp16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    found[grad.device] = found_inf
                    if not grad.isfinite().all():
                        found_inf.fill_(1.0)
                    grad.mul_(inv_scale)
        return found

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of the optimizer's parameters by the scale; at most once between two updates."""
        if not self._enabled:
            return
        scale, _ = self._check_scale_growth_tracker("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inv_scale = scale.double().reciprocal().float()
        found_inf = tensorrs.full((), 0.0, dtype=tensorrs.float32, device=scale.device)
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, inv_scale, found_inf, False)
        state["stage"] = OptState.UNSCALED

    def _maybe_opt_step(self, optimizer: Optimizer, state: dict[str, Any], *args: Any, **kwargs: Any) -> float | None:
        if sum(v.item() for v in state["found_inf_per_device"].values()):
            return None
        loss: float | None = optimizer.step(*args, **kwargs)
        return loss

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> float | None:
        """`optimizer.step(*args, **kwargs)` on gradients without the scale, left out if one of them is not finite."""
        if not self._enabled:
            loss: float | None = optimizer.step(*args, **kwargs)
            return loss
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale_growth_tracker("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not state["found_inf_per_device"]:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = self._maybe_opt_step(optimizer, state, *args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Shrink the scale after a step with an infinity, let it grow after enough steps without; or set it."""
        if not self._enabled:
            return
        scale, tracker = self._check_scale_growth_tracker("update")
        if new_scale is not None:
            if not isinstance(new_scale, float):
                if new_scale.device.type != self._device or new_scale.numel() != 1 or new_scale.requires_grad:
                    raise AssertionError(
                        "new_scale should be a float or a 1-element tensorrs.cuda.FloatTensor or "
                        "tensorrs.FloatTensor with requires_grad=False."
                    )
                scale.copy_(new_scale)
            else:
                scale.fill_(new_scale)
        else:
            found = [f for s in self._per_optimizer_states.values() for f in s["found_inf_per_device"].values()]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._adapt(scale, tracker, any(f.item() for f in found))
        self._per_optimizer_states = defaultdict(_refresh_per_optimizer_state)

    def _adapt(self, scale: Tensor, tracker: Tensor, met_inf: bool) -> None:
        if met_inf:
            scale.mul_(self._backoff_factor)
            tracker.zero_()
            return
        successful = tracker.item() + 1
        if successful == self._growth_interval:
            larger = scale * self._growth_factor
            if larger.isfinite():
                scale.copy_(larger)
            successful = 0
        tracker.fill_(successful)

    def _get_scale_async(self) -> Tensor | None:
        return self._scale

    def get_scale(self) -> float:
        """The scale; 1.0 if disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale shrinks by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale shrinks by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps without infinity the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps without infinity the scale grows."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker.item())

    def is_enabled(self) -> bool:
        """Whether the scaler does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale, the factors and the count of steps; empty if disabled. Call it after `update`."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; nothing if this scaler is disabled. Raises RuntimeError if it is empty."""
        if not self._enabled:
            return
        if len(state_dict) == 0:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._growth_tracker is not None:
            self._growth_tracker.fill_(state_dict["_growth_tracker"])

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()."
                )
            # Tensors stay behind: the numbers they hold are what a new scaler begins with.
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = None
            state["_growth_tracker"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _check_inf_per_device(self, optimizer: Optimizer) -> Any:
        scale, _ = self._check_scale_growth_tracker("_check_inf_per_device")
        one = tensorrs.full((), 1.0, dtype=tensorrs.float32, device=scale.device)
        found_inf = tensorrs.full((), 0.0, dtype=tensorrs.float32, device=scale.device)
        state = self._per_optimizer_states[id(optimizer)]
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, one, found_inf, True)
        return state["found_inf_per_device"]

    def _found_inf_per_device(self, optimizer: Optimizer) -> Any:
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]
