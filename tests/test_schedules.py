"""Learning-rate schedules: 30 steps each against PyTorch's, at a stretch and with all state saved and loaded midway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schedule_table import CASES, run
from under_test import T

GOLDEN = json.loads((Path(__file__).parent / "golden" / "schedules.json").read_text())["cases"]
assert set(GOLDEN) == set(CASES)


def agree(mine: Any, theirs: Any, where: str) -> None:
    if isinstance(theirs, dict):
        assert sorted(mine) == sorted(theirs), where
        for key in theirs:
            agree(mine[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(mine) == len(theirs), where
        for number, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            agree(a, b, f"{where}[{number}]")
    elif isinstance(theirs, float):
        assert mine == pytest.approx(theirs, rel=1e-12, abs=1e-15), where
    else:
        assert mine == theirs, where


@pytest.mark.filterwarnings("ignore:Detected call|To get the last learning rate|The epoch parameter")
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize("name", CASES)
def test_schedule(name: str, cut: bool) -> None:
    agree(json.loads(json.dumps(run(T, name, cut))), GOLDEN[name], name)
