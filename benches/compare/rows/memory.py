"""Memory: the peak of each training step in a process of its own, and what the import alone takes."""

from __future__ import annotations

from collections.abc import Callable

from compare.models import TASKS
from compare.probe import memory
from compare.row import Group, Probe

GROUP = Group("memory", "RSS after import; peak RSS of training steps in a fresh process, the library with it", 0.5)


def reader(what: str) -> Callable[[str, int], float]:
    return lambda library, threads: memory(what, library, threads)


GROUP.rows.append(Probe("RSS after import", reader("import"), "MB", limit=40.0))
GROUP.rows += [Probe(task.name, reader(task.name), "MB") for task in TASKS]
