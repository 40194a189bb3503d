"""Apple's Metal: not used here."""

from __future__ import annotations

__all__ = ["is_available", "is_built"]


def is_available() -> bool:
    """Whether Metal can be used: False."""
    return False


def is_built() -> bool:
    """Whether the package was built for Metal: False."""
    return False
