"""`tensorrs.xpu`: there is no Intel GPU here, and this says so to programs that ask before they use it."""

from __future__ import annotations

from typing import Any

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "manual_seed_all", "synchronize"]


def is_available() -> bool:
    """Whether an Intel GPU can be used: False."""
    return False


def device_count() -> int:
    """How many Intel GPUs can be used: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the GPU's generator: there is none, so nothing."""


def manual_seed_all(seed: int) -> None:
    """Seed every GPU's generator: there is none, so nothing."""


def empty_cache() -> None:
    """Free cached memory: there is none."""


def synchronize(device: Any = None) -> None:
    """Wait for the GPU's work.

    Raises AssertionError: there is no Intel GPU.
    """
    raise AssertionError("tensorrs not compiled with XPU enabled")
