"""`tensorrs.cpu.amp.autocast`: the older name of `tensorrs.amp.autocast("cpu")`."""

from __future__ import annotations

import warnings

import tensorrs
from tensorrs.amp.autocast_mode import autocast as _autocast

__all__ = ["autocast"]


class autocast(_autocast):
    """`tensorrs.amp.autocast("cpu", args...)`, which is to be used instead."""

    def __init__(
        self, enabled: bool = True, dtype: tensorrs.dtype = tensorrs.bfloat16, cache_enabled: bool = True
    ) -> None:
        warnings.warn(
            "`tensorrs.cpu.amp.autocast(args...)` is deprecated. Please use `tensorrs.amp.autocast('cpu', args...)` "
            "instead.",
            category=FutureWarning,
            stacklevel=2,
        )
        super().__init__("cpu", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)
