"""`tensorrs.backends`: the libraries PyTorch may compute with, asked and set as there.

The kernels here are this package's own, so the answers are "not available", and what is set is kept and given back but
changes nothing: results are the same for every setting.
"""

from __future__ import annotations

from tensorrs.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
