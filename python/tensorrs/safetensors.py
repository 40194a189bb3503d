"""Safetensors files, under the names of the `safetensors.torch` module: dicts of tensors, no code, no sharing.

The format: <https://github.com/huggingface/safetensors>.
"""

from __future__ import annotations

import os

from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.serialization.writing import replace_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["load", "load_file", "save", "save_file"]


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file of `tensors`; `metadata` is text by name.

    Tensors that share memory are a RuntimeError: the format would write it more than once, and they would come back
    apart. Save a clone of one of them.
    """
    owners: dict[int, str] = {}
    for name, x in tensors.items():
        if not isinstance(x, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected tensorrs.Tensor but received {type(x).__name__}")
        if not x.numel():
            continue
        other = owners.setdefault(x.untyped_storage().data_ptr(), name)
        if other != name:
            raise RuntimeError(
                f"Some tensors share memory, this will lead to duplicate memory on disk and potential differences when"
                f" loading them again: {other!r} and {name!r}. Save a clone of one, or use tensorrs.save"
            )
    return _C.safetensors_write({name: x.cpu() for name, x in tensors.items()}, metadata)


def save_file(
    tensors: dict[str, Tensor], filename: str | os.PathLike[str], metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file; a file of that name is replaced in one step at the end."""
    data = save(tensors, metadata)
    replace_file(os.fspath(filename), lambda f: f.write(data))


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file. Damaged bytes are a RuntimeError."""
    return _C.safetensors_read(data)[0]


def load_file(filename: str | os.PathLike[str], device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name."""
    with open(filename, "rb") as f:
        return {name: x.to(device) for name, x in load(f.read()).items()}
