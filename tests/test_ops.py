"""The op table, run over what every op promises: values, dtypes, gradients of both orders, layouts, forms, refusals.

One test is one property of one row; it tries all samples and then reports every one that failed. `pytest -k "add]"`
runs a row, `pytest -k test_value` a property.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from golden.store import Reader, Recorded
from op_table import FAMILY, TABLE, Op
from op_table.evaluate import LAYOUTS, Make, applies, call, error, gradients, outputs, quiet, second
from op_table.row import S, X, build, cotangent, flat
from under_test import FLOATS, NAME, T, dtype_name, is_tensor, numbers, said, tensor

TOLERANCE = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}
# Where PyTorch itself fails a property that we hold: only looked at when the suite runs on PyTorch.
TORCH_LACKS = {
    "test_layouts": ("take_along_dim", "nn.functional.nll_loss"),  # views its operands; wants contiguous memory
    "test_in_place": ("asinh", "acosh", "atanh"),  # no derivative of the in-place form
}
rows = pytest.mark.parametrize("row", TABLE.values(), ids=list(TABLE))
differentiable = pytest.mark.parametrize(
    "row", [r for r in TABLE.values() if r.grad], ids=[n for n, r in TABLE.items() if r.grad]
)


@pytest.fixture(autouse=True)
def _torch_itself(request: pytest.FixtureRequest) -> None:
    row = request.node.callspec.params.get("row") if hasattr(request.node, "callspec") else None
    if NAME == "torch" and row is not None and row.name in TORCH_LACKS.get(request.function.__name__, ()):
        pytest.skip("PyTorch itself fails this")


@cache
def golden(family: str) -> Reader:
    return Reader(Path(__file__).parent / "golden" / f"ops_{family}.npz")


def recorded(row: Op, what: str) -> Any:
    return golden(FAMILY[row.name]).get(f"{row.name}/{what}")


def refused(known: Any) -> bool:
    return isinstance(known, dict) and "raises" in known


class Failures:
    """Gathers what goes wrong over the samples of a row, to be told in one go."""

    def __init__(self) -> None:
        self.tried = 0
        self.said: list[str] = []

    @contextmanager
    def sample(self, what: str) -> Iterator[None]:
        self.tried += 1
        try:
            yield
        except Exception as problem:  # noqa: BLE001 - told below, with the sample it belongs to
            self.said.append(f"{what}: {type(problem).__name__}: {problem}")

    def tell(self) -> None:
        if not self.tried:
            pytest.skip("no sample has this property")
        if self.said:
            shown = "\n".join(self.said[:12])
            pytest.fail(f"{len(self.said)} of {self.tried} failed\n{shown}", pytrace=False)


def tolerance(row: Op, dtype: str, scale: float = 1.0) -> tuple[float, float]:
    rtol, atol = row.tol.get(dtype, TOLERANCE.get(dtype, (0.0, 0.0)))
    return rtol * scale, atol * scale


def same(got: Any, want: Any, row: Op, scale: float = 1.0) -> None:
    """A leaf of a result against the recorded one."""
    if not isinstance(want, Recorded):
        assert got == want["number"] or (got != got and want["number"] != want["number"]), (
            f"{got!r}, not {want['number']!r}"
        )
        return
    assert is_tensor(got), f"a {type(got).__name__}, not a tensor"
    assert dtype_name(got) == want.dtype, f"dtype {dtype_name(got)}, not {want.dtype}"
    close(numbers(got), want.array, tolerance(row, want.dtype, scale), row.signs and scale == 1.0)
    if want.strides is not None and 0 not in want.array.shape:
        assert list(got.stride()) == want.strides, f"strides {list(got.stride())}, not {want.strides}"


def close(got: np.ndarray[Any, Any], want: np.ndarray[Any, Any], tol: tuple[float, float], signs: bool = False) -> None:
    assert got.shape == want.shape, f"shape {got.shape}, not {want.shape}"
    with np.errstate(all="ignore"):
        fits = (got == want) | ((got != got) & (want != want))
        if tol != (0.0, 0.0):
            fits |= np.isclose(got.astype("float64"), want.astype("float64"), tol[0], tol[1], equal_nan=True)
        if signs and got.dtype.kind == "f":
            fits &= (got != 0) | (want != 0) | (np.signbit(got) == np.signbit(want))
    assert fits.all(), f"{got[~fits].flatten()[:4]}, not {want[~fits].flatten()[:4]} ({(~fits).sum()} of {fits.size})"


def compare(result: Any, known: list[Any], row: Op) -> None:
    leaves = flat(result)
    assert len(leaves) == len(known), f"{len(leaves)} results, not {len(known)}"
    for got, want in zip(leaves, known, strict=True):
        same(got, want, row)


def compare_gradients(
    got: list[Any], want: list[Any], row: Op, scale: float = 1.0, tol: tuple[float, float] | None = None
) -> None:
    """Recorded gradients; none and zeros are the same."""
    for mine, theirs in zip(got or [None] * len(want), want or [None] * len(got), strict=True):
        if theirs is None or mine is None:
            left = mine if theirs is None else theirs
            values = left.array if isinstance(left, Recorded) else 0 if left is None else numbers(left)
            assert np.all(np.abs(values) < 1e-14), (
                "a gradient is missing" if mine is None else "a gradient that should not be"
            )
        else:
            close(numbers(mine), theirs.array * scale, tol or tolerance(row, "float64", 10))


def each(row: Op) -> Iterator[tuple[int, S, str]]:
    for number, sample in enumerate(row.samples):
        for dtype in row.dtypes:
            if applies(sample, dtype):
                yield number, sample, dtype


def smooth(row: Op, least: int = 1) -> Iterator[tuple[int, S]]:
    """The samples a gradient was recorded for."""
    known = golden(FAMILY[row.name]).index
    what = "grad" if least == 1 else "second"
    return ((n, s) for n, s in enumerate(row.samples) if f"{row.name}/{n}/{what}" in known)


def first_tensor(sample: S) -> bool:
    return bool(sample.args) and isinstance(sample.args[0], X)


# Values -------------------------------------------------------------------------------------------------------------


@rows
def test_value(row: Op) -> None:
    """Value, dtype and shape (views: strides) in every dtype; what PyTorch refuses in a dtype raises its class."""
    failures = Failures()
    for number, sample, dtype in each(row):
        known = recorded(row, f"{number}/{dtype}")
        with failures.sample(f"sample {number} {dtype}"):
            if refused(known):
                raised = error(lambda: call(row, build(row, number, sample, dtype)))  # noqa: B023
                assert raised is not None, f"not refused: {known['raises']}: {known['text']}"
                assert raised[0] == known["raises"], (
                    f"{raised[0]} ({raised[1]}), not {known['raises']}: {known['text']}"
                )
            else:
                compare(call(row, build(row, number, sample, dtype)), known, row)
    failures.tell()


@rows
def test_inputs_are_left_alone(row: Op) -> None:
    """An op that is no in-place op changes neither values nor versions of what it is given."""
    failures = Failures()
    for number, sample in enumerate(row.samples):
        if "float32" not in row.dtypes or not applies(sample, "float32") or refused(recorded(row, f"{number}/float32")):
            continue
        if sample.kwargs.get("inplace") or "training" in sample.kwargs or row.name.endswith("batch_norm"):
            continue
        given = build(row, number, sample, "float32")
        before = [numbers(t) for t in flat(given.args) if is_tensor(t)]
        with failures.sample(f"sample {number}"):
            call(row, given)
            after = [t for t in flat(given.args) if is_tensor(t)]
            assert all(t._version == 0 for t in after if dtype_name(t) != "bfloat16"), "a version moved"
            for old, new in zip(before, after, strict=True):
                np.testing.assert_array_equal(old, numbers(new))
    failures.tell()


@rows
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(row: Op, layout: str) -> None:
    """Inputs that are not contiguous give the same values and gradients."""
    failures = Failures()
    make = LAYOUTS[layout]
    for dtype in ("float64", "int64", "bool"):
        for number, sample in enumerate(row.samples):
            if dtype not in row.dtypes or not applies(sample, dtype) or refused(recorded(row, f"{number}/{dtype}")):
                continue
            if row.view and row.name.split(".")[0] in ("view", "view_as", "reshape", "as_strided", "flatten", "ravel"):
                continue  # a view of another layout may rightly be refused or be a copy; test_views.py has these
            with failures.sample(f"sample {number} {dtype}"):
                known = recorded(row, f"{number}/{dtype}")
                for got, want in zip(flat(call(row, build(row, number, sample, dtype, make))), known, strict=True):
                    if isinstance(want, Recorded):
                        want.strides = None
                    same(got, want, row)
    for number, sample in smooth(row):
        if row.view and row.name.split(".")[0] in ("view", "view_as", "reshape", "as_strided"):
            continue
        with failures.sample(f"sample {number} gradient"):
            got = leaves_of(row, number, sample, make)
            compare_gradients(got, recorded(row, f"{number}/grad"), row)
    failures.tell()


def leaves_of(row: Op, number: int, sample: S, make: Make) -> list[Any]:
    """Gradients with respect to leaves that are themselves not contiguous."""
    return quiet(lambda: gradients(row, number, sample, "float64", lambda array, dtype: make(array, dtype).detach()))


# Gradients ----------------------------------------------------------------------------------------------------------


@differentiable
def test_gradient(row: Op) -> None:
    """The recorded gradients: in float64, and in float32 as far as float32 goes."""
    failures = Failures()
    for number, sample in smooth(row):
        known = recorded(row, f"{number}/grad")
        with failures.sample(f"sample {number} float64"):
            got = gradients(row, number, sample, "float64")
            assert all(g is None or dtype_name(g) == k.dtype for g, k in zip(got, known, strict=True) if k), (
                "gradient dtype"
            )
            compare_gradients(got, known, row)
        if "float32" in row.dtypes and applies(sample, "float32") and sample.args:
            low = any("float16" in str(part) for part in (row.name, sample.kwargs))
            with failures.sample(f"sample {number} float32"):
                got = gradients(row, number, sample, "float32")
                compare_gradients(got, known, row, tol=(2e-2, 2e-2) if low else (2e-4, 2e-4))
    failures.tell()


@differentiable
def test_used_twice(row: Op) -> None:
    """f(x) + f(x) has twice the gradient: the engine adds, no op overwrites."""
    if not row.twice:
        pytest.skip("a second call differs from the first")
    failures = Failures()
    for number, sample in smooth(row):
        with failures.sample(f"sample {number}"):
            got = gradients(row, number, sample, "float64", uses=2)
            compare_gradients(got, recorded(row, f"{number}/grad"), row, scale=2)
    failures.tell()


@differentiable
def test_second_order(row: Op) -> None:
    """The recorded gradients of gradients, with respect to the inputs and to the weights of the first."""
    failures = Failures()
    for number, sample in smooth(row, least=2):
        with failures.sample(f"sample {number}"):
            compare_gradients(second(row, number, sample), recorded(row, f"{number}/second"), row)
    failures.tell()


def slope_check(act: Callable[..., list[Any]], leaves: list[Any], row: Op, number: int, what: str) -> None:
    """<u, J v> two ways: by the tape, and by central differences along one direction."""
    ends = act(*leaves)
    ends = [e for e in ends if e is not None and e.requires_grad]
    if not ends:
        return
    ways = [cotangent(row, number, f"{what}v{k}", leaf) for k, leaf in enumerate(leaves)]
    weights = [cotangent(row, number, f"{what}u{k}", end) for k, end in enumerate(ends)]
    taped = T.autograd.grad(ends, leaves, weights, allow_unused=True)
    slope = sum(float((numbers(g) * numbers(v)).sum()) for g, v in zip(taped, ways, strict=True) if g is not None)
    eps = 1e-5

    def total(sign: float) -> float:
        moved = [
            tensor(numbers(leaf) + sign * eps * numbers(v), "float64").requires_grad_()
            for leaf, v in zip(leaves, ways, strict=True)
        ]
        ends = [e for e in act(*moved) if e is not None and e.requires_grad]
        return sum(float((numbers(e) * numbers(u)).sum()) for e, u in zip(ends, weights, strict=True))

    measured = (total(+1) - total(-1)) / (2 * eps)
    assert abs(slope - measured) <= 1e-5 * max(1.0, abs(measured)), f"{slope} by the tape, {measured} by differences"


def replayed(row: Op, number: int, sample: S) -> tuple[Callable[..., list[Any]], list[Any]]:
    """The sample as a function of its float64 leaves, and the leaves."""
    leaves = build(row, number, sample, "float64", grad=True).leaves

    def act(*given: Any) -> list[Any]:
        queue = list(given)

        def make(array: np.ndarray[Any, Any], dtype: str) -> Any:
            return tensor(array, dtype)

        built = build(row, number, sample, "float64", make, grad=True)
        swap = {id(old): new for old, new in zip(built.leaves, queue, strict=True)}

        def put(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return type(value)(put(v) for v in value)
            return swap.get(id(value), value)

        built.args = put(built.args)
        built.kwargs = {k: put(v) for k, v in built.kwargs.items()}
        return outputs(call(row, built))

    return act, leaves


def measurable(row: Op, number: int, sample: S) -> bool:
    """Finite differences need float64 all the way and a smooth place."""
    known = recorded(row, f"{number}/float64")
    text = f"{row.name} {sample.kwargs}"
    if (
        "float16" in text
        or "float32" in text
        or "ties" in text
        or any(isinstance(a, X) and a.values is not None for a in flat(sample.args))
    ):
        return False
    leaves = [k for k in known if isinstance(k, Recorded)]
    if not all(np.isfinite(k.array).all() for k in leaves):
        return False
    return all(
        a.dtype in (None, "float64") or a.dtype not in FLOATS for a in flat(sample.args) if isinstance(a, X)
    ) and all(k.dtype not in ("float32", "float16") for k in leaves)


@differentiable
def test_slope(row: Op) -> None:
    """The gradient is what finite differences measure, along one direction for every sample."""
    failures = Failures()
    for number, sample in smooth(row):
        if measurable(row, number, sample):
            act, leaves = replayed(row, number, sample)
            with failures.sample(f"sample {number}"):
                slope_check(act, leaves, row, number, "first")
    failures.tell()


@differentiable
def test_second_slope(row: Op) -> None:
    """The gradient of the gradient is what finite differences of the gradient measure."""
    failures = Failures()
    for number, sample in smooth(row, least=2):
        if not measurable(row, number, sample):
            continue
        act, leaves = replayed(row, number, sample)

        def slope(*given: Any, act: Any = act, count: int = len(leaves), number: int = number) -> list[Any]:
            ends = act(*given[:count])
            return list(T.autograd.grad(ends, given[:count], given[count:], create_graph=True, allow_unused=True))

        with failures.sample(f"sample {number}"):
            weights = [cotangent(row, number, f"u{k}", end).requires_grad_() for k, end in enumerate(act(*leaves))]
            if weights:
                slope_check(slope, [*leaves, *weights], row, number, "second")
    failures.tell()


@differentiable
def test_gradcheck(row: Op) -> None:
    """The library's own `gradcheck` and `gradgradcheck` agree, on the row's smallest smooth sample."""
    tried = sorted(
        (
            (sum(leaf.numel() for leaf in replayed(row, n, s)[1]), n)
            for n, s in smooth(row, row.grad)
            if measurable(row, n, s)
        )
    )
    tried = [
        (size, n)
        for size, n in tried
        if 1 < size <= 60 and all(leaf.numel() for leaf in replayed(row, n, row.samples[n])[1])
    ]
    if not tried:
        pytest.skip("no small smooth sample")
    number = tried[0][1]
    act, leaves = replayed(row, number, row.samples[number])
    assert quiet(lambda: T.autograd.gradcheck(lambda *given: tuple(act(*given)), leaves))
    if row.grad > 1:
        assert quiet(lambda: T.autograd.gradgradcheck(lambda *given: tuple(act(*given)), leaves))


# Forms --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [r for r in TABLE.values() if r.method and r.fn is not None], ids=lambda r: r.name)
def test_method(row: Op) -> None:
    """`x.op(...)` is `T.op(x, ...)`."""
    failures = Failures()
    assert row.method
    for number, sample, dtype in each(row):
        known = recorded(row, f"{number}/{dtype}")
        if dtype not in ("float32", "int64") or refused(known) or not first_tensor(sample):
            continue
        with failures.sample(f"sample {number} {dtype}"):
            first, *rest = (given := build(row, number, sample, dtype)).args
            compare(quiet(lambda: getattr(first, row.method)(*rest, **given.kwargs)), known, row)  # noqa: B023
    failures.tell()


@pytest.mark.parametrize("row", [r for r in TABLE.values() if r.inplace], ids=lambda r: r.name)
def test_in_place(row: Op) -> None:
    """`x.op_(...)` returns x itself, in the same memory, with the op's values and a version that moved; its gradient
    is the op's."""
    failures = Failures()
    assert row.inplace
    for number, sample, dtype in each(row):
        known = recorded(row, f"{number}/{dtype}")
        if refused(known) or not first_tensor(sample) or not isinstance(known[0], Recorded):
            continue
        given = build(row, number, sample, dtype)
        first, *rest = given.args
        want = known[0]
        if want.array.shape != tuple(first.shape) or (want.dtype != dtype and want.dtype != "bool"):
            continue
        if want.dtype != dtype:
            want = Recorded(dtype, want.array.astype("float32" if dtype == "bfloat16" else dtype), None)
        want.strides = None
        with failures.sample(f"sample {number} {dtype}"):
            version, place = first._version, first.data_ptr()
            result = getattr(first, row.inplace)(*rest, **given.kwargs)
            assert result is first, "another object came back"
            assert first._version > version or first.numel() == 0, "the version did not move"
            assert first.data_ptr() == place, "the memory moved"
            same(first, want, row)
    for number, sample in smooth(row):
        known = recorded(row, f"{number}/float64")[0]
        if first_tensor(sample) and known.dtype == "float64" and known.array.shape == sample.args[0].shape:
            with failures.sample(f"sample {number} gradient"):
                given = build(row, number, sample, "float64", grad=True)
                first, *rest = given.args
                written = getattr(first.clone(), row.inplace)(*rest, **given.kwargs)
                weight = cotangent(row, number, "u0", written)
                compare_gradients(
                    list(T.autograd.grad([written], given.leaves, [weight], allow_unused=True)),
                    recorded(row, f"{number}/grad"),
                    row,
                )
    failures.tell()


@pytest.mark.parametrize("row", [r for r in TABLE.values() if r.out], ids=lambda r: r.name)
def test_out(row: Op) -> None:
    """`out=` receives the values and is what comes back, be it of the right size already or empty."""
    failures = Failures()
    for number, sample in enumerate(row.samples):
        dtype = "float32" if "float32" in row.dtypes else row.dtypes[0]
        if (
            not (sample.out and applies(sample, dtype))
            or refused(known := recorded(row, f"{number}/{dtype}"))
            or len(known) != 1
        ):
            continue
        for shape in (known[0].array.shape, (0,)):
            with failures.sample(f"sample {number} out of shape {shape}"):
                given = build(row, number, sample, dtype)
                target = T.empty(shape, dtype=getattr(T, known[0].dtype))
                result = quiet(lambda: row.call()(*given.args, **given.kwargs, out=target))  # noqa: B023
                assert result is target, "another object came back"
                same(target, known[0], row)
    failures.tell()


# Refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [r for r in TABLE.values() if r.errors], ids=lambda r: r.name)
def test_refusals(row: Op) -> None:
    """What PyTorch refuses raises PyTorch's class, in PyTorch's words."""
    failures = Failures()
    for number, case in enumerate(row.errors):
        known = recorded(row, f"e{number}")
        with failures.sample(f"error call {number}"):
            built = build(row, f"e{number}", case.sample, case.dtype)
            raised = error(lambda: call(row, built))  # noqa: B023
            want = said(known["text"] if case.match is None else case.match)
            assert raised is not None, f"not refused: {known['raises']}: {known['text']}"
            assert raised[0] == known["raises"], f"{raised[0]} ({raised[1]}), not {known['raises']}: {known['text']}"
            assert want in raised[1], f"says {raised[1]!r}, not {want!r}"
    failures.tell()
