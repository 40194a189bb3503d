"""`tensorrs.mps`: there is no Metal here, and this says so to programs that ask before they use it."""

from __future__ import annotations

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "seed", "synchronize"]


def is_available() -> bool:
    """Whether Metal can be used: False."""
    return False


def device_count() -> int:
    """How many Metal devices can be used: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed Metal's generator: there is none, so nothing."""


def seed() -> None:
    """Seed Metal's generator at random: there is none, so nothing."""


def synchronize() -> None:
    """Wait for Metal's work.

    Raises RuntimeError: there is no Metal.
    """
    raise RuntimeError("Cannot execute deviceSynchronize() without MPS backend.")


def empty_cache() -> None:
    """Free cached memory.

    Raises RuntimeError: there is no Metal.
    """
    raise RuntimeError("Cannot execute emptyCache() without MPS backend.")
