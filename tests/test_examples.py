"""The programs in examples/ run, and do what they say."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("name", ["modules", "linear_regression", "l1_network"])
def test_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out


def test_linear_regression_finds_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "linear_regression.py"), run_name="__main__")
    printed = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines() if line[:2] in ("w=", "b="))
    assert abs(float(printed["w"]) - 2) < 0.1
    assert abs(float(printed["b"])) < 0.2


def test_two_classes_are_learned() -> None:
    program = runpy.run_path(str(EXAMPLES / "cats_and_dogs.py"))
    assert program["main"]() > 0.9


def test_lenet_starts_on_real_images() -> None:
    data = os.environ.get("TENSORRS_TEST_DATA")
    if not data or not (Path(data) / "fashion-mnist").is_dir():
        pytest.skip("TENSORRS_TEST_DATA has no fashion-mnist")
    command = [sys.executable, str(EXAMPLES / "lenet.py"), "--data", str(Path(data) / "fashion-mnist"), "--epochs", "1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    assert "epoch 1" in result.stdout
