"""The CPU's own instructions."""

from __future__ import annotations

from tensorrs import _C

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """The widest vector instructions the kernels use: "DEFAULT", "AVX2", "AVX512" or "NEON"."""
    return _C.get_cpu_capability()
