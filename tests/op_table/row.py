"""What a row of the op table is made of: inputs as plain data, samples, expected errors, and the row itself.

Inputs are drawn from NumPy's frozen `RandomState`, seeded by the row's name and the place of the input, so that
neither the inputs nor a seed need to be stored beside the recorded results.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from under_test import DTYPES, FLOATS, T, dtype, tensor


@dataclass(frozen=True)
class X:
    """A tensor. Without a dtype it takes the one under test. Floats are all different and evenly spread, so that no
    finite difference crosses a kink; integers lie in `ints`."""

    shape: tuple[int, ...]
    dtype: str | None = None
    low: float = -2.0
    high: float = 2.0
    ints: tuple[int, int] = (-9, 10)
    grad: bool = True
    values: Any = None

    def array(self, seed: int, name: str) -> np.ndarray[Any, Any]:
        if self.values is not None:
            with np.errstate(all="ignore"):
                given = np.array(self.values)
                if name not in (*FLOATS, "bool"):
                    given = np.clip(np.nan_to_num(given, nan=0.0), 0 if name == "uint8" else -100, 100)
                return given.astype("float32" if name == "bfloat16" else name)
        draw = np.random.RandomState(seed)
        count = int(np.prod(self.shape))
        if name in FLOATS:
            steps = (draw.permutation(count) + 0.2 + 0.6 * draw.random_sample(count)) / max(count, 1)
            flat = self.low + (self.high - self.low) * steps
            return flat.reshape(self.shape).astype("float32" if name == "bfloat16" else name)
        if name == "bool":
            return (draw.random_sample(count) < 0.5).reshape(self.shape)
        low, high = self.ints
        return draw.randint(max(low, 0) if name == "uint8" else low, high, count).reshape(self.shape).astype(name)


@dataclass(frozen=True)
class DT:
    """A dtype, by name; without one, the dtype under test."""

    name: str | None = None


@dataclass(frozen=True)
class S:
    """One call: positional and keyword arguments, in which X and DT stand for what is made of them."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    only: tuple[str, ...] | None = None
    grad: bool = True
    out: bool = True

    def kind(self) -> tuple[str, ...]:
        return self.only or DTYPES


@dataclass(frozen=True)
class E:
    """A call that is refused. The class is PyTorch's; `match` is the part of its text that must appear, and without
    one the whole first line."""

    sample: S
    match: str | None = None
    dtype: str = "float32"
    method: str | None = None


@dataclass(frozen=True)
class Op:
    """A row: an op, the forms it is called by, and the calls to try.

    `grad` is how often it can be differentiated; `tol` widens the tolerance of a dtype, `why` says for what reason.
    """

    name: str
    samples: tuple[S, ...]
    fn: str | Callable[..., Any] | None
    method: str | None
    inplace: str | None
    out: bool
    dtypes: tuple[str, ...]
    grad: int
    view: bool
    twice: bool
    signs: bool
    tol: dict[str, tuple[float, float]] = field(default_factory=dict)
    why: str = ""
    errors: tuple[E, ...] = ()

    def call(self) -> Callable[..., Any]:
        """The function form, or the method where there is no function."""
        if self.fn is None:
            assert self.method is not None
            name = self.method
            return lambda first, *rest, **kw: getattr(first, name)(*rest, **kw)
        return resolve(self.fn)


def resolve(fn: str | Callable[..., Any]) -> Callable[..., Any]:
    """A name below the library, or a callable whose first argument is the library."""
    if callable(fn):
        return lambda *args, **kw: fn(T, *args, **kw)
    found: Any = T
    for part in fn.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def op(
    name: str,
    *samples: S,
    fn: str | Callable[..., Any] | None = "",
    method: str | bool | None = True,
    inplace: bool | str = False,
    out: bool = False,
    dtypes: Sequence[str] = DTYPES,
    grad: int = 2,
    view: bool = False,
    twice: bool = True,
    signs: bool = False,
    tol: dict[str, tuple[float, float]] | None = None,
    why: str = "",
    errors: Sequence[E] = (),
) -> Op:
    """A row. By default there is `T.name(x, ...)` and `x.name(...)`; a dotted name or a callable has no method."""
    if fn == "":
        fn = name
    last = name.rpartition(".")[2]
    if method is True:
        method = None if callable(fn) or "." in name else last
    written = (method or last) + "_" if inplace is True else inplace or None
    return Op(
        name,
        samples,
        fn,
        method or None,
        written,
        out,
        tuple(dtypes),
        grad,
        view,
        twice,
        signs,
        tol or {},
        why,
        tuple(errors),
    )


# The short names used by the tables ---------------------------------------------------------------------------------


def x(*shape: int, **how: Any) -> X:
    """A tensor of the dtype under test."""
    return X(shape, **how)


def pos(*shape: int, **how: Any) -> X:
    """A tensor of positive values, none near zero."""
    return X(shape, low=how.pop("low", 0.4), high=how.pop("high", 2.4), ints=how.pop("ints", (1, 10)), **how)


def lit(values: Any, dtype: str | None = None, grad: bool = False) -> X:
    """A tensor of these values."""
    return X(np.shape(values), dtype=dtype, values=values, grad=grad)


def idx(values: Any, dtype: str = "int64") -> X:
    """An index tensor."""
    return X(np.shape(values), dtype=dtype, values=values, grad=False)


def mask(*shape: int) -> X:
    """A bool tensor."""
    return X(shape, dtype="bool", grad=False)


def s(*args: Any, **kwargs: Any) -> S:
    """A call with these arguments."""
    return S(args, kwargs)


def only(dtypes: Sequence[str], *args: Any, **kwargs: Any) -> S:
    """A call for these dtypes alone."""
    return S(args, kwargs, only=tuple(dtypes))


def noout(*args: Any, **kwargs: Any) -> S:
    """A call that PyTorch does not offer with `out=`."""
    return S(args, kwargs, out=False)


def plain(*args: Any, **kwargs: Any) -> S:
    """A call whose gradient is not looked at (it stands at a kink or a pole)."""
    return S(args, kwargs, grad=False)


def bad(*args: Any, match: str | None = None, dtype: str = "float32", method: str | None = None, **kwargs: Any) -> E:
    """A call that is refused."""
    return E(S(args, kwargs), match, dtype, method)


# From data to tensors -----------------------------------------------------------------------------------------------


def seed(*parts: object) -> int:
    return zlib.crc32("/".join(map(str, parts)).encode())


@dataclass
class Built:
    """A sample with its tensors made; `leaves` are those a gradient is asked of."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    leaves: list[Any]


def build(
    row: Op,
    number: object,
    sample: S,
    name: str,
    make: Callable[[np.ndarray[Any, Any], str], Any] = tensor,
    grad: bool = False,
) -> Built:
    """Make the sample's inputs in the dtype `name`, through `make`; with `grad`, float inputs ask for gradients."""
    leaves: list[Any] = []
    count = 0

    def one(value: Any) -> Any:
        nonlocal count
        if isinstance(value, X):
            count += 1
            kind = value.dtype or name
            made = make(value.array(seed(row.name, number, count), kind), kind)
            if grad and value.grad and kind in FLOATS:
                leaves.append(made.requires_grad_())
            return made
        if isinstance(value, DT):
            return dtype(value.name or name)
        if isinstance(value, (list, tuple)):
            return type(value)(one(v) for v in value)
        if isinstance(value, slice):
            return value
        return value

    args = tuple(one(a) for a in sample.args)
    return Built(args, {k: one(v) for k, v in sample.kwargs.items()}, leaves)


def cotangent(row: Op, number: object, which: str, like: Any) -> Any:
    """The weights a result is summed with before it is differentiated: as fixed as the inputs."""
    shape = tuple(int(n) for n in like.shape)
    array = X(shape, low=-1.0, high=1.0).array(seed(row.name, number, which), "float64")
    return tensor(array, str(like.dtype).rpartition(".")[2])


def flat(result: Any) -> list[Any]:
    """The leaves of a result: tensors, numbers, whatever stands in its tuples and lists."""
    if isinstance(result, (tuple, list)) and not isinstance(result, T.Size):
        return [leaf for part in result for leaf in flat(part)]
    return [result]


def tensors(result: Any) -> list[Any]:
    return [leaf for leaf in flat(result) if isinstance(leaf, T.Tensor)]
