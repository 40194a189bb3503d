"""Pooling over one to three dimensions of (N, C, ...) or (C, ...): windows, parts, random windows, and the way back.

A function that returns places has a twin `..._with_indices`, which returns them always. A place counts the elements of
one channel, row by row.
"""

from __future__ import annotations

from typing import Any, Literal, overload

from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.nn.functional.unpooling import max_unpool1d, max_unpool2d, max_unpool3d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

One = int | tuple[int]
Pair = int | tuple[int, int]
Triple = int | tuple[int, int, int]
# What a pool with `return_indices` returns depends on its value.
Pooled = Any

avg_pool1d = _C.avg_pool1d
avg_pool2d = _C.avg_pool2d
avg_pool3d = _C.avg_pool3d
adaptive_avg_pool1d = _C.adaptive_avg_pool1d


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: One,
    stride: One | None = None,
    padding: One = 0,
    dilation: One = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool1d` and where each value stands in its row."""
    return _C.max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


@overload
def max_pool1d(
    input: Tensor,
    kernel_size: One,
    stride: One | None = None,
    padding: One = 0,
    dilation: One = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...


@overload
def max_pool1d(
    input: Tensor,
    kernel_size: One,
    stride: One | None = None,
    padding: One = 0,
    dilation: One = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def max_pool1d(
    input: Tensor,
    kernel_size: One,
    stride: One | None = None,
    padding: One = 0,
    dilation: One = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The greatest value of each window of (N, C, L) or (C, L); with `return_indices` also where it stands.

    `L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`. `stride` is `kernel_size` by
    default; with `ceil_mode` a last window may stick out. Raises RuntimeError if no window fits.
    """
    if return_indices:
        return _C.max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return _C.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d` and where each value stands in its plane."""
    return _C.max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


@overload
def max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...


@overload
def max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The greatest value of each window of (N, C, H, W) or (C, H, W); sizes and errors as in `max_pool1d`."""
    if return_indices:
        return _C.max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return _C.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Triple,
    stride: Triple | None = None,
    padding: Triple = 0,
    dilation: Triple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool3d` and where each value stands in its volume."""
    return _C.max_pool3d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


@overload
def max_pool3d(
    input: Tensor,
    kernel_size: Triple,
    stride: Triple | None = None,
    padding: Triple = 0,
    dilation: Triple = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...


@overload
def max_pool3d(
    input: Tensor,
    kernel_size: Triple,
    stride: Triple | None = None,
    padding: Triple = 0,
    dilation: Triple = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def max_pool3d(
    input: Tensor,
    kernel_size: Triple,
    stride: Triple | None = None,
    padding: Triple = 0,
    dilation: Triple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The greatest value of each window of (N, C, D, H, W) or (C, D, H, W); sizes and errors as in `max_pool1d`."""
    if return_indices:
        return _C.max_pool3d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)
    return _C.max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode)


def _sizes(input: Tensor, output_size: Any) -> Any:
    """`output_size` with the input's own size where it says None."""
    if isinstance(output_size, int):
        return output_size
    sizes = input.size()
    if len(sizes) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    return [
        size if size is not None else own for size, own in zip(output_size, sizes[-len(output_size) :], strict=False)
    ]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows that are chosen so that the result is `output_size` high and wide; None keeps a size.

    Window `i` of `n` over a length `L` is `floor(i L / n) .. ceil((i + 1) L / n)`. x: (N, C, H, W) or (C, H, W).
    """
    return _C.adaptive_avg_pool2d(input, _sizes(input, output_size))


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """As `adaptive_avg_pool2d` for (N, C, D, H, W) or (C, D, H, W)."""
    return _C.adaptive_avg_pool3d(input, _sizes(input, output_size))


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d` and where each value stands in its row."""
    return _C.adaptive_max_pool1d(input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """The greatest value of each of `output_size` parts of (N, C, L) or (C, L).

    The parts are those of `adaptive_avg_pool2d`. With `return_indices` also where each value stands in its row.
    """
    both = adaptive_max_pool1d_with_indices(input, output_size)
    return both if return_indices else both[0]


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool2d` and where each value stands in its plane."""
    return _C.adaptive_max_pool2d(input, _sizes(input, output_size))


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """The greatest value of each of `output_size` parts of (N, C, H, W) or (C, H, W).

    The parts are those of `adaptive_avg_pool2d`. With `return_indices` also where each value stands in its plane.
    """
    both = adaptive_max_pool2d_with_indices(input, output_size)
    return both if return_indices else both[0]


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool3d` and where each value stands in its volume."""
    return _C.adaptive_max_pool3d(input, _sizes(input, output_size))


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """The greatest value of each of `output_size` parts of (N, C, D, H, W) or (C, D, H, W).

    The parts are those of `adaptive_avg_pool2d`. With `return_indices` also where each value stands in its volume.
    """
    both = adaptive_max_pool3d_with_indices(input, output_size)
    return both if return_indices else both[0]


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Pair,
    output_size: Pair | None = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool2d` and where each value stands in its plane."""
    if output_size is None and output_ratio is None:
        raise ValueError("fractional_max_pool2d requires specifying either an output_size or an output_ratio")
    if output_size is None:
        if len(output_ratio) > 2:
            raise ValueError("fractional_max_pool2d requires output_ratio to either be a single Int or tuple of Ints.")
        output_size = (int(input.size(-2) * output_ratio[0]), int(input.size(-1) * output_ratio[1]))
    if _random_samples is None:
        batch, channels = 1 if input.dim() == 3 else input.size(0), input.size(-3)
        _random_samples = _C.rand(batch, channels, 2, dtype=input.dtype, device=input.device)
    return _C.fractional_max_pool2d(input, kernel_size, output_size, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    output_size: Pair | None = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pooled:
    """The greatest value of windows of one size that begin at random places (Graham 2014, arXiv:1412.6071).

    The number of windows is `output_size`, or `output_ratio` (a pair of fractions) of the input's size. x: (N, C, H, W)
    or (C, H, W). `_random_samples` (N, C, 2) holds the shifts in [0, 1); by default they are drawn. With
    `return_indices` also where each value stands in its plane. Raises ValueError if neither size nor ratio is given.
    """
    both = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, _random_samples=_random_samples
    )
    return both if return_indices else both[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Triple,
    output_size: Triple | None = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool3d` and where each value stands in its volume."""
    if output_size is None and output_ratio is None:
        raise ValueError("fractional_max_pool3d requires specifying either an output_size or an output_ratio")
    if output_size is None:
        if isinstance(output_ratio, int | float):
            output_ratio = (output_ratio,) * 3
        output_size = (
            int(input.size(-3) * output_ratio[0]),
            int(input.size(-2) * output_ratio[1]),
            int(input.size(-1) * output_ratio[2]),
        )
    if _random_samples is None:
        batch, channels = 1 if input.dim() == 4 else input.size(0), input.size(-4)
        _random_samples = _C.rand(batch, channels, 3, dtype=input.dtype, device=input.device)
    return _C.fractional_max_pool3d(input, kernel_size, output_size, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Triple,
    output_size: Triple | None = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pooled:
    """As `fractional_max_pool2d` for (N, C, D, H, W) or (C, D, H, W); `_random_samples`: (N, C, 3)."""
    both = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, _random_samples=_random_samples
    )
    return both if return_indices else both[0]


def _norms(means: Tensor, norm_type: float, count: Any) -> Tensor:
    """`(sum of x^p)^(1 / p)` from the means of `count` powers, in PyTorch's steps: at 0 no gradient exists."""
    return (means.sign() * means.abs().relu()).mul(count).pow(1.0 / norm_type)


def _check_norm(norm_type: float) -> None:
    if norm_type == 0:
        raise ValueError(f"norm_type must be a non-zero value, but got {norm_type}")


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: int, stride: One | None = None, ceil_mode: bool = False
) -> Tensor:
    """The power mean without its divisor, `(sum of x^p)^(1 / p)`, of each window of (N, C, L) or (C, L).

    p is `norm_type`; infinity takes the greatest absolute value. The gradient is not finite where the sum is 0. Raises
    ValueError if `norm_type` is 0.
    """
    _check_norm(norm_type)
    if norm_type == float("inf"):
        return _C.max_pool1d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    return _norms(_C.avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode), norm_type, kernel_size)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Pair, stride: Pair | None = None, ceil_mode: bool = False
) -> Tensor:
    """As `lp_pool1d` for (N, C, H, W) or (C, H, W)."""
    _check_norm(norm_type)
    if norm_type == float("inf"):
        return _C.max_pool2d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    means = _C.avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _norms(means, norm_type, height * width)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Triple, stride: Triple | None = None, ceil_mode: bool = False
) -> Tensor:
    """As `lp_pool1d` for (N, C, D, H, W) or (C, D, H, W)."""
    _check_norm(norm_type)
    if norm_type == float("inf"):
        return _C.max_pool3d(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    depth, height, width = (kernel_size,) * 3 if isinstance(kernel_size, int) else kernel_size
    means = _C.avg_pool3d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _norms(means, norm_type, depth * height * width)
