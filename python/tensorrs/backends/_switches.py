"""Switches that are set for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["switched"]


@contextmanager
def switched(values: dict[str, Any], **wanted: Any) -> Iterator[None]:
    """Inside of the region `values` holds what is `wanted`, after it what it held before."""
    before = {name: values[name] for name in wanted}
    values.update(wanted)
    try:
        yield
    finally:
        values.update(before)
