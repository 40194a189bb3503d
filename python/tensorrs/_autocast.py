"""Autocast for ops that are written in Python, and the older names of its switches."""

from __future__ import annotations

import warnings
from functools import wraps

from tensorrs import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = [
    "casts",
    "get_autocast_cpu_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_cpu_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_gpu_dtype",
]


def casts(op: str) -> Callable[[F], F]:
    """Decorates a function that follows the rule of `op` in the core's lists: inside of a region its tensors are cast
    and what it is made of is not. A call with `out=` is left alone."""

    def decorate(function: F) -> F:
        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            if not _C._autocast_on() or kwargs.get("out") is not None:
                return function(*args, **kwargs)
            return _C._autocast_call(op, function, args, kwargs)

        return inside  # type: ignore[return-value]

    return decorate


def _old(name: str, args: str, instead: str) -> None:
    warnings.warn(
        f"tensorrs.{name}({args}) is deprecated. Please use tensorrs.{instead} instead.",
        category=DeprecationWarning,
        stacklevel=3,
    )


def get_autocast_cpu_dtype() -> _C.dtype:
    """`get_autocast_dtype("cpu")`, which is to be used instead."""
    _old("get_autocast_cpu_dtype", "", "get_autocast_dtype('cpu')")
    return _C.get_autocast_dtype("cpu")


def get_autocast_gpu_dtype() -> _C.dtype:
    """`get_autocast_dtype("cuda")`, which is to be used instead."""
    _old("get_autocast_gpu_dtype", "", "get_autocast_dtype('cuda')")
    return _C.get_autocast_dtype("cuda")


def is_autocast_cpu_enabled() -> bool:
    """`is_autocast_enabled("cpu")`, which is to be used instead."""
    _old("is_autocast_cpu_enabled", "", "is_autocast_enabled('cpu')")
    return _C.is_autocast_enabled("cpu")


def set_autocast_cpu_dtype(dtype: _C.dtype) -> None:
    """`set_autocast_dtype("cpu", dtype)`, which is to be used instead."""
    _old("set_autocast_cpu_dtype", "dtype", "set_autocast_dtype('cpu', dtype)")
    _C.set_autocast_dtype("cpu", dtype)


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """`set_autocast_enabled("cpu", enabled)`, which is to be used instead."""
    _old("set_autocast_cpu_enabled", "enabled", "set_autocast_enabled('cpu', enabled)")
    _C.set_autocast_enabled("cpu", enabled)


def set_autocast_gpu_dtype(dtype: _C.dtype) -> None:
    """`set_autocast_dtype("cuda", dtype)`, which is to be used instead."""
    _old("set_autocast_gpu_dtype", "dtype", "set_autocast_dtype('cuda', dtype)")
    _C.set_autocast_dtype("cuda", dtype)
