"""Sessions: what a program says, line by line, against what PyTorch said to the same lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sessions import NAMES, agree, run, translated
from under_test import NAME, T

RECORDED = Path(__file__).parent / "golden" / "sessions"


@pytest.mark.parametrize("name", NAMES)
def test_session(name: str) -> None:
    mine = run(name, T)
    recorded = json.loads((RECORDED / f"{name}.json").read_text())["answers"]
    theirs = [answer if NAME == "torch" else translated(answer) for answer in recorded]
    assert len(mine) == len(theirs)
    wrong = [
        f"{line}\n  PyTorch: {their}\n  here:    {my}"
        for (line, my), their in zip(mine, theirs, strict=True)
        if not agree(my, their)
    ]
    assert not wrong, f"{len(wrong)} of {len(mine)} lines differ\n" + "\n".join(wrong)
