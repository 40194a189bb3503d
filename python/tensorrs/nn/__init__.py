"""`tensorrs.nn`: layers, losses, containers and what they are made of, with PyTorch's names."""

from __future__ import annotations

from . import attention, functional, init, modules, parallel, parameter, utils
from ._factory import factory_kwargs
from .modules import *  # noqa: F403
from .modules import __all__ as _layers
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "DataParallel",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "attention",
    "factory_kwargs",
    "functional",
    "init",
    "modules",
    "parallel",
    "parameter",
    "utils",
    *_layers,
]
