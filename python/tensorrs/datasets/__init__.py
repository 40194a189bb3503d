"""Data sets of small images: `Digits` is inside the package, `MNIST` and `FashionMNIST` are read from a folder."""

from __future__ import annotations

from .digits import Digits as Digits
from .mnist import MNIST as MNIST
from .mnist import FashionMNIST as FashionMNIST

__all__ = ["MNIST", "Digits", "FashionMNIST"]
