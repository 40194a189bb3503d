"""Numbers that only a fresh process of one library can give: its memory, the time of its import.

`python benches/compare --probe WHAT LIBRARY THREADS` prints one number; `read` starts such a process and reads it.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SOURCE = FOLDER.parent.parent / "python"  # for a Python that has PyTorch and not tensorrs
STEPS = 3


def resident(key: str) -> float:
    """MB of this process: VmRSS now or VmHWM at most. Not `ru_maxrss`: that starts from the parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {key} in /proc/self/status")


def main(arguments: list[str]) -> int:
    _, what, library, threads = arguments
    T = importlib.import_module(library)
    if what != "import":
        from compare.models import TASKS, training
        from compare.side import Side

        T.set_num_threads(int(threads))
        step = training(next(task for task in TASKS if task.name == what), Side(T, plain=True))
        for _ in range(STEPS):
            step()
    print(resident("VmRSS" if what == "import" else "VmHWM"))
    return 0


def memory(what: str, library: str, threads: int) -> float:
    """MB: at most during three steps of the task `what`, or after the import."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TENSORRS_NUM_THREADS": str(threads)}
    command = [sys.executable, str(FOLDER), "--probe", what, library, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"{library}: {done.stderr.strip().splitlines()[-1:]}")
    return float(done.stdout)


def import_seconds(library: str, threads: int) -> float:
    """Seconds of `import library` in a fresh interpreter over one that imports nothing; each the best of three."""
    bare, full = (min(_run(text) for _ in range(3)) for text in ("", f"; import {library}"))
    return max(full - bare, 1e-6)


def _run(text: str) -> float:
    """Compiled files may be kept, as an installed package has them."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    text = f"import sys; sys.path.append({str(SOURCE)!r}){text}"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, timeout=120, env=environment)
    return time.perf_counter() - start
