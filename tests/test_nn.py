"""The module table, run over what every layer promises: text, state, first weights, results, gradients, copies.

One test is one property of one row. `pytest -k "Conv2d"` runs the rows of a layer.
"""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.store import Reader, Recorded
from module_table import FAMILIES, FAMILY, TABLE, Row, called, cotangent, differentiable
from under_test import T, dtype_name, numbers, said

GOLDEN = {f: Reader(Path(__file__).parent / "golden" / f"modules_{f}.npz") for f in FAMILIES}
# float32 is held against PyTorch's float64 result: its own rounding is the tolerance.
TOLERANCE = {"float32": {"rtol": 1e-4, "atol": 2e-5}, "float64": {"rtol": 1e-9, "atol": 1e-11}}

SMOOTH = {name: row for name, row in TABLE.items() if not row.rough}

rows = pytest.mark.parametrize("row", TABLE.values(), ids=list(TABLE))
dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


def known(row: Row, dtype: str) -> dict[str, Any]:
    """What PyTorch gave; only rough rows have a recording of their own in float32."""
    recorded: dict[str, Any] = GOLDEN[FAMILY[row.name]].get(row.name)
    found: dict[str, Any] = recorded.get(dtype) or recorded["float64"]
    return found


def built(row: Row, dtype: str) -> Any:
    return row.build().to(getattr(T, dtype))


def assert_same(mine: Any, theirs: Recorded | None, dtype: str, what: str) -> None:
    if theirs is None:
        # A gradient that PyTorch leaves out may be None or zeros.
        assert mine is None or not numbers(mine).any(), what
        return
    assert mine is not None, what
    assert tuple(mine.shape) == theirs.array.shape, what
    if theirs.dtype.startswith("int"):
        assert dtype_name(mine) == theirs.dtype, what
        assert np.array_equal(numbers(mine), theirs.array), what
    else:
        assert dtype_name(mine) == dtype, what
        np.testing.assert_allclose(numbers(mine), theirs.array, err_msg=what, **TOLERANCE[dtype])


def test_every_row_is_recorded() -> None:
    assert {name for golden in GOLDEN.values() for name in golden.index} == set(TABLE)


@rows
def test_text(row: Row) -> None:
    assert repr(row.build()) == said(GOLDEN[FAMILY[row.name]].index[row.name]["repr"])


@rows
def test_first_weights_are_pytorchs_to_the_bit(row: Row) -> None:
    theirs = GOLDEN[FAMILY[row.name]].get(row.name)["state"]
    mine = row.build().state_dict()
    assert list(mine) == list(theirs)
    for name, value in mine.items():
        assert dtype_name(value) == theirs[name].dtype
        assert tuple(value.shape) == theirs[name].array.shape
        assert np.array_equal(numbers(value), theirs[name].array), name
        assert not value.requires_grad


@dtypes
@rows
def test_training_call(row: Row, dtype: str) -> None:
    module = built(row, dtype)
    assert module.training
    result = called(row, module, row.arguments(dtype, grad=False))
    assert_same(result, known(row, dtype)["train"], dtype, "result")
    buffers = dict(module.named_buffers())
    assert list(buffers) == list(known(row, dtype)["buffers"])
    for name, buffer in buffers.items():
        assert_same(buffer, known(row, dtype)["buffers"][name], dtype, name)


@dtypes
@rows
def test_evaluation_call(row: Row, dtype: str) -> None:
    module = built(row, dtype)
    called(row, module, row.arguments(dtype, grad=False))
    assert module.eval() is module
    result = called(row, module, row.arguments(dtype, grad=False))
    assert_same(result, known(row, dtype)["eval"], dtype, "result")


@dtypes
@rows
def test_gradients(row: Row, dtype: str) -> None:
    module = built(row, dtype)
    arguments = row.arguments(dtype)
    result = called(row, module, arguments)
    asked = differentiable(module, arguments)
    assert set(asked) == set(known(row, dtype)["grads"])
    if result.requires_grad:
        result.backward(cotangent(row, result, dtype))
    for name, leaf in asked.items():
        assert_same(leaf.grad, known(row, dtype)["grads"][name], dtype, name)


@pytest.mark.parametrize("row", SMOOTH.values(), ids=list(SMOOTH))
def test_gradients_by_finite_differences(row: Row) -> None:
    module = built(row, "float64")
    arguments = row.arguments("float64")
    asked = list(differentiable(module, arguments).values())
    if asked:
        assert T.autograd.gradcheck(lambda *_: called(row, module, arguments), asked)


@rows
def test_transposed_input(row: Row) -> None:
    module = built(row, "float64").eval()
    arguments = row.arguments("float64", grad=False)
    result = numbers(called(row, module, arguments))
    turned = [a.transpose(0, -1).contiguous().transpose(0, -1) if a.dim() > 1 else a for a in arguments]
    np.testing.assert_allclose(numbers(called(row, module, turned)), result, rtol=1e-12, atol=1e-13)


@rows
def test_copies(row: Row) -> None:
    module = built(row, "float64")
    arguments = row.arguments("float64", grad=False)
    called(row, module, arguments)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(other) is type(module)
        assert repr(other) == repr(module)
        assert vars(other).keys() == vars(module).keys()
        for name, value in module.state_dict(keep_vars=True).items():
            copied = other.state_dict(keep_vars=True)[name]
            assert copied is not value
            assert type(copied) is type(value)
            assert copied.requires_grad == value.requires_grad
            assert np.array_equal(numbers(copied), numbers(value))
            with T.no_grad():
                copied.add_(1)
            assert not np.array_equal(numbers(copied), numbers(value)), "the copy shares memory"


@rows
def test_loading_a_state(row: Row) -> None:
    module, other = row.build(), row.build()
    with T.no_grad():
        for value in other.state_dict().values():
            value.add_(1)
    assert repr(other.load_state_dict(module.state_dict())) == "<All keys matched successfully>"
    for name, value in other.state_dict().items():
        assert np.array_equal(numbers(value), numbers(module.state_dict()[name])), name


@rows
def test_no_gradient_without_grad_mode(row: Row) -> None:
    with T.no_grad():
        assert not called(row, row.build(), row.arguments("float32", grad=False)).requires_grad


def test_a_small_loss_is_not_lost_beside_large_scores() -> None:
    """float32 scores of 132: what PyTorch 2.15 gives."""
    loss = T.nn.functional.cross_entropy(T.tensor([[132.3611, 120.5799, 100.0]]), T.tensor([0]))
    assert loss.item() == pytest.approx(7.629365427419543e-06, rel=1e-2)
