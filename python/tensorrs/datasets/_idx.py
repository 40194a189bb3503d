"""Reading IDX files, the format of MNIST: a big-endian header, then unsigned bytes; plain or gzipped."""

from __future__ import annotations

import gzip
import math
import os
import zlib

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor

_UNSIGNED_BYTE = 0x08


def read_idx(path: str, dimensions: int) -> Tensor:
    """The uint8 tensor in the file `path`, which must have so many dimensions.

    A file that is cut off, damaged or something else is a RuntimeError with the file and the cause.
    """
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".gz"):
        data = _unzip(path, data)
    elif data[:2] == b"\x1f\x8b":
        raise _broken(path, "it is gzipped, and its name does not end in .gz")
    if len(data) < 4:
        raise _broken(path, f"it is truncated: {len(data)} bytes hold no IDX header")
    zeros, kind, rank = int.from_bytes(data[:2], "big"), data[2], data[3]
    if zeros != 0 or rank == 0:
        raise _broken(path, f"its magic number 0x{data[:4].hex()} is not that of an IDX file")
    if kind != _UNSIGNED_BYTE:
        raise _broken(path, f"its elements are of type 0x{kind:02x}, and only unsigned bytes (0x08) are read")
    if rank != dimensions:
        raise _broken(path, f"it has {rank} dimensions, and {dimensions} are expected")
    begin = 4 + 4 * rank
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank))
    if len(data) < begin or len(data) - begin != math.prod(shape):
        less = "truncated" if len(data) - begin < math.prod(shape) else "too long"
        raise _broken(path, f"it is {less}: its header announces {shape}, and {max(0, len(data) - begin)} bytes follow")
    tensor: Tensor = _C.tensor_from_bytes(memoryview(data)[begin:], tensorrs.uint8, shape)
    return tensor


def find(folders: list[str], name: str) -> str | None:
    """The path of `name` or `name`.gz in the first of the folders that has it."""
    for folder in folders:
        for path in (os.path.join(folder, name), os.path.join(folder, f"{name}.gz")):
            if os.path.isfile(path):
                return path
    return None


def _unzip(path: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except EOFError:
        raise _broken(path, "it is truncated: the gzip stream ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _broken(path, f"it is no valid gzip file ({error})") from None


def _broken(path: str, why: str) -> RuntimeError:
    return RuntimeError(f"cannot read {path}: {why}")
