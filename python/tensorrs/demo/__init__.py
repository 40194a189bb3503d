"""`python -m tensorrs.demo`: train a small convolutional network on real images, from the data to the pictures."""

from __future__ import annotations

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the demo with the given command line (None: that of the program); returns the exit code."""
    from .command import run

    return run(arguments)
