"""Recorded results on disk: one `.npz` a family, holding an index (JSON) and one run of bytes.

Thousands of small arrays in one archive would be mostly headers; so all numbers lie end to end and the index says
where each begins. A value is an array with a dtype's name, or anything JSON can hold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


class Writer:
    """Collects values under names and writes them in one file."""

    def __init__(self) -> None:
        self.index: dict[str, Any] = {}
        self.data = bytearray()

    def array(self, array: np.ndarray[Any, Any], dtype: str, strides: list[int] | None = None) -> list[Any]:
        """Keep an array; what comes back stands for it in the index."""
        array = np.asarray(array)
        flat = np.ascontiguousarray(array.reshape(-1))
        entry: list[Any] = ["a", dtype, list(array.shape), flat.dtype.str, len(self.data)]
        if strides is not None:
            entry.append(strides)
        self.data += flat.tobytes()
        return entry

    def save(self, path: Path, about: dict[str, Any]) -> None:
        text = json.dumps({"about": about, "index": self.index}, separators=(",", ":"))
        np.savez_compressed(
            path, index=np.frombuffer(text.encode(), np.uint8), data=np.frombuffer(bytes(self.data), np.uint8)
        )


class Recorded:
    """A tensor of PyTorch's: its dtype's name, its values, and its strides where the row is about views."""

    def __init__(self, dtype: str, array: np.ndarray[Any, Any], strides: list[int] | None) -> None:
        self.dtype, self.array, self.strides = dtype, array, strides


class Reader:
    """What a family's file holds."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            known = json.loads(bytes(file["index"]))
            self.data = bytes(file["data"])
        self.about: dict[str, Any] = known["about"]
        self.index: dict[str, Any] = known["index"]

    def get(self, name: str) -> Any:
        return self.value(self.index[name])

    def value(self, entry: Any) -> Any:
        """An index entry with its arrays read."""
        if isinstance(entry, list) and entry and entry[0] == "a":
            _, dtype, shape, kind, offset, *strides = entry
            array = np.frombuffer(self.data, np.dtype(kind), int(np.prod(shape)), offset).reshape(shape)
            return Recorded(dtype, array, strides[0] if strides else None)
        if isinstance(entry, list):
            return [self.value(part) for part in entry]
        if isinstance(entry, dict):
            return {name: self.value(part) for name, part in entry.items()}
        return entry
