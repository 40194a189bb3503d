"""What type checkers see: `typing/sample.py` passes `mypy --strict`, and pyright's strict mode where it is installed."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "tests" / "typing" / "sample.py"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MYPYPATH": str(ROOT / "python")}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)


def test_the_sample_runs() -> None:
    runpy.run_path(str(SAMPLE), run_name="__main__")


@pytest.mark.slow
def test_mypy() -> None:
    pytest.importorskip("mypy")
    result = run(sys.executable, "-m", "mypy", "--strict", str(SAMPLE))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_mypy_finds_mistakes(tmp_path: Path) -> None:
    """Without this a stub of nothing but Any would pass."""
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    lines = (
        'tensorrs.ones(2).reshape("a")',
        "tensorrs.ones(2).sum(dim='x')",
        "tensorrs.ones(2).nothing()",
        "tensorrs.nn.Linear('a', 2)",
        "tensorrs.nn.functional.conv2d(tensorrs.ones(1))",
        "tensorrs.cat(3)",
        "tensorrs.optim.SGD(tensorrs.nn.ReLU().parameters(), lr='a')",
        "tensorrs.ones(2)['a']",
        "tensorrs.linalg.solve(1, 2)",
        "number: str = tensorrs.ones(2).dim()",
    )
    wrong.write_text("\n".join(["import tensorrs", *lines, ""]))
    result = run(sys.executable, "-m", "mypy", "--strict", str(wrong))
    found = {int(line.split(":")[1]) for line in result.stdout.splitlines() if ": error:" in line}
    assert found == set(range(2, 2 + len(lines))), result.stdout


@pytest.mark.slow
def test_pyright(tmp_path: Path) -> None:
    checker = shutil.which("basedpyright") or shutil.which("pyright")
    if checker is None:
        pytest.skip("no pyright here: pip install basedpyright, or pyright and Node")
    settings = {"include": [str(SAMPLE)], "extraPaths": [str(ROOT / "python")], "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    result = run(checker, "-p", str(tmp_path), "--level", "error")
    assert result.returncode == 0, result.stdout
