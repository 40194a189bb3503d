"""Fetching one file: from the first mirror that has it, checked, shown as it goes, in place only when complete."""

from __future__ import annotations

import os
import sys
from typing import Any

_PIECE = 1 << 16
_TIMEOUT = 30


def download(urls: list[str], path: str, md5: str) -> None:
    """Write what one of the `urls` gives to `path`, if its MD5 sum is `md5`; otherwise a RuntimeError says why."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    failures = []
    for url in urls:
        try:
            _fetch(url, path, md5)
            return
        except (OSError, ValueError) as error:
            # URLError is an OSError, and so is a timeout in the middle.
            failures.append(f"Tried {url}, got:\n{error}")
    raise RuntimeError("\n".join([f"Error downloading {os.path.basename(path)}:", *failures]))


def _fetch(url: str, path: str, md5: str) -> None:
    import hashlib
    from http.client import IncompleteRead
    from urllib.request import urlopen

    temporary = f"{path}.{os.getpid()}.part"
    # A check against damage, not against forgery.
    found = hashlib.md5(usedforsecurity=False)
    try:
        with urlopen(url, timeout=_TIMEOUT) as source, open(temporary, "wb") as target:
            total = int(source.headers.get("Content-Length") or 0)
            line = _Progress(os.path.basename(path), total)
            while piece := source.read(_PIECE):
                target.write(piece)
                found.update(piece)
                line.add(len(piece))
            line.close()
        if found.hexdigest() != md5:
            raise ValueError(f"MD5 sum {found.hexdigest()} of {line.done} bytes, expected {md5}")
        os.replace(temporary, path)
    except IncompleteRead as error:
        raise ValueError(f"the connection ended early: {error}") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


class _Progress:
    """A line on a terminal: how much of the file has come. Silent where stderr is no terminal."""

    def __init__(self, name: str, total: int, stream: Any = None) -> None:
        self.name = name
        self.total = total
        self.done = 0
        self.stream = sys.stderr if stream is None else stream
        self.shown = ""

    def add(self, size: int) -> None:
        self.done += size
        share = f"{100 * self.done // self.total:3d}% of {self.total / 1e6:.1f} MB" if self.total else ""
        text = share or f"{self.done / 1e6:.1f} MB"
        if text != self.shown and self.stream.isatty():
            self.shown = text
            self.stream.write(f"\r{self.name}: {text}")
            self.stream.flush()

    def close(self) -> None:
        if self.shown:
            self.stream.write("\n")
