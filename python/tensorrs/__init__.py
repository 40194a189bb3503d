"""tensorrs: tensors, autograd and neural networks with PyTorch's names and numbers, on a Rust core.

Public names only; what they do is in `_C` (the Rust extension) and in the packages below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorrs import _C
from tensorrs._C import (
    Tensor,
    device,
    dtype,
    get_default_dtype,
    get_num_threads,
    set_default_dtype,
    set_num_threads,
)
from tensorrs._creation import *  # noqa: F403
from tensorrs._creation import __all__ as _creation
from tensorrs._functions import *  # noqa: F403
from tensorrs._functions import __all__ as _functions
from tensorrs._size import Size
from tensorrs._tensor import *  # noqa: F403
from tensorrs._tensor import __all__ as _tensor_names
from tensorrs._types import *  # noqa: F403
from tensorrs._types import __all__ as _type_names

__version__ = _C.__version__

from tensorrs import autograd as autograd
from tensorrs import nn as nn
from tensorrs import optim as optim
from tensorrs import random as random
from tensorrs import utils as utils
from tensorrs.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tensorrs.random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from tensorrs.serialization import load, save

if TYPE_CHECKING:
    from tensorrs import datasets, testing

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "autograd",
    "datasets",
    "default_generator",
    "device",
    "dtype",
    "enable_grad",
    "get_default_dtype",
    "get_num_threads",
    "get_rng_state",
    "inference_mode",
    "initial_seed",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "load",
    "manual_seed",
    "nn",
    "no_grad",
    "optim",
    "save",
    "seed",
    "set_default_dtype",
    "set_grad_enabled",
    "set_num_threads",
    "set_rng_state",
    "testing",
    "utils",
    *_creation,
    *_functions,
    *_tensor_names,
    *_type_names,
]


def __getattr__(name: str) -> Any:
    """Packages that few programs need are imported when they are first named."""
    if name in ("datasets", "testing", "demo", "return_types"):
        from importlib import import_module

        return import_module(f"tensorrs.{name}")
    raise AttributeError(f"module 'tensorrs' has no attribute '{name}'")
