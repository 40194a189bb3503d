"""Type promotion over every pair of dtypes, against the rule written out: kinds first, then sizes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from under_test import DTYPES, FLOATS, T, dtype, dtype_name

KIND = {name: 0 if name == "bool" else 2 if name in FLOATS else 1 for name in DTYPES}
SIZE = {
    "uint8": 8,
    "int8": 8,
    "int16": 16,
    "int32": 32,
    "int64": 64,
    "float16": 16,
    "bfloat16": 16,
    "float32": 32,
    "float64": 64,
}


def joined(a: str, b: str) -> str:
    """The smallest dtype that holds both, where both have dims."""
    if a == b:
        return a
    if KIND[a] != KIND[b]:
        return a if KIND[a] > KIND[b] else b
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    if "uint8" in (a, b):
        other = a if b == "uint8" else b
        return "int16" if other == "int8" else other
    return a if SIZE[a] > SIZE[b] else b


def promoted(a: str, b: str, ranks: tuple[int, int]) -> str:
    """A 0-dim tensor counts only where its kind is higher than that of all tensors with dims."""
    if (ranks[0] == 0) == (ranks[1] == 0):
        return joined(a, b)
    strong, weak = (b, a) if ranks[0] == 0 else (a, b)
    return weak if KIND[weak] > KIND[strong] else strong


PAIRS = list(itertools.product(DTYPES, DTYPES))
RANKS = [(1, 1), (1, 0), (0, 1), (0, 0)]


def ones(name: str, rank: int) -> Any:
    return T.ones((2,) * rank, dtype=dtype(name))


@pytest.mark.parametrize("ranks", RANKS, ids=str)
def test_result_type(ranks: tuple[int, int]) -> None:
    for a, b in PAIRS:
        want = promoted(a, b, ranks)
        assert dtype_name(T.result_type(ones(a, ranks[0]), ones(b, ranks[1]))) == want, (a, b)
        assert dtype_name(ones(a, ranks[0]) + ones(b, ranks[1])) == want, (a, b)
        if ranks == (1, 1):
            assert dtype_name(T.promote_types(dtype(a), dtype(b))) == want, (a, b)


OPS: dict[str, Callable[[Any, Any], Any]] = {
    "mul": lambda a, b: a * b, "maximum": lambda a, b: T.maximum(a, b), "where": lambda a, b: T.where(T.ones(2, dtype=T.bool), a, b), "cat": lambda a, b: T.cat([a, b]),
    "div": lambda a, b: a / b, "eq": lambda a, b: a == b, "logical_and": lambda a, b: T.logical_and(a, b), "atan2": lambda a, b: T.atan2(a, b),
}  # fmt: skip


@pytest.mark.parametrize("op", OPS)
def test_ops_promote(op: str) -> None:
    for a, b in PAIRS:
        both = joined(a, b)
        want = "bool" if op in ("eq", "logical_and") else both
        if op in ("div", "atan2") and KIND[both] < 2:
            want = "float32"
        assert dtype_name(OPS[op](ones(a, 1), ones(b, 1))) == want, (a, b)


@pytest.mark.parametrize("name", DTYPES)
def test_numbers_on_either_side(name: str) -> None:
    """A Python number has a kind and no size; where its kind is higher, the default dtype of that kind comes."""
    for value, kind, default in ((True, 0, "bool"), (3, 1, "int64"), (2.5, 2, "float32")):
        for rank in (0, 1):
            want = default if kind > KIND[name] else name
            x = ones(name, rank)
            assert dtype_name(x + value) == want, (value, rank)
            assert dtype_name(value + x) == want, (value, rank)
            assert dtype_name(value * x) == want, (value, rank)
            assert dtype_name(T.result_type(x, value)) == want, (value, rank)


def test_in_place_results_must_fit_their_kind() -> None:
    for a, b in PAIRS:
        x, y = ones(a, 1), ones(b, 1)
        if KIND[joined(a, b)] > KIND[a]:
            with pytest.raises(RuntimeError, match="result type .* can't be cast to the desired output type"):
                x += y
        else:
            x += y
            assert dtype_name(x) == a


@pytest.mark.parametrize("name", DTYPES)
def test_sums(name: str) -> None:
    x = ones(name, 1)
    whole = "int64" if KIND[name] < 2 else name
    assert dtype_name(x.sum()) == whole
    assert dtype_name(x.prod()) == whole
    assert dtype_name(x.cumsum(0)) == whole
    assert dtype_name(x.max()) == name
    assert dtype_name(x.argmax() if name != "bool" else T.zeros(1).argmax()) == "int64"
    assert dtype_name(x.any()) == ("uint8" if name == "uint8" else "bool")
    assert dtype_name(x.sum(dtype=T.float64)) == "float64"
    assert dtype_name(x.exp()) == ("float32" if KIND[name] < 2 else name)
