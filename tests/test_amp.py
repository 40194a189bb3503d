"""Autocast and gradient scaling against what PyTorch was recorded to do (`golden/record_autocast.py`)."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autocast_cases import MIXES, key, result_dtypes, rows, training
from op_table.row import Op
from under_test import T, numbers, tensor

GOLDEN = json.loads((Path(__file__).parent / "golden" / "autocast.json").read_text())
ROWS = [pytest.param(family, row, id=f"{family}/{row.name}") for family, row in rows()]
# Not as PyTorch: statistics of another dtype than the input, which nobody has on purpose, and a product that is made
# of `matmul` here.
EXCEPT = {
    *((f"layers/nn.functional.instance_norm{form}", "mixed") for form in ("", ".running")),
    *(("special/nn.functional.grouped_mm", mix) for mix in MIXES),
}


@pytest.mark.parametrize(("family", "row"), ROWS)
def test_results_have_the_dtypes_of_pytorch(family: str, row: Op) -> None:
    name = f"{family}/{row.name}"
    recorded = GOLDEN["ops"].get(name, {})
    for number, sample in enumerate(row.samples):
        if key(sample) in recorded:
            found = [result_dtypes(row, number, sample, mix) for mix in MIXES]
            for mix, mine, theirs in zip(MIXES, found, recorded[key(sample)], strict=True):
                assert mine == theirs or (name, mix) in EXCEPT, (mix, sample)


def test_nearly_all_of_the_table_is_recorded() -> None:
    known = [
        key(sample) in GOLDEN["ops"].get(f"{family}/{row.name}", {}) for family, row in rows() for sample in row.samples
    ]
    assert sum(known) > 0.7 * len(known)


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_a_training_goes_as_in_pytorch(kind: str) -> None:
    recorded, found = np.array(GOLDEN["training"][kind]), np.array(training(kind))
    np.testing.assert_allclose(found[:, 0], recorded[:, 0], rtol={"bfloat16": 0.03, "float16": 0.005}[kind])
    np.testing.assert_array_equal(found[:, 1], recorded[:, 1])


def leaf(*shape: int) -> Any:
    return T.ones(*shape).requires_grad_()


def test_a_region_belongs_to_its_thread() -> None:
    seen = []

    def look() -> None:
        seen.append(T.is_autocast_enabled("cpu"))
        with T.autocast("cpu", dtype=T.float16):
            seen.append((leaf(2, 2) @ leaf(2, 2)).dtype)

    with T.autocast("cpu"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert (leaf(2, 2) @ leaf(2, 2)).dtype == T.bfloat16
    assert seen == [False, T.float16]


def test_gradients_come_back_in_the_dtype_of_the_weight() -> None:
    w, x = leaf(3, 3), tensor(np.arange(9, dtype=np.float32).reshape(3, 3))
    with T.autocast("cpu"):
        y = x @ w
        loss = T.nn.functional.mse_loss(y, x) + (w @ x).float().sum()
    loss.backward()
    assert (y.dtype, loss.dtype, w.grad.dtype) == (T.bfloat16, T.float32, T.float32)
    expected = x.numpy().T @ (2 / 9 * (x.numpy() @ np.ones((3, 3)) - x.numpy())) + x.numpy().sum(1)
    np.testing.assert_allclose(numbers(w.grad), expected, rtol=0.02)


def test_a_half_that_does_not_fit_stops_the_step_and_not_the_training() -> None:
    p = T.nn.Parameter(T.ones(4))
    optimizer = T.optim.SGD([p], lr=0.5)
    scaler = T.amp.GradScaler("cpu", init_scale=2.0**20)
    with T.autocast("cpu", dtype=T.float16):
        scaler.scale(T.nn.functional.linear(T.ones(1, 4), p.reshape(1, 4))).float().sum().backward()
    scaler.step(optimizer)
    scaler.update()
    assert not np.isfinite(numbers(p.grad)).any()
    assert scaler.get_scale() == 2.0**19
    np.testing.assert_array_equal(numbers(p), np.ones(4))
