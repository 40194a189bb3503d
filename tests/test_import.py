"""`import tensorrs` is light: it brings no NumPy, and adds under 40 ms to a bare interpreter."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

import pytest

from under_test import NAME

BUDGET = 0.040
HEAVY = ["numpy", "torch", "PIL", "tqdm", "inspect", "dataclasses", "asyncio", "multiprocessing", "urllib.request", "http.client", "unittest", "pickle"]  # fmt: skip
pytestmark = pytest.mark.skipif(NAME == "torch", reason="a promise of tensorrs")


# As users run it: with byte code on disk, wherever this run of the tests keeps it.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def fresh(program: str) -> str:
    command = [sys.executable, "-X", "utf8", "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_nothing_heavy_is_imported() -> None:
    found = json.loads(
        fresh(f"import {NAME}, sys, json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))")
    )
    bare = json.loads(fresh(f"import sys, json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"))
    assert set(found) <= set(bare)


def test_layers_and_training_need_no_numpy() -> None:
    program = f"""
import sys
import {NAME} as T
layer = T.nn.Linear(3, 2)
optimizer = T.optim.SGD(layer.parameters(), lr=0.1)
T.nn.functional.mse_loss(layer(T.randn(4, 3)), T.zeros(4, 2)).backward()
optimizer.step()
repr(layer.weight)
assert "numpy" not in sys.modules
T.ones(2).numpy()
assert "numpy" in sys.modules
"""
    fresh(program)


def seconds(program: str) -> float:
    start = time.perf_counter()
    fresh(program)
    return time.perf_counter() - start


def test_import_time() -> None:
    """The median over a bare interpreter, taken in turns; a busy machine gets more tries."""
    fresh(f"import {NAME}")  # byte code is written
    best = 1.0
    for _ in range(4):
        pairs = [(seconds("pass"), seconds(f"import {NAME}")) for _ in range(7)]
        best = min(best, statistics.median(loaded - bare for bare, loaded in pairs))
        if best < BUDGET:
            return
    pytest.fail(
        f"import {NAME} takes {best * 1000:.0f} ms more than a bare interpreter; the budget is {BUDGET * 1000:.0f}"
    )
