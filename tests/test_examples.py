"""The programs in examples/seeds/ run, and do what they say."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tensorrs

SEEDS = Path(__file__).parent.parent / "examples" / "seeds"
# What each is called with: small sizes, so that it runs in a second or two.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "backpropagation": {"count": 50, "rounds": 3},
    "cats_and_dogs": {},
    "convolution_by_hand": {},
    "l1_network": {},
    "layers": {},
    "linear_regression": {},
    "modules": {},
    "overview": {},
    "parameters": {},
}


def run(name: str, **arguments: Any) -> Any:
    return runpy.run_path(str(SEEDS / f"{name}.py"))["main"](**arguments)


def test_every_program_is_run() -> None:
    assert {path.stem for path in SEEDS.glob("*.py")} == {*ARGUMENTS, "lenet"}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(name, **ARGUMENTS[name])
    printed = capsys.readouterr().out
    assert printed
    if name == "backpropagation":
        assert result[-1] < 0.9 * result[0]
    elif name == "cats_and_dogs":
        assert result > 0.9
    elif name == "linear_regression":
        numbers = dict(line.split("=", 1) for line in printed.splitlines() if line[:2] in ("w=", "b="))
        assert abs(float(numbers["w"]) - 2) < 0.1
        assert abs(float(numbers["b"])) < 0.2
    elif name == "l1_network":
        before, after = map(float, printed.split("->"))
        assert after < before
    elif name in ("overview", "parameters"):
        assert "False\n" not in printed


def test_a_kernel_for_edges_is_learned() -> None:
    program = runpy.run_path(str(SEEDS / "convolution_by_hand.py"))
    assert tensorrs.allclose(program["learn_edges"](), tensorrs.tensor([1.0, -1.0]), atol=0.05)


def test_pictures_and_the_net_go_to_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    run("layers", log=str(tmp_path / "layers"))
    run("backpropagation", log=str(tmp_path / "net"), count=10, rounds=1)
    for folder, tag in (("layers", b"after_pool"), ("net", b"loss")):
        (events,) = (tmp_path / folder).iterdir()
        assert tag in events.read_bytes()


def test_lenet_starts_on_real_images(data: Path) -> None:
    if not (data / "fashion-mnist").is_dir():
        pytest.skip("TENSORRS_TEST_DATA has no fashion-mnist")
    command = [sys.executable, str(SEEDS / "lenet.py"), "--data", str(data / "fashion-mnist"), "--epochs", "1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    assert "epoch 1" in result.stdout
