"""Settings of PyTorch that are already as one could wish here, or that have no effect: they are kept and given back.

Every op is deterministic for any number of threads, and products are computed in full precision.
"""

from __future__ import annotations

from typing import Any

from tensorrs import _C

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_warn_always",
    "use_deterministic_algorithms",
]

_precision = "highest"
_deterministic = False
_warn_only = False
_warn_always = False


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` has set."""
    return _precision


def set_float32_matmul_precision(precision: str) -> None:
    """How exact products of float32 matrices have to be: 'highest', 'high' or 'medium'. They are always exact."""
    global _precision
    if precision not in ("highest", "high", "medium"):
        import warnings

        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current value stays", stacklevel=2
        )
        return
    _precision = precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same numbers in every run. They always are."""
    global _deterministic, _warn_only
    _deterministic, _warn_only = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` has set."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `use_deterministic_algorithms` has set as `warn_only`."""
    return _warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """As `use_deterministic_algorithms`: 0 or 'default', 1 or 'warn', 2 or 'error'."""
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    modes = {"default": 0, "warn": 1, "error": 2}
    if isinstance(debug_mode, str):
        if debug_mode not in modes:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got " + debug_mode
            )
        debug_mode = modes[debug_mode]
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """What `set_deterministic_debug_mode` has set."""
    return 0 if not _deterministic else 1 if _warn_only else 2


def set_flush_denormal(mode: bool) -> bool:
    """Numbers too small to be normal are kept; the answer says that nothing was set."""
    return False


def set_warn_always(b: bool, /) -> None:
    """Whether warnings that come once in PyTorch come every time."""
    global _warn_always
    _warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` has set."""
    return _warn_always


def set_default_tensor_type(t: Any, /) -> None:
    """The default dtype, by the name of a tensor type (deprecated)."""
    from tensorrs import _types

    if isinstance(t, str):
        t = getattr(_types, t.rpartition(".")[2], None)
    if not isinstance(t, type) or not hasattr(t, "dtype"):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    _C.set_default_dtype(t.dtype)
