"""Whether mixed precision on CUDA can be had."""

from __future__ import annotations

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available() -> bool:
    """Whether there is certainly no CUDA: True."""
    return True
