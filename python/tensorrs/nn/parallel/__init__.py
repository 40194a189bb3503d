"""`tensorrs.nn.parallel`: what PyTorch has for several CUDA devices, as it is where there is none."""

from __future__ import annotations

from .data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "data_parallel"]
