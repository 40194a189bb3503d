"""Tools around the tensors: data loading, hooks, checkpointing. Each part is imported when it is first named."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

_PARTS = ("checkpoint", "data", "dlpack", "hooks")


def __getattr__(name: str) -> ModuleType:
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PARTS])
