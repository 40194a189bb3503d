"""The partial inverse of max pooling: values go back to the places they were found at, the rest is 0.

A place counts the elements of one channel, row by row, as the `return_indices` of a max pool do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def _each(given: Any, axes: int) -> tuple[int, ...]:
    """A number for each axis."""
    return tuple(given) if isinstance(given, Sequence) else (given,) * axes


def _output_size(
    input: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], asked: Sequence[int] | None
) -> list[int]:
    """The size before the pool. Several sizes pool to one; `asked` chooses, within a stride of the usual one."""
    axes = len(kernel)
    sizes = input.size()[input.dim() - axes :] if input.dim() >= axes else input.size()
    usual = [(sizes[i] - 1) * stride[i] + kernel[i] - 2 * padding[i] for i in range(axes)]
    if asked is None:
        for i, size in enumerate(usual):
            if size < 0:
                raise ValueError(
                    "max_unpooling: output_size must contain non-negative spatial dimensions, "
                    f"but got output_size[{i}]={size}"
                )
        return usual
    if len(asked) == axes + 2:
        asked = asked[2:]
    if len(asked) != axes:
        raise ValueError(
            f"output_size should be a sequence containing {axes} or {axes + 2} elements, "
            f"but it has a length of '{len(asked)}'"
        )
    for i, size in enumerate(asked):
        low, high = usual[i] - stride[i], usual[i] + stride[i]
        if not low < size < high:
            raise ValueError(f'invalid output_size "{asked}" (dim {i} must be between {low} and {high})')
    return list(asked)


def _prepared(
    input: Tensor, axes: int, kernel_size: Any, stride: Any, padding: Any, output_size: Sequence[int] | None
) -> tuple[list[int], tuple[int, ...], tuple[int, ...]]:
    kernel, padding = _each(kernel_size, axes), _each(padding, axes)
    stride = kernel if stride is None else _each(stride, axes)
    return _output_size(input, kernel, stride, padding, output_size), stride, padding


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: int | tuple[int],
    stride: int | tuple[int] | None = None,
    padding: int | tuple[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put the values of `max_pool1d` back at `indices`, its places; 0 elsewhere. x: (N, C, L) or (C, L).

    The length is `(L - 1) stride - 2 padding + kernel_size` or `output_size`, which differs from it by less than
    `stride`. Raises ValueError for another size, RuntimeError for a place outside the result.
    """
    size, _, _ = _prepared(input, 1, kernel_size, stride, padding, output_size)
    return _C.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [*size, 1]).squeeze(-1)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """As `max_unpool1d` for (N, C, H, W) or (C, H, W)."""
    size, _, _ = _prepared(input, 2, kernel_size, stride, padding, output_size)
    return _C.max_unpool2d(input, indices, size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: int | tuple[int, int, int],
    stride: int | tuple[int, int, int] | None = None,
    padding: int | tuple[int, int, int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """As `max_unpool1d` for (N, C, D, H, W) or (C, D, H, W)."""
    size, step, margin = _prepared(input, 3, kernel_size, stride, padding, output_size)
    return _C.max_unpool3d(input, indices, size, step, margin)
