"""Regions in which ops choose the dtype they compute in.

Which op computes in which dtype is listed in the core (`ops/autocast.rs`); here are the switches and the decorators for
custom Functions.
"""

from __future__ import annotations

import warnings
from functools import partial, wraps

import tensorrs
from tensorrs import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]

is_autocast_available = _C.is_autocast_available

_HALF = (_C.bfloat16, _C.float16)


def autocast_decorator(autocast_instance: autocast, func: Callable[..., Any]) -> Callable[..., Any]:
    """`func`, run inside the region."""

    @wraps(func)
    def decorate_autocast(*args: Any, **kwargs: Any) -> Any:
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


class autocast:
    """A region, as a context manager or a decorator, in which float32 products are computed in a half type.

    In it matrix products, convolutions, attention and `prelu` cast their float inputs to `dtype`; most losses, volume
    pools, factorisations and the like cast half inputs to float32; `cat`, `stack` and `index_copy` take the widest
    dtype of their inputs; all others compute in what they are given. float64 tensors and in-place or `out=` forms are
    left alone. A float32 weight that requires a gradient is cast once in the outermost region. Regions nest; with
    `enabled=False` an inner one computes as usual. The state belongs to the thread.

    Args:
        device_type: 'cpu'; other devices are accepted and have no effect.
        dtype: bfloat16 (as unless given) or float16; with another the region warns and does nothing.
        enabled: whether the region has an effect.
        cache_enabled: whether casts of weights are kept.

    Raises ValueError where `device_type` is not a string, RuntimeError where it is unknown or has no autocast.
    Micikevicius et al., "Mixed Precision Training", arXiv:1710.03740.
    """

    def __init__(
        self,
        device_type: str,
        dtype: tensorrs.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.fast_dtype = _C.get_autocast_dtype(device_type) if dtype is None else dtype
        self.device = device_type
        if not _C.is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self._cache_enabled = _C.is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        if enabled and device_type == "cuda":
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        elif enabled and self.fast_dtype not in _HALF:
            name = device_type.upper()
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of tensorrs.bfloat16, tensorrs.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled

    def __enter__(self) -> autocast:
        self.prev = _C.is_autocast_enabled(self.device)
        self.prev_fastdtype = _C.get_autocast_dtype(self.device)
        self.prev_cache_enabled = _C.is_autocast_cache_enabled()
        _C.set_autocast_enabled(self.device, self._enabled)
        _C.set_autocast_dtype(self.device, self.fast_dtype)
        _C.autocast_increment_nesting()
        _C.set_autocast_cache_enabled(self._cache_enabled)
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if _C.autocast_decrement_nesting() == 0:
            _C.clear_autocast_cache()
        _C.set_autocast_enabled(self.device, self.prev)
        _C.set_autocast_dtype(self.device, self.prev_fastdtype)
        _C.set_autocast_cache_enabled(self.prev_cache_enabled)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return autocast_decorator(self, func)


def _cast(value: Any, device_type: str, dtype: tensorrs.dtype) -> Any:
    """The float tensors in `value` in another dtype, float64 as it is."""
    if isinstance(value, _C.Tensor):
        wanted = value.is_floating_point() and value.device.type == device_type and value.dtype != _C.float64
        return value.to(dtype) if wanted else value
    if isinstance(value, dict):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(v, device_type, dtype) for v in value)
    return value


def _check(device_type: object) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(
    fwd: Callable[..., Any] | None = None,
    *,
    device_type: str,
    cast_inputs: tensorrs.dtype | None = None,
) -> Callable[..., Any]:
    """Decorates `forward` of a custom `autograd.Function`, so that `custom_bwd` finds the state it ran in.

    With `cast_inputs`, inside of a region the float tensors among the arguments are cast to it and `forward` runs
    without autocast; outside it has no effect.
    """
    _check(device_type)
    if fwd is None:
        return partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @wraps(fwd)
    def decorate_fwd(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = _C.get_autocast_dtype(device_type)
        inside = _C.is_autocast_enabled(device_type)
        if cast_inputs is None:
            ctx._fwd_used_autocast = inside
            return fwd(*args, **kwargs)
        ctx._fwd_used_autocast = False
        if not inside:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """Decorates `backward` of a custom `autograd.Function`: it runs in the autocast state its `forward` ran in."""
    _check(device_type)
    if bwd is None:
        return partial(custom_bwd, device_type=device_type)

    @wraps(bwd)
    def decorate_bwd(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorate_bwd
