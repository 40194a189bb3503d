"""Small helpers about names and sizes, shared by the whole of `tensorrs.nn`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorrs._C import Tensor


def typename(obj: Any, /) -> str:
    """The full name of an object's type, e.g. `builtins.int` or `tensorrs.FloatTensor`."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    named = obj if hasattr(obj, "__qualname__") or hasattr(obj, "__name__") else type(obj)
    module = getattr(named, "__module__", "") or ""
    name = getattr(named, "__qualname__", None) or named.__name__
    return name if module in ("", "builtins") else f"{module}.{name}"


def ntuple(x: Any, n: int) -> tuple[Any, ...]:
    """`3` becomes `(3,) * n`; an iterable becomes a tuple of whatever length it has."""
    return tuple(x) if isinstance(x, Iterable) else (x,) * n


def indent(text: str) -> str:
    """Shifts every line but the first by two columns; blank lines stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])
