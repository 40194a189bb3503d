"""A progress bar: tqdm's where it is installed, a line of our own otherwise, nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

_WIDTH = 30


def progress(steps: Iterable[Any], total: int, label: str, stream: TextIO | None = None) -> Iterator[Any]:
    """The given steps, one after the other, while a bar on the terminal shows how many are done."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield from steps
        return
    try:
        from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        yield from _line(steps, total, label, stream)
    else:
        yield from tqdm(steps, total=total, desc=label, leave=False, file=stream, unit="batch")


def _line(steps: Iterable[Any], total: int, label: str, stream: TextIO) -> Iterator[Any]:
    shown = ""
    try:
        for i, step in enumerate(steps, 1):
            yield step
            done = _WIDTH * i // max(1, total)
            bar = f"\r{label} [{'=' * done}{' ' * (_WIDTH - done)}] {100 * i // max(1, total):3d}%"
            if bar != shown:
                shown = bar
                stream.write(bar)
                stream.flush()
    finally:
        stream.write("\r" + " " * len(shown) + "\r")
        stream.flush()
