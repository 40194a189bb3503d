"""Pooling over two dimensions. Inputs are (N, C, H, W) or (C, H, W)."""

from __future__ import annotations

from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor

Pair = int | tuple[int, int]

avg_pool2d = _C.avg_pool2d


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """The greatest value of each window, and where it stands in its plane (counted row by row)."""
    return _C.max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The greatest value of each window; with `return_indices` also where it stands.

    `stride` is `kernel_size` by default. With `ceil_mode` a last window may stick out.
    """
    if return_indices:
        return _C.max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return _C.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows that are chosen so that the result is `output_size` high and wide; None keeps a size."""
    if not isinstance(output_size, int):
        sizes = input.size()
        if len(sizes) <= len(output_size):
            raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
        output_size = tuple(
            size if size is not None else own for size, own in zip(output_size, sizes[-len(output_size) :], strict=True)
        )
    return _C.adaptive_avg_pool2d(input, output_size)
