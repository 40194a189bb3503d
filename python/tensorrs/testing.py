"""`assert_close`: are two tensors, numbers, or collections of them equal up to a tolerance?

Two numbers are close if `|actual - expected| <= atol + rtol * |expected|`. Without tolerances given, they follow from
the dtype; those of two dtypes are the larger ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorrs
from tensorrs._C import Tensor

__all__ = ["assert_close"]

# (rtol, atol) by dtype; integers and bool must be equal.
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}


class _Mismatch(Exception):
    """What differs, and where in the collections."""

    def __init__(self, text: str, kind: type[Exception] = AssertionError) -> None:
        super().__init__(text)
        self.kind = kind
        self.place: tuple[Any, ...] = ()


class _Comparison:
    """The choices of one call."""

    def __init__(self, rtol: float | None, atol: float | None, **options: bool) -> None:
        self.rtol, self.atol = rtol, atol
        self.equal_nan = options["equal_nan"]
        self.allow_subclasses = options["allow_subclasses"]
        self.check = {name: options[f"check_{name}"] for name in ("device", "dtype", "layout", "stride")}

    def compare(self, actual: Any, expected: Any) -> None:
        if isinstance(actual, Sequence) and isinstance(expected, Sequence) and not _is_text(actual, expected):
            self.compare_sequences(actual, expected)
        elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
            self.compare_mappings(actual, expected)
        else:
            self.compare_pair(actual, expected)

    def compare_sequences(self, actual: Sequence[Any], expected: Sequence[Any]) -> None:
        if len(actual) != len(expected):
            raise _Mismatch(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}")
        for i in range(len(actual)):
            self.compare_part(i, actual[i], expected[i])

    def compare_mappings(self, actual: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
        missing, additional = expected.keys() - actual.keys(), actual.keys() - expected.keys()
        if missing or additional:
            raise _Mismatch(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(missing)}\n"
                f"Additional keys in the actual mapping: {sorted(additional)}"
            )
        for key in actual:
            self.compare_part(key, actual[key], expected[key])

    def compare_part(self, place: Any, actual: Any, expected: Any) -> None:
        try:
            self.compare(actual, expected)
        except _Mismatch as mismatch:
            mismatch.place = (place, *mismatch.place)
            raise

    def compare_pair(self, actual: Any, expected: Any) -> None:
        pair = (actual, expected)
        if actual is None or expected is None:
            if actual is not expected:
                raise _Mismatch(f"None mismatch: {actual} is not {expected}")
        elif all(isinstance(x, bool) or _is_numpy(x, "bool_", "bool") for x in pair):
            if bool(actual) is not bool(expected):
                raise _Mismatch(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}")
        elif all(isinstance(x, int | float) or _is_numpy(x, "number") for x in pair):
            self.compare_numbers(actual, expected)
        elif self.are_tensors(actual, expected):
            self.compare_tensors(tensorrs.as_tensor(actual).detach(), tensorrs.as_tensor(expected).detach())
        else:
            raise _Mismatch(
                f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.", TypeError
            )

    def are_tensors(self, actual: Any, expected: Any) -> bool:
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        if not related or (not self.allow_subclasses and type(actual) is not type(expected)):
            return False
        return isinstance(actual, Tensor) or _is_numpy(actual, "ndarray")

    def tolerances(self, *dtypes: str) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        defaults = [_TOLERANCES.get(d, (0.0, 0.0)) for d in dtypes]
        return max(r for r, _ in defaults), max(a for _, a in defaults)

    def compare_numbers(self, actual: Any, expected: Any) -> None:
        if self.check["dtype"] and type(actual) is not type(expected):
            raise _Mismatch(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
        dtypes = ["int64" if isinstance(x, int) else "float64" for x in (actual, expected)]
        rtol, atol = self.tolerances(*dtypes)
        difference = abs(actual - expected)
        nan = actual != actual and expected != expected
        if actual == expected or (self.equal_nan and nan):
            return
        if difference <= atol + rtol * abs(expected) and difference != float("inf"):
            return
        relative = difference / abs(expected) if expected != 0 else float("inf")
        raise _Mismatch(_scalar_text(actual, expected, difference, relative, rtol, atol))

    def compare_tensors(self, actual: Tensor, expected: Tensor) -> None:
        self.compare_attribute("shape", actual.shape, expected.shape)
        if self.check["layout"]:
            self.compare_attribute("layout", actual.layout, expected.layout)
        if self.check["device"]:
            self.compare_attribute("device", actual.device, expected.device)
        if self.check["dtype"]:
            self.compare_attribute("dtype", actual.dtype, expected.dtype)
        if self.check["stride"]:
            self.compare_attribute("stride()", actual.stride(), expected.stride())
        names = [str(x.dtype).rpartition(".")[2] for x in (actual, expected)]
        rtol, atol = self.tolerances(*names)
        common = tensorrs.promote_types(actual.dtype, expected.dtype)
        if not common.is_floating_point:
            common = tensorrs.int64
        a, b = actual.to(common), expected.to(common)
        close = tensorrs.isclose(a, b, rtol=rtol, atol=atol, equal_nan=self.equal_nan)
        if not bool(close.all()):
            raise _Mismatch(_tensor_text(a, b, close, rtol, atol))

    def compare_attribute(self, name: str, actual: Any, expected: Any) -> None:
        if actual != expected:
            raise _Mismatch(f"The values for attribute '{name}' do not match: {actual} != {expected}.")


def _is_text(*values: Any) -> bool:
    return any(isinstance(v, str | bytes) for v in values)


def _is_numpy(x: Any, *names: str) -> bool:
    """Whether `x` is an instance of one of NumPy's classes, asked without importing NumPy."""
    return any(c.__module__ == "numpy" and c.__name__ in names for c in type(x).__mro__)


def _verdict(what: str, rtol: float, atol: float) -> str:
    return f"{what} are not {'equal' if rtol == atol == 0 else 'close'}!\n\n"


def _difference_text(kind: str, value: Any, limit: float, exact: bool, index: tuple[int, ...] | None = None) -> str:
    at = "" if index is None else f" at index {index}"
    allowed = "" if exact else f" (up to {limit} allowed)"
    return f"{kind} difference: {value}{at}{allowed}"


def _scalar_text(actual: Any, expected: Any, absolute: Any, relative: Any, rtol: float, atol: float) -> str:
    exact = rtol == atol == 0
    lines = [
        f"Expected {expected} but got {actual}.",
        _difference_text("Absolute", absolute, atol, exact),
        _difference_text("Relative", relative, rtol, exact),
    ]
    return _verdict("Scalars", rtol, atol) + "\n".join(lines)


def _tensor_text(actual: Tensor, expected: Tensor, close: Tensor, rtol: float, atol: float) -> str:
    difference = (actual - expected).abs()
    relative = difference / expected.abs()
    if actual.dim() == 0:
        return _scalar_text(actual.item(), expected.item(), difference.item(), relative.item(), rtol, atol)
    total, wrong = close.numel(), int((~close).sum().item())
    exact = rtol == atol == 0
    lines = [f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})"]
    for kind, values, limit in (("Greatest absolute", difference, atol), ("Greatest relative", relative, rtol)):
        # Close elements do not count, however large their difference: infinities may be equal.
        flat = values.masked_fill(close, 0).flatten()
        place = int(flat.argmax().item())
        index = []
        for n in reversed(actual.shape):
            index.append(place % n)
            place //= n
        at = tuple(reversed(index))
        lines.append(_difference_text(kind, values[at].item(), limit, exact, at))
    return _verdict("Tensor-likes", rtol, atol) + "\n".join(lines)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise an `AssertionError` that says what differs, unless `actual` and `expected` are close.

    Both are tensors, NumPy arrays, numbers, None, or sequences and mappings of them with the same structure.

    Args:
        allow_subclasses: a tensor and one of a subclass may be compared.
        rtol, atol: the tolerances, both or none; by default those of the dtypes.
        equal_nan: two NaN are equal.
        check_device, check_dtype, check_layout, check_stride: whether these must agree too.
        msg: the text of the error, or a function that makes it from the usual one.
    """
    if (rtol is None) != (atol is None):
        given = "atol" if rtol is not None else "rtol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {given}.")
    comparison = _Comparison(
        rtol,
        atol,
        equal_nan=equal_nan,
        allow_subclasses=allow_subclasses,
        check_device=check_device,
        check_dtype=check_dtype,
        check_layout=check_layout,
        check_stride=check_stride,
    )
    try:
        comparison.compare(actual, expected)
        return
    except _Mismatch as found:
        text, kind = str(found), found.kind
        if found.place:
            text += f"\n\nThe failure occurred for item {''.join(f'[{p!r}]' for p in found.place)}"
    if msg is not None:
        text = msg(text) if callable(msg) else msg
    raise kind(text)
