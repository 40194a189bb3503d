"""`tensorrs.cpu`: the CPU asked in the words of a device. It is there, and its work is done when a call returns."""

from __future__ import annotations

from tensorrs.cpu import amp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "amp",
    "current_device",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is a CPU: True."""
    return True


def is_initialized() -> bool:
    """Whether it is at work: True."""
    return True


def synchronize(device: Any = None) -> None:
    """Wait for work that is under way: there is never any."""


def device_count() -> int:
    """The number of CPUs as devices: 1."""
    return 1


def current_device() -> str:
    """The device in use: "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Choose a device: there is one."""
