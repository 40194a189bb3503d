"""`finfo` and `iinfo`: the limits of the dtypes."""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import dtype

__all__ = ["finfo", "iinfo"]

# dtype: mantissa bits (without the leading one), least exponent, greatest exponent, decimal digits to rely on.
_FLOATS = {
    _C.float16: (10, -14, 15, 3),
    _C.bfloat16: (7, -126, 127, 2),
    _C.float32: (23, -126, 127, 6),
    _C.float64: (52, -1022, 1023, 15),
}


class _Info:
    """What both kinds have in common: they are equal where their dtypes are."""

    _of: dtype

    @property
    def bits(self) -> int:
        """The number of bits of a number."""
        return self._of.itemsize * 8

    @property
    def dtype(self) -> str:
        """The name of the dtype."""
        return str(self._of).removeprefix("tensorrs.")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._of == self._of

    def __hash__(self) -> int:
        return hash(self._of)


def _checked(kind: str, of: object) -> dtype:
    if not isinstance(of, dtype):
        raise TypeError(f"{kind}(): argument 'type' (position 1) must be tensorrs.dtype, not {type(of).__name__}")
    return of


class finfo(_Info):
    """Limits of a float dtype, the default dtype unless one is named.

    Attributes: `bits`, `dtype`, `min`, `max`, `eps` (1 + eps is the number after 1), `smallest_normal`, `tiny` (the
    same) and `resolution` (10 to the power of minus the digits one can rely on).
    """

    def __init__(self, type: dtype | None = None) -> None:
        self._of = _C.get_default_dtype() if type is None else _checked("finfo", type)
        if self._of not in _FLOATS:
            raise TypeError(
                "tensorrs.finfo() requires a floating point input type. Use tensorrs.iinfo to handle 'tensorrs.finfo'"
            )
        bits, low, high, digits = _FLOATS[self._of]
        self.eps = 2.0**-bits
        self.max = (2.0 - self.eps) * 2.0**high
        self.min = -self.max
        self.smallest_normal = self.tiny = 2.0**low
        self.resolution = float(f"1e-{digits}")

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in names)}, dtype={self.dtype})"


class iinfo(_Info):
    """Limits of an integer dtype: `bits`, `dtype`, `min`, `max`."""

    def __init__(self, type: dtype) -> None:
        self._of = _checked("iinfo", type)
        if self._of.is_floating_point:
            raise TypeError(
                "tensorrs.iinfo() requires an integer input type. Use tensorrs.finfo to handle 'tensorrs.iinfo'"
            )
        if self._of == _C.bool:
            raise TypeError("tensorrs.bool is not supported by tensorrs.iinfo")
        self.min = -(1 << self.bits - 1) if self._of.is_signed else 0
        self.max = (1 << self.bits - self._of.is_signed) - 1

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


finfo.__module__ = iinfo.__module__ = "tensorrs"
