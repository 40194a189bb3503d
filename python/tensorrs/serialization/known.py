"""What a pickle may name: the types and functions that can be had without running anybody's code."""

from __future__ import annotations

from collections import Counter, OrderedDict
from pickle import UnpicklingError

import tensorrs
from tensorrs._C import Tensor
from tensorrs.serialization.writing import STORAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Refused", "globals_of", "storage_dtype"]


class Refused(UnpicklingError):
    """A file names something that `load` does not make."""


class StorageType:
    """`torch.FloatStorage` in a pickle: memory of numbers of one dtype (None: of bytes)."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype


def storage_dtype(kind: Any) -> Any:
    """The dtype of a storage type; None for bytes."""
    if not isinstance(kind, StorageType):
        raise ValueError(f"{kind!r} is no type of storage")
    return kind.dtype


class NumpyType:
    """`numpy.dtype('f8', False, True)` in a pickle."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        if not isinstance(code, str) or code[:1] not in tuple("biuf") or not code[1:].isdigit():
            raise ValueError(f"a NumPy number of type {code!r}")
        self.code = code
        self.order = "<"

    def set_state(self, state: Any) -> None:
        """The second of the state's entries is the byte order."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = state[1]


def numpy_scalar(kind: Any, data: Any) -> Any:
    """A NumPy number; without NumPy the Python number."""
    if not isinstance(kind, NumpyType) or not isinstance(data, bytes):
        raise ValueError("a NumPy number of an unknown type")
    try:
        import numpy
    except ImportError:
        import struct

        codes = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
        code = {**codes, "f2": "e", "f4": "f", "f8": "d"}[kind.code]
        return struct.unpack((">" if kind.order == ">" else "<") + code, data)[0]
    order = "" if kind.order == "|" else kind.order
    return numpy.frombuffer(data, dtype=order + kind.code, count=1)[0]


def _of_plain(kind: Any) -> Any:
    """`kind` of a list, a tuple or a dict alone: a tensor may say that it has 2**60 elements to iterate over."""

    def make(*args: Any) -> Any:
        if len(args) > 1 or any(type(a) not in (list, tuple, dict) for a in args):
            raise ValueError(f"a {kind.__name__} made of {', '.join(type(a).__name__ for a in args)}")
        return kind(*args)

    return make


def _complex(real: Any, imag: Any = 0.0) -> complex:
    if not isinstance(real, (int, float)) or not isinstance(imag, (int, float)):
        raise ValueError("a complex number made of no numbers")
    return complex(real, imag)


def _encoded(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError(f"bytes in encoding {encoding!r}")
    return text.encode("latin1")


def _bytes(*data: Any) -> bytes:
    if data:
        raise ValueError("bytes made of something")
    return b""


def _bytearray(*data: Any) -> bytearray:
    # A number here would ask for so many bytes.
    if data and not isinstance(data[0], bytes):
        raise ValueError("a bytearray made of no bytes")
    return bytearray(*data)


def _tensor(
    base: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    from tensorrs.serialization.reading import view_of

    x = view_of(base, offset, size, stride)
    return x.requires_grad_() if requires_grad is True else x


def _tensor_of_bytes(
    base: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> Tensor:
    return _tensor(base.view(dtype), offset, size, stride, requires_grad)


def _parameter(data: Any, requires_grad: Any, hooks: Any = None, state: Any = None) -> Tensor:
    if not isinstance(data, Tensor):
        raise ValueError("a parameter that is no tensor")
    return tensorrs.nn.Parameter(data, requires_grad=requires_grad is True)


def _device(kind: Any, index: Any = None) -> Any:
    return tensorrs.device(kind) if index is None else tensorrs.device(kind, index)


def globals_of(source: Any) -> dict[str, Any]:
    """Every name that a pickle may have, with its meaning."""
    known: dict[str, Any] = {
        "collections.OrderedDict": _of_plain(OrderedDict),
        "collections.Counter": _of_plain(Counter),
        "_codecs.encode": _encoded,
        "torch.Size": _of_plain(tensorrs.Size),
        "torch.device": _device,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_tensor_v3": _tensor_of_bytes,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_parameter_with_state": _parameter,
        "torch.storage.UntypedStorage": StorageType(None),
        "numpy.dtype": NumpyType,
        "numpy.core.multiarray.scalar": numpy_scalar,
        "numpy._core.multiarray.scalar": numpy_scalar,
    }
    for name, kind in (("set", _of_plain(set)), ("frozenset", _of_plain(frozenset)), ("complex", _complex)):
        known[f"builtins.{name}"] = known[f"__builtin__.{name}"] = kind
    for module in ("builtins", "__builtin__"):
        known[f"{module}.bytes"], known[f"{module}.bytearray"] = _bytes, _bytearray
    for name, storage in STORAGES.items():
        known[f"torch.{name}"] = getattr(tensorrs, name)
        known[f"torch.{storage}"] = StorageType(getattr(tensorrs, name))
    return known
