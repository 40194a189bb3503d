"""oneDNN, formerly MKL-DNN: not used here. Its switches are kept and change nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tensorrs.backends._switches import switched

__all__ = ["allow_tf32", "deterministic", "enabled", "flags", "is_available"]

enabled = True
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether oneDNN is used: False."""
    return False


def flags(enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True) -> AbstractContextManager[None]:
    """Set the switches for a while."""
    return switched(globals(), enabled=enabled, deterministic=deterministic, allow_tf32=allow_tf32)
