"""Intel's MKL: not used here."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether Intel's MKL is used: False."""
    return False
