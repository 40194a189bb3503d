"""`tensorrs.cuda.amp.autocast`, `custom_fwd` and `custom_bwd`: older names of those in `tensorrs.amp`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import tensorrs
from tensorrs.amp.autocast_mode import autocast as _autocast
from tensorrs.amp.autocast_mode import custom_bwd as _custom_bwd
from tensorrs.amp.autocast_mode import custom_fwd as _custom_fwd

__all__ = ["autocast", "custom_bwd", "custom_fwd"]


class autocast(_autocast):
    """`tensorrs.amp.autocast("cuda", args...)`, which is to be used instead."""

    def __init__(
        self, enabled: bool = True, dtype: tensorrs.dtype = tensorrs.float16, cache_enabled: bool = True
    ) -> None:
        warnings.warn(
            "`tensorrs.cuda.amp.autocast(args...)` is deprecated. Please use `tensorrs.amp.autocast('cuda', args...)` "
            "instead.",
            category=FutureWarning,
            stacklevel=2,
        )
        super().__init__("cuda", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


def _old(name: str) -> None:
    warnings.warn(
        f"`tensorrs.cuda.amp.{name}(args...)` is deprecated. Please use `tensorrs.amp.{name}(args..., "
        "device_type='cuda')` instead.",
        category=FutureWarning,
        stacklevel=3,
    )


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, cast_inputs: tensorrs.dtype | None = None
) -> Callable[..., Any]:
    """`tensorrs.amp.custom_fwd(args..., device_type="cuda")`, which is to be used instead."""
    _old("custom_fwd")
    return _custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Callable[..., Any]:
    """`tensorrs.amp.custom_bwd(args..., device_type="cuda")`, which is to be used instead."""
    _old("custom_bwd")
    return _custom_bwd(bwd, device_type="cuda")
