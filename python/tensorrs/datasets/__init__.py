"""Data sets of images: `Digits` is inside the package, the others are read from files or made up."""

from __future__ import annotations

from .cifar import CIFAR10 as CIFAR10
from .cifar import CIFAR100 as CIFAR100
from .digits import Digits as Digits
from .folder import DatasetFolder as DatasetFolder
from .folder import FakeData as FakeData
from .folder import ImageFolder as ImageFolder
from .mnist import MNIST as MNIST
from .mnist import FashionMNIST as FashionMNIST

__all__ = ["CIFAR10", "CIFAR100", "MNIST", "DatasetFolder", "Digits", "FakeData", "FashionMNIST", "ImageFolder"]
