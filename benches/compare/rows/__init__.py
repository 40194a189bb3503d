"""The rows, a file per group (or per groups that share their sizes)."""

from __future__ import annotations

from pathlib import Path

from compare.row import Group
from compare.rows import (
    busy,
    conv,
    elementwise,
    imports,
    inference,
    io,
    layers,
    matmul,
    memory,
    optimisers,
    overhead,
    reduction,
    training,
)

GROUPS = [
    overhead.GROUP,
    elementwise.GROUP,
    reduction.GROUP,
    matmul.SMALL,
    matmul.LARGE,
    conv.FORWARD,
    conv.BACKWARD,
    layers.GROUP,
    optimisers.GROUP,
    training.GROUP,
    inference.GROUP,
    io.GROUP,
    memory.GROUP,
    imports.GROUP,
    busy.GROUP,
]


def all_groups(data: str) -> list[Group]:
    """Every group; with the folder `data` also the epochs that need files."""
    if data:
        training.GROUP.rows.append(training.epoch(Path(data)))
    return GROUPS
