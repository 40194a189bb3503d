"""PyTorch's public names, recorded with the names of their arguments: each is here, or in the list of ARCHITECTURE.md
with the reason why not."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from under_test import NAME

HERE = Path(__file__).parent
GOLDEN: dict[str, dict[str, list[str] | None]] = json.loads((HERE / "golden" / "surface.json").read_text())["names"]
CLASSES = ("Tensor", "nn.Module", "optim.Optimizer")
# Where this library's own arguments are not told by a signature: functions that are methods, and generic callables.
VAR = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def left_out() -> set[str]:
    """The names in the first column of the table, in full: `nn.functional.scaled_mm`."""
    text = (HERE.parent / "ARCHITECTURE.md").read_text()
    table = text.partition("## Left out of PyTorch's surface")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    assert rows, "the table is not where it was"
    assert all(len(row[2].strip()) > 10 for row in rows), "each name needs a reason"
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[1])}


def owner(path: str) -> Any:
    module, _, last = path.rpartition(".")
    if path in CLASSES:
        return getattr(importlib.import_module(f"{NAME}.{module}".rstrip(".")), last)
    return importlib.import_module(f"{NAME}.{path}")


def lacking(value: Any, wanted: list[str]) -> list[str]:
    """The arguments that `value` does not take by name; nothing if it does not say which it takes."""
    try:
        parameters = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return []
    if any(p.kind in VAR for p in parameters.values()):
        return []
    return [name for name in wanted if name not in parameters]


@pytest.mark.parametrize("path", GOLDEN)
def test_names(path: str) -> None:
    here, excused = owner(path), left_out()
    names = [name for name in GOLDEN[path] if f"{path}.{name}" not in excused and f"{path}.*" not in excused]
    missing = [name for name in names if not hasattr(here, name)]
    assert not missing, f"{path} lacks {missing}"
    other = {
        name: unknown
        for name in names
        if (wanted := GOLDEN[path][name]) and f"{path}.{name}()" not in excused
        if (unknown := lacking(getattr(here, name), wanted))
    }
    assert not other, f"arguments of {path}: {other}"


def test_nothing_is_left_out_that_is_here() -> None:
    """A name that exists after all has no place in the list."""
    for full in left_out():
        path, _, name = full.rstrip("()").rpartition(".")
        assert name in (*GOLDEN.get(path, ()), "*"), f"PyTorch has no {full}"
        if not full.endswith(")") and name != "*":
            assert not hasattr(owner(path), name), f"{full} is here"
