"""Pooling over one to three dimensions: windows (`MaxPool`, `AvgPool`, `LPPool`) and parts (`AdaptiveAvgPool`,
`AdaptiveMaxPool`).

x: (N, C, L), (N, C, H, W) or (N, C, D, H, W), each also without N.
"""

from __future__ import annotations

from typing import Any

from tensorrs._C import Tensor
from tensorrs.nn import functional as F

from .module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

One = int | tuple[int]
Pair = int | tuple[int, int]
Triple = int | tuple[int, int, int]
# For each dimension a size, or None for the input's own.
Sizes = int | tuple[int | None, ...] | None


class _MaxPoolNd(Module):
    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _arguments(self) -> tuple[Any, ...]:
        return (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The greatest value of each window of (N, C, L) or (C, L). `stride` is `kernel_size` by default.

    `L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`, rounded up with `ceil_mode`.
    With `return_indices` the result is a pair with the place of each value, which `MaxUnpool1d` takes.
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool1d(input, *self._arguments())


class MaxPool2d(_MaxPoolNd):
    """The greatest value of each window of (N, C, H, W) or (C, H, W). `stride` is `kernel_size` by default.

    `H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`, rounded up with `ceil_mode`.
    With `return_indices` the result is a pair with the place of each value in its plane.
    """

    def forward(self, input: Tensor) -> Any:
        return F.max_pool2d(input, *self._arguments())


class MaxPool3d(_MaxPoolNd):
    """As `MaxPool2d` for (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Any:
        return F.max_pool3d(input, *self._arguments())


class _AvgPoolNd(Module):
    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _single(given: One) -> tuple[int, ...]:
    return tuple(given) if isinstance(given, tuple | list) else (given,)


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of (N, C, L) or (C, L). `stride` is `kernel_size` by default.

    `L_out = floor((L + 2 padding - kernel_size) / stride) + 1`, rounded up with `ceil_mode`. The zeros of the padding
    count as elements unless `count_include_pad` is False.
    """

    def __init__(
        self,
        kernel_size: One,
        stride: One | None = None,
        padding: One = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(stride if stride is not None else kernel_size)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of (N, C, H, W) or (C, H, W). `stride` is `kernel_size` by default.

    `H_out = floor((H + 2 padding - kernel_size) / stride) + 1`, rounded up with `ceil_mode`. The zeros of the
    padding count as elements unless `count_include_pad` is False; `divisor_override` replaces the number of elements.
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool3d(_AvgPoolNd):
    """As `AvgPool2d` for (N, C, D, H, W) or (C, D, H, W)."""

    def __init__(
        self,
        kernel_size: Triple,
        stride: Triple | None = None,
        padding: Triple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class _LPPoolNd(Module):
    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        if norm_type == 0:
            raise ValueError(f"norm_type must be a non-zero value, but got {norm_type}")
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """`(sum of x^p)^(1 / p)` of each window of (N, C, L) or (C, L), where p is `norm_type`; infinity takes the maximum.

    Sizes as in `AvgPool1d` without padding. Raises ValueError if `norm_type` is 0.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPoolNd):
    """As `LPPool1d` for (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPoolNd):
    """As `LPPool1d` for (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class _AdaptiveAvgPoolNd(Module):
    def __init__(self, output_size: Sizes) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means over `output_size` parts of (N, C, L) or (C, L).

    Part `i` of `n` is `floor(i L / n) .. ceil((i + 1) L / n)`.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)  # type: ignore[arg-type]


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means over parts chosen so that the result has the size `output_size`; None keeps the input's.

    x: (N, C, H, W) or (C, H, W); the parts along each dimension are those of `AdaptiveAvgPool1d`.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """As `AdaptiveAvgPool2d` for (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPoolNd(Module):
    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The greatest value of each of `output_size` parts of (N, C, L) or (C, L), chosen as in `AdaptiveAvgPool1d`.

    With `return_indices` the result is a pair with the place of each value.
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """As `AdaptiveMaxPool1d` for (N, C, H, W) or (C, H, W); None in `output_size` keeps the input's size."""

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """As `AdaptiveMaxPool1d` for (N, C, D, H, W) or (C, D, H, W); None in `output_size` keeps the input's size."""

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)
