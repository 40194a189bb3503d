"""`tensorrs.accelerator`: which accelerator this machine has. None can be used; as PyTorch on a machine without one."""

from __future__ import annotations

from typing import Any

from tensorrs._C import device

__all__ = ["current_accelerator", "current_device_index", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """Whether there is an accelerator: False."""
    return False


def device_count() -> int:
    """How many accelerators there are: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> device | None:
    """The kind of the accelerator: None."""
    return None


def current_device_index() -> int:
    """The number of the accelerator in use.

    Raises RuntimeError: there is none.
    """
    raise RuntimeError("Cannot access accelerator device when none is available.")


def synchronize(device: Any = None, /) -> None:
    """Wait for the accelerator's work.

    Raises RuntimeError: there is none.
    """
    raise RuntimeError("Cannot access accelerator device when none is available.")
