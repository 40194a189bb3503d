"""Versions: of this package, and of the libraries PyTorch may be built with, none of which is here."""

from __future__ import annotations

from tensorrs._C import __version__

__all__ = ["__version__", "cuda", "debug", "hip", "xpu"]

debug = False
cuda: str | None = None
hip: str | None = None
xpu: str | None = None
