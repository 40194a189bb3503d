"""The one pass that a step is, held against the same step written in tensor operations (`differentiable=True`).

Many sizes, so that vector loops have remainders; layouts with strides; five steps, float64.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from under_test import T

RUNS = json.loads((Path(__file__).parent / "golden" / "optim.json").read_text())["steps"]["runs"]
CASES = [(run["name"], run["options"]) for run in RUNS if run["dtype"] == "float64" and run["name"] != "Adafactor"]
SIZES = [(1,), (3,), (17,), (64,), (7, 9), (0,), (2, 3, 5)]


def _tensors(seed: int, strided: bool) -> list[Any]:
    numbers = np.random.RandomState(seed)
    arrays = [numbers.standard_normal(size) for size in SIZES]
    made = [T.from_numpy(a.T.copy() if strided else a.copy()) for a in arrays]
    return [t.permute(tuple(reversed(range(t.dim())))) if strided else t for t in made]


@pytest.mark.parametrize("strided", [False, True], ids=["rows", "strided"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_step_is_its_formula(case: tuple[str, dict[str, Any]], strided: bool) -> None:
    name, options = case
    options = {key: value for key, value in options.items() if key not in ("foreach", "fused")}
    fused, plain = _tensors(0, strided), _tensors(0, False)
    one = getattr(T.optim, name)(fused, **options)
    two = getattr(T.optim, name)(plain, differentiable=True, **options)
    for number in range(5):
        for p, q, grad in zip(fused, plain, _tensors(number + 1, False), strict=True):
            p.grad, q.grad = grad, grad.clone()
        one.step()
        two.step()
    for p, q in zip(fused, plain, strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-12, atol=1e-13)
        for key, value in two.state[q].items():
            if value is not None:
                np.testing.assert_allclose(one.state[p][key].numpy(), value.numpy(), rtol=1e-12, atol=1e-13)
