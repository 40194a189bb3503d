"""The comparison of `benches/compare` runs on every machine: its rows without PyTorch, its checks, its sums."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorrs

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "benches"))

from compare import causes, check, machine, report, row, runner  # noqa: E402
from compare.rows import GROUPS  # noqa: E402


def test_every_group_has_rows_of_different_names() -> None:
    names = "overhead elementwise reduction matmul-small matmul conv conv-backward layers optimisers training inference"
    assert [group.name for group in GROUPS] == [*names.split(), "io", "memory", "import", "busy"]
    for group in GROUPS:
        rows = [one.name for one in group.rows]
        assert rows
        assert len(set(rows)) == len(rows)


def test_the_command_measures_and_writes_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    command = [sys.executable, str(ROOT / "benches" / "compare"), "--quick", "--threads", "1", "--group", "overhead"]
    done = subprocess.run([*command, "--json", str(path)], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text())
    assert [one["row"] for one in found["rows"]] == [one.name for one in GROUPS[0].rows]
    assert all(one["ours"] > 0 and f"| {one['row']} | " in done.stdout for one in found["rows"])


def test_alone_a_row_is_measured_against_one_thread() -> None:
    seen: list[int] = []
    program = runner.on_threads(tensorrs, 1, lambda: seen.append(tensorrs.get_num_threads()))
    before = tensorrs.get_num_threads()
    try:
        program()
        plan = runner.Plan(2, quick=True, alone=True)
        outcome = runner.measure(GROUPS[0].rows[0], GROUPS[0], tensorrs, None, plan)
    finally:
        tensorrs.set_num_threads(before)
    assert seen == [1]
    assert outcome.ratio is not None
    assert outcome.cause == ""


def test_every_cause_is_that_of_a_row() -> None:
    rows = {(group.name, one.name) for group in GROUPS for one in group.rows}
    assert set(causes.CAUSES) <= rows


def results(*numbers: float) -> list[check.Array]:
    return [np.full(32, 1.0, np.float32) + np.array(numbers or (0.0,), np.float32)]


def test_a_wrong_number_is_no_row() -> None:
    one = row.Row("sum", lambda side: lambda: None)
    check.compare(one, results(), results(), None)
    with pytest.raises(AssertionError, match="differs from PyTorch's by 0.01"):
        check.compare(one, results(0.01), results(), None)
    with pytest.raises(AssertionError, match="against float64"):
        check.compare(one, results(1e-6), results(), [np.ones(32)])
    with pytest.raises(AssertionError, match="inf of its greatest"):
        check.compare(one, results(float("nan")), results(), None)
    with pytest.raises(AssertionError, match="32 of 32 whole numbers"):
        check.compare(one, [np.ones(32, np.int64)], [np.zeros(32, np.int64)], None)


def test_turns_give_the_median_ratio_and_the_groups_mean() -> None:
    outcomes = [row.Outcome("g", name) for name in ("a", "b")]
    runner.ratios(outcomes[0], [(1.0, 4.0), (1.0, 2.0), (3.0, 3.0)])
    runner.ratios(outcomes[1], [(2.0, 1.0)])
    assert (outcomes[0].ratio, outcomes[0].ours, outcomes[0].theirs) == (0.5, 1.0, 3.0)
    assert (outcomes[0].low, outcomes[0].high) == (0.25, 1.0)
    assert report.mean(outcomes) == pytest.approx(1.0)
    table = report.summary([row.Group("g", "two rows", 0.9)], outcomes)
    assert "| g | 2 | **1.00** | 0.90 | missed | b (2.00) |" in table


def test_a_busy_machine_gives_marked_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = iter([0.5, 0.4, 0.3, 0.0, 0.2, 0.1])
    monkeypatch.setattr(machine.Meter, "foreign", lambda self: next(loads))
    plan = runner.Plan(1, turns=3, seconds=1e-4)
    times, load = runner.turns([lambda: None], plan, busy=False)
    assert (len(times), load) == (3, 0.2)
