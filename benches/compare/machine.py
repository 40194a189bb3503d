"""The machine: its processor, who else uses it, what it can do at most, and processes that keep it busy."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).resolve().parent.parent.parent / "target")


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> list[int]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _used() -> float:
    """Seconds of all cores in use since the start of the machine, by anyone (also by its host)."""
    try:
        ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0.0
    user, nice, system, _idle, _wait, irq, soft, steal = ticks
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


class Meter:
    """How much of the machine other processes took since this was made."""

    def __init__(self) -> None:
        self.used, self.own, self.start = _used(), time.process_time(), time.perf_counter()

    def foreign(self) -> float:
        """A share from 0 to 1; 0 where it cannot be known: no /proc/stat, or under ten ticks of its clock."""
        took = time.perf_counter() - self.start
        if not self.used or took < 0.1:
            return 0.0
        others = _used() - self.used - (time.process_time() - self.own)
        return min(1.0, max(0.0, others / (took * (os.cpu_count() or 1))))


@contextlib.contextmanager
def neighbours() -> Iterator[None]:
    """One process spinning on each core that we may use."""
    text = "import os, sys\ngetattr(os, 'sched_setaffinity', print)(0, {int(sys.argv[1])})\nwhile 1: pass"
    spinning = [subprocess.Popen([sys.executable, "-c", text, str(core)]) for core in cores()]
    try:
        time.sleep(0.2)
        yield
    finally:
        for one in spinning:
            one.kill()
        for one in spinning:
            one.wait()


def roofline() -> tuple[float, float]:
    """Operations of all threads and bytes copied by one, a second; 0 without a `cargo bench --bench roofline`."""

    def rate(name: str) -> float:
        folder = TARGET / "criterion" / "roofline" / name / "new"
        try:
            seconds = json.loads((folder / "estimates.json").read_text())["median"]["point_estimate"] / 1e9
            work = json.loads((folder / "benchmark.json").read_text())["throughput"]
        except (OSError, KeyError, ValueError):
            return 0.0
        return float(next(iter(work.values()))) / float(seconds)

    return rate("multiply-add, all threads"), rate("copy, memory")
