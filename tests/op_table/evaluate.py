"""Calling a row: its value, its gradient and its second-order gradient, in the library under test.

The recorder and the tests go through the same functions, so what is compared was asked for in the same words.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from op_table.row import Built, Op, S, build, cotangent, flat
from under_test import T, is_float, tensor

Make = Callable[[np.ndarray[Any, Any], str], Any]


def quiet(act: Callable[[], Any]) -> Any:
    """Run without the warnings of deprecated arguments (`size_average`), which have tests of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return act()


def outputs(result: Any) -> list[Any]:
    """The float tensors among a result's leaves that a gradient can start from."""
    return [leaf for leaf in flat(result) if is_float(leaf) and leaf.requires_grad]


def call(row: Op, built: Built) -> Any:
    return quiet(lambda: row.call()(*built.args, **built.kwargs))


def applies(sample: S, dtype: str) -> bool:
    return dtype in sample.kind()


def gradients(row: Op, number: object, sample: S, dtype: str, make: Make = tensor, uses: int = 1) -> list[Any]:
    """One gradient per leaf (None where none comes), of the result weighted by fixed numbers; `uses` adds up calls."""
    built = build(row, number, sample, dtype, make, grad=True)
    results = [outputs(call(row, built)) for _ in range(uses)]
    if not results[0]:
        return [None] * len(built.leaves)
    weights = [cotangent(row, number, f"u{k}", leaf) for k, leaf in enumerate(results[0])]
    ends = [
        sum(use[k] for use in results[1:]) + results[0][k] if uses > 1 else results[0][k] for k in range(len(weights))
    ]
    return list(T.autograd.grad(ends, built.leaves, weights, allow_unused=True))


def second(row: Op, number: object, sample: S, make: Make = tensor) -> list[Any]:
    """Gradients of the weighted gradients, with respect to the leaves and then to the weights, in float64."""
    built = build(row, number, sample, "float64", make, grad=True)
    ends = outputs(call(row, built))
    if not ends:
        return []
    weights = [cotangent(row, number, f"u{k}", leaf).requires_grad_() for k, leaf in enumerate(ends)]
    first = T.autograd.grad(ends, built.leaves, weights, create_graph=True, allow_unused=True)
    alive = [(k, g) for k, g in enumerate(first) if g is not None and g.requires_grad]
    if not alive:
        return []
    again = [cotangent(row, number, f"w{k}", g) for k, g in alive]
    return list(T.autograd.grad([g for _, g in alive], [*built.leaves, *weights], again, allow_unused=True))


def transposed(array: np.ndarray[Any, Any], dtype: str) -> Any:
    """The same values, stored with the dims in reverse order."""
    order = tuple(reversed(range(array.ndim)))
    return tensor(np.array(array.transpose(order), order="C"), dtype).permute(order)


def strided(array: np.ndarray[Any, Any], dtype: str) -> Any:
    """The same values, every second of a longer last dim, beginning somewhere inside the storage."""
    if array.ndim == 0:
        return tensor(np.array([9, array.item(), 9]), dtype)[1]
    wide = np.repeat(array, 2, axis=-1)
    full = np.concatenate([wide[..., :1], wide], axis=-1) if array.size else wide
    return tensor(full, dtype)[..., 1::2] if array.size else tensor(array, dtype)


LAYOUTS: dict[str, Make] = {"transposed": transposed, "strided": strided}


def error(act: Callable[[], Any]) -> tuple[str, str] | None:
    """The class and text of what a call raises, or None."""
    try:
        quiet(act)
    except Exception as raised:  # noqa: BLE001 - the class is what is looked at
        return type(raised).__name__, str(raised)
    return None
