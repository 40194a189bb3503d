"""`repr` through the Python API is PyTorch's text for the recorded cases, with `torch` read as `tensorrs`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from under_test import NAME, T, dtype

GOLDEN = json.loads((Path(__file__).parent / "golden" / "display.json").read_text())
GRAPHS = {"CloneBackward0": lambda x: x.clone(), "ViewBackward0": lambda x: x.view(x.shape)}


def values(case: dict[str, Any]) -> Any:
    """The case's tensor: its elements are written out, or follow a rule that is exact in every dtype."""
    kind, shape = dtype(case["dtype"]), tuple(case["shape"])
    if "rule" in case:
        step, modulus, scale, offset = case["rule"]
        numbers = (np.arange(int(np.prod(shape)), dtype=np.int64) * step % modulus) * scale + offset
        return T.from_numpy(np.asarray(numbers, dtype=np.float64)).to(kind).reshape(shape)
    words = case["values"].split()
    number = float if "float" in case["dtype"] else int
    return T.tensor([number(w) for w in words], dtype=kind).reshape(shape)


@pytest.fixture
def options() -> Iterator[None]:
    yield
    T.set_printoptions(profile="default")


def shown(case: dict[str, Any]) -> str:
    T.set_default_dtype(dtype(case.get("default", "float32")))
    T.set_printoptions(profile="default")
    T.set_printoptions(**{k: float(v) if v == "inf" else v for k, v in case.get("options", {}).items()})
    x = values(case)
    if case.get("parameter"):
        return repr(T.nn.Parameter(x, requires_grad=case.get("requires_grad", False)))
    if "grad_fn" in case:
        return repr(GRAPHS[case["grad_fn"]](x.requires_grad_()))
    return repr(x.requires_grad_(case.get("requires_grad", False)))


PARTS = [list(part) for part in itertools.zip_longest(*[iter(GOLDEN["cases"])] * 60)]


@pytest.mark.parametrize("part", PARTS, ids=[str(n * 60) for n in range(len(PARTS))])
@pytest.mark.usefixtures("options")
def test_recorded_texts(part: list[dict[str, Any] | None]) -> None:
    wrong = []
    for case in filter(None, part):
        want = case["text"] if NAME != "torch" else None
        got = shown(case)
        if want is not None and got != want:
            wrong.append(f"{ {k: v for k, v in case.items() if k != 'text'} }\n{got}\nnot\n{want}")
    assert not wrong, f"{len(wrong)} of {len(part)}\n" + "\n".join(wrong[:3])


def test_str_and_format() -> None:
    x = T.tensor([1.0, 2.5])
    assert str(x) == repr(x) == f"{x}" == "tensor([1.0000, 2.5000])"
    assert f"{T.tensor(2.5):.3f}" == "2.500"
    assert f"{T.tensor(3)}" == "3"


@pytest.mark.usefixtures("options")
def test_printoptions_last() -> None:
    T.set_printoptions(precision=2)
    assert repr(T.tensor([1.23456])) == "tensor([1.23])"
    T.set_printoptions(profile="short")
    assert repr(T.tensor([1.23456])) == "tensor([1.23])"
