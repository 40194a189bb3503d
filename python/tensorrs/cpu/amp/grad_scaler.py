"""`tensorrs.cpu.amp.GradScaler`: the older name of `tensorrs.amp.GradScaler("cpu")`."""

from __future__ import annotations

import warnings

from tensorrs.amp.grad_scaler import GradScaler as _GradScaler

__all__ = ["GradScaler"]


class GradScaler(_GradScaler):
    """`tensorrs.amp.GradScaler("cpu", args...)`, which is to be used instead."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warnings.warn(
            "`tensorrs.cpu.amp.GradScaler(args...)` is deprecated. Please use "
            "`tensorrs.amp.GradScaler('cpu', args...)` instead.",
            category=FutureWarning,
            stacklevel=2,
        )
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
