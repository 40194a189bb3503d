"""Margins around rows (C, L), images (C, H, W) and volumes (C, D, H, W), each with a batch dimension or without.

`padding` is one number for all sides, or a pair (before, after) for each dimension, the last dimension first.
"""

from __future__ import annotations

from typing import Any

from tensorrs._C import Tensor
from tensorrs.nn import functional as F
from tensorrs.nn._names import ntuple

from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

One = int | tuple[int, int]
Two = int | tuple[int, int, int, int]
Three = int | tuple[int, int, int, int, int, int]


class _Pad(Module):
    """Keeps the margins; `_mode` says what is in them."""

    _mode = "constant"
    padding: tuple[int, ...]

    def __init__(self, padding: Any, dims: int) -> None:
        super().__init__()
        self.padding = ntuple(padding, 2 * dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    """A margin of one number."""

    def __init__(self, padding: Any, dims: int, value: float) -> None:
        super().__init__(padding, dims)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ReflectionPadNd(_Pad):
    """The mirrored tensor, whose border is not repeated."""

    _mode = "reflect"


class _ReplicationPadNd(_Pad):
    """The border, repeated."""

    _mode = "replicate"


class _CircularPadNd(_Pad):
    """The other side, as if the tensor were a ring."""

    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        dims = len(self.padding) // 2
        if input.ndim not in (dims + 1, dims + 2):
            raise ValueError(f"expected {dims + 1}D or {dims + 2}D input (got {input.ndim}D input)")
        return super().forward(input)


class ConstantPad1d(_ConstantPadNd):
    """A margin of `value` around the last dimension.

    `padding` is a number or `(left, right)`.
    """

    def __init__(self, padding: One, value: float) -> None:
        super().__init__(padding, 1, value)


class ConstantPad2d(_ConstantPadNd):
    """A margin of `value` around the two last dimensions.

    `padding` is a number or `(left, right, top, bottom)`.
    """

    def __init__(self, padding: Two, value: float) -> None:
        super().__init__(padding, 2, value)


class ConstantPad3d(_ConstantPadNd):
    """A margin of `value` around the three last dimensions.

    `padding` is a number or `(left, right, top, bottom, front, back)`.
    """

    def __init__(self, padding: Three, value: float) -> None:
        super().__init__(padding, 3, value)


class ZeroPad1d(ConstantPad1d):
    """A margin of zeros around the last dimension.

    `padding` is a number or `(left, right)`.
    """

    def __init__(self, padding: One) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """A margin of zeros around the two last dimensions.

    `padding` is a number or `(left, right, top, bottom)`.
    """

    def __init__(self, padding: Two) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """A margin of zeros around the three last dimensions.

    `padding` is a number or `(left, right, top, bottom, front, back)`.
    """

    def __init__(self, padding: Three) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad1d(_ReflectionPadNd):
    """A margin with the mirrored tensor: (N, C, L) or (C, L).

    `padding` is a number or `(left, right)`.
    """

    def __init__(self, padding: One) -> None:
        super().__init__(padding, 1)


class ReflectionPad2d(_ReflectionPadNd):
    """A margin with the mirrored tensor: (N, C, H, W) or (C, H, W).

    `padding` is a number or `(left, right, top, bottom)`.
    """

    def __init__(self, padding: Two) -> None:
        super().__init__(padding, 2)


class ReflectionPad3d(_ReflectionPadNd):
    """A margin with the mirrored tensor: (N, C, D, H, W) or (C, D, H, W).

    `padding` is a number or `(left, right, top, bottom, front, back)`.
    """

    def __init__(self, padding: Three) -> None:
        super().__init__(padding, 3)


class ReplicationPad1d(_ReplicationPadNd):
    """A margin with the border repeated: (N, C, L) or (C, L).

    `padding` is a number or `(left, right)`.
    """

    def __init__(self, padding: One) -> None:
        super().__init__(padding, 1)


class ReplicationPad2d(_ReplicationPadNd):
    """A margin with the border repeated: (N, C, H, W) or (C, H, W).

    `padding` is a number or `(left, right, top, bottom)`.
    """

    def __init__(self, padding: Two) -> None:
        super().__init__(padding, 2)


class ReplicationPad3d(_ReplicationPadNd):
    """A margin with the border repeated: (N, C, D, H, W) or (C, D, H, W).

    `padding` is a number or `(left, right, top, bottom, front, back)`.
    """

    def __init__(self, padding: Three) -> None:
        super().__init__(padding, 3)


class CircularPad1d(_CircularPadNd):
    """A margin with the opposite side: (N, C, L) or (C, L).

    `padding` is a number or `(left, right)`.
    """

    def __init__(self, padding: One) -> None:
        super().__init__(padding, 1)


class CircularPad2d(_CircularPadNd):
    """A margin with the opposite side: (N, C, H, W) or (C, H, W).

    `padding` is a number or `(left, right, top, bottom)`.
    """

    def __init__(self, padding: Two) -> None:
        super().__init__(padding, 2)


class CircularPad3d(_CircularPadNd):
    """A margin with the opposite side: (N, C, D, H, W) or (C, D, H, W).

    `padding` is a number or `(left, right, top, bottom, front, back)`.
    """

    def __init__(self, padding: Three) -> None:
        super().__init__(padding, 3)
