"""A row of the table of layers, the shapes that many rows share, and how a row is called."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from under_test import T, tensor

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class In:
    """One argument of a call. `kind` is `normal`, `unit` (0 to 1), `classes` or `share` (each row sums to 1)."""

    shape: tuple[int, ...]
    kind: str = "normal"
    classes: int = 0

    def array(self, seed: int) -> Array:
        # RandomState's numbers are frozen for all versions of NumPy, so no input has to be stored.
        numbers = np.random.RandomState(seed)
        if self.kind == "classes":
            return np.asarray(numbers.randint(0, self.classes, self.shape), dtype=np.int64)
        if self.kind == "normal":
            return np.asarray(numbers.standard_normal(self.shape))
        shares = np.asarray(numbers.uniform(0.05, 0.95, self.shape))
        return shares if self.kind == "unit" else shares / shares.sum(1, keepdims=True)


@dataclass(frozen=True)
class Row:
    """A layer: its class, the arguments of the class, the arguments of a call."""

    layer: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[In, ...]
    # Finite differences mean nothing: the result depends on the generator, or the gradient is another on purpose.
    rough: bool = False
    # What the class takes as tensors, by name.
    tensors: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        said = [str(a) for a in self.args] + [f"{k}={v}" for k, v in {**self.kwargs, **self.tensors}.items()]
        shapes = "x".join("[" + ",".join(map(str, i.shape)) + "]" for i in self.inputs)
        return f"{self.layer}({', '.join(said)}){shapes}".replace(" ", "")

    @property
    def seed(self) -> int:
        return zlib.crc32(self.name.encode())

    def build(self) -> Any:
        """The layer in float32, with the weights that `manual_seed(0)` gives."""
        T.manual_seed(0)
        given = {name: T.tensor(list(values)) for name, values in self.tensors.items()}
        return getattr(T.nn, self.layer)(*self.args, **self.kwargs, **given)

    def arguments(self, dtype: str, grad: bool = True) -> list[Any]:
        """The arguments of a call; those of floating point ask for a gradient."""
        made = []
        for i, given in enumerate(self.inputs):
            array = given.array(self.seed + i)
            if given.kind == "classes":
                made.append(tensor(array))
            else:
                made.append(tensor(array, dtype).requires_grad_(grad and given.kind in ("normal", "unit")))
        return made


def layer(name: str, *args: Any, on: Any, rough: bool = False, tensors: Any = None, **kwargs: Any) -> Row:
    """A row; `on` is a shape, an `In`, or a list of them."""
    listed = on if isinstance(on, list) else [on]
    inputs = tuple(i if isinstance(i, In) else In(i) for i in listed)
    return Row(name, args, kwargs, inputs, rough, tensors or {})


IMAGE = (2, 4, 6, 5)
SMALL = (3, 4)
LOGITS = [SMALL, In((3,), "classes", 4)]
MAPS = [(2, 4, 2, 3), In((2, 2, 3), "classes", 4)]
SHARES = [SMALL, In(SMALL, "share")]
ODDS = [SMALL, In(SMALL, "unit")]
WEIGHT = {"weight": (0.5, 1.0, 2.0, 0.25)}
REDUCTIONS = ("mean", "sum", "none")


def differentiable(module: Any, arguments: list[Any]) -> dict[str, Any]:
    """What a gradient is asked of: arguments by number, parameters by name."""
    asked = {f"input{i}": a for i, a in enumerate(arguments) if a.requires_grad}
    return {**asked, **dict(module.named_parameters())}


def called(row: Row, module: Any, arguments: list[Any]) -> Any:
    """The layer's result. In-place layers write to a copy, since a leaf may not be written to."""
    T.manual_seed(1)
    if row.kwargs.get("inplace"):
        arguments = [a.clone() for a in arguments]
    result = module(*arguments)
    if not isinstance(result, tuple):
        return result
    # Several results are held against PyTorch's as one vector.
    return T.cat([part.reshape(-1) for part in _tensors(result)])


def _tensors(results: tuple[Any, ...]) -> list[Any]:
    return [t for part in results for t in (_tensors(part) if isinstance(part, tuple) else [part])]


def cotangent(row: Row, result: Any, dtype: str) -> Any:
    """The gradient that is sent into the result."""
    return tensor(In(tuple(result.shape)).array(row.seed + 9), dtype)
