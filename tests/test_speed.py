"""A guard of speed: a row of `speed_rows.py` that takes a third more of NumPy's time than it did fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import speed_rows

SLACK = 1.3
# A slow round is a neighbour's doing; a slow kernel is slow in all of them.
ROUNDS = 6


def measured(names: list[str]) -> dict[str, float]:
    script = Path(speed_rows.__file__)
    done = subprocess.run([sys.executable, script, *names], capture_output=True, text=True, check=True, timeout=300)
    ratios: dict[str, float] = json.loads(done.stdout)
    return ratios


def has_avx2_at_most() -> bool:
    """The ratios were measured with AVX2; wider registers make another ratio of each."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return False
    return "avx2" in flags and "avx512f" not in flags


@pytest.mark.slow
@pytest.mark.skipif(not has_avx2_at_most(), reason="the ratios were measured with AVX2")
def test_no_row_takes_a_third_more_than_it_did() -> None:
    best = dict.fromkeys(speed_rows.ROWS, float("inf"))
    slow: dict[str, str] = {}
    for _ in range(ROUNDS):
        for name, ratio in measured([*slow] if slow else []).items():
            best[name] = min(best[name], ratio)
        slow = {
            name: f"{ratio:.2f} of NumPy's time, {speed_rows.ROWS[name][2]:.2f} before"
            for name, ratio in best.items()
            if ratio > SLACK * speed_rows.ROWS[name][2]
        }
        if not slow:
            return
    assert not slow
