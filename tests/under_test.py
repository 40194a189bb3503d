"""The library the tests run on, and the way between its tensors and NumPy arrays.

`TENSORRS_UNDER_TEST` names another library with the same interface (`torch`): so the suite itself is tested, and so
`golden/make_golden.py` records what the other library gives for the very same rows.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

NAME = os.environ.get("TENSORRS_UNDER_TEST", "tensorrs")
T: Any = importlib.import_module(NAME)

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTS = ("uint8", "int8", "int16", "int32", "int64")
DTYPES = ("bool", *INTS, *FLOATS)


def dtype(name: str) -> Any:
    """The library's dtype object of this name."""
    return getattr(T, name)


def dtype_name(value: Any) -> str:
    """`float32` for a tensor or a dtype of it."""
    return str(getattr(value, "dtype", value)).rpartition(".")[2]


def is_tensor(value: Any) -> bool:
    return isinstance(value, T.Tensor)


def is_float(value: Any) -> bool:
    return is_tensor(value) and dtype_name(value) in FLOATS


def tensor(array: np.ndarray[Any, Any], dtype_: str | None = None) -> Any:
    """A fresh tensor with the array's values; bfloat16 is rounded from float32."""
    if dtype_ == "bfloat16":
        return T.from_numpy(np.array(array, dtype=np.float32)).to(T.bfloat16)
    return T.from_numpy(np.array(array, dtype=np.dtype(dtype_) if dtype_ else None))


def numbers(value: Any) -> np.ndarray[Any, Any]:
    """The values of a tensor as an array of its own; bfloat16 comes as float32."""
    value = value.detach()
    if dtype_name(value) == "bfloat16":
        value = value.float()
    if getattr(value, "_is_zerotensor", bool)():  # PyTorch's gradient that is known to be zero has no values
        value = T.zeros(tuple(value.shape), dtype=value.dtype)
    return np.array(value.numpy())


def said(text: str) -> str:
    """A message of PyTorch's as the library under test words it."""
    return text if NAME == "torch" else text.replace("torch.", "tensorrs.")
