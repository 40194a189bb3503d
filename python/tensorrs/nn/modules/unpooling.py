"""Max pooling over windows at random places (`FractionalMaxPool`), and the way back from a max pool (`MaxUnpool`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorrs._C import Tensor
from tensorrs.nn import functional as F

from .module import Module

__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]


def _each(given: Any, axes: int) -> tuple[Any, ...]:
    """A number for each axis."""
    return tuple(given) if isinstance(given, Sequence) else (given,) * axes


class _FractionalMaxPoolNd(Module):
    _axes: int

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        axes, name = self._axes, type(self).__name__
        self.kernel_size = _each(kernel_size, axes)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = _each(output_size, axes) if output_size is not None else None
        self.output_ratio = _each(output_ratio, axes) if output_ratio is not None else None
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def _arguments(self) -> tuple[Any, ...]:
        return (self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The greatest value of windows that begin at random places (Graham 2014, arXiv:1412.6071).

    x: (N, C, H, W) or (C, H, W). The result has the size `output_size`, or `output_ratio`, between 0 and 1, of the
    input's. With `return_indices` it is a pair with the place of each value. Raises ValueError unless one of the two is
    given.
    """

    _axes = 2

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool2d(input, *self._arguments())


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """As `FractionalMaxPool2d` for (N, C, D, H, W) or (C, D, H, W)."""

    _axes = 3

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool3d(input, *self._arguments())


class _MaxUnpoolNd(Module):
    _axes: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = _each(kernel_size, self._axes)
        self.stride = _each(stride if stride is not None else kernel_size, self._axes)
        self.padding = _each(padding, self._axes)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """The partial inverse of `MaxPool1d`: values go back to their places, the rest is 0. x: (N, C, L) or (C, L).

    Called on the result of a `MaxPool1d` with `return_indices` and the places it returned. Several lengths pool to one:
    `L_out = (L - 1) stride - 2 padding + kernel_size`, unless `output_size` asks for one that differs by less than
    `stride`; ValueError for others.
    """

    _axes = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpoolNd):
    """As `MaxUnpool1d` for (N, C, H, W) or (C, H, W)."""

    _axes = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpoolNd):
    """As `MaxUnpool1d` for (N, C, D, H, W) or (C, D, H, W)."""

    _axes = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)
