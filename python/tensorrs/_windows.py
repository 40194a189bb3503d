"""Windows for signals by their older names: `hann_window` and its kin, periodic unless told otherwise."""

from __future__ import annotations

from typing import Any

import tensorrs
from tensorrs._C import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _points(
    name: str, window_length: int, periodic: bool, options: dict[str, Any], step: float = 1.0
) -> tuple[Tensor, int]:
    """The numbers 0, `step`, ... of a window, and one less than its length without the last one of its period."""
    dtype = options["dtype"] or tensorrs.get_default_dtype()
    if not isinstance(window_length, int):
        raise TypeError(
            f"{name}(): argument 'window_length' (position 1) must be int, not {type(window_length).__name__}"
        )
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    if window_length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={window_length}")
    return tensorrs.arange(window_length, dtype=dtype, device=options["device"]) * step, window_length - (not periodic)


def _finished(window: Tensor, window_length: int, requires_grad: bool) -> Tensor:
    """A window of one number is 1."""
    return (tensorrs.ones_like(window) if window_length == 1 else window).requires_grad_(requires_grad)


def _cosines(
    name: str, window_length: int, periodic: bool, weights: tuple[float, ...], requires_grad: bool, **options: Any
) -> Tensor:
    """`weights[0] + weights[1] cos(2 pi n / N) + weights[2] cos(4 pi n / N) + ...`"""
    from math import pi

    points, period = _points(name, window_length, periodic, options)
    phase = points * (2 * pi / max(period, 1))
    window = sum((weight * (phase * k).cos() for k, weight in enumerate(weights) if k), weights[0] + 0 * phase)
    return _finished(window, window_length, requires_grad)


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """`(1 - cos(2 pi n / N)) / 2` for n from 0, with N the length, or one less if not `periodic`."""
    return _cosines("hann_window", window_length, periodic, (0.5, -0.5), requires_grad, dtype=dtype, device=device)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """`alpha - beta cos(2 pi n / N)` for n from 0, with N the length, or one less if not `periodic`."""
    weights = (alpha, -beta)
    return _cosines("hamming_window", window_length, periodic, weights, requires_grad, dtype=dtype, device=device)


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """`0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)` for n from 0, N the length, or one less if not `periodic`."""
    weights = (0.42, -0.5, 0.08)
    return _cosines("blackman_window", window_length, periodic, weights, requires_grad, dtype=dtype, device=device)


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle: `1 - |2 n / N - 1|` for n from 0, with N the length, or one less if not `periodic`."""
    points, period = _points("bartlett_window", window_length, periodic, {"dtype": dtype, "device": device})
    window = 1 - (points * (2 / max(period, 1)) - 1).abs()
    return _finished(window, window_length, requires_grad)


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """`I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta)` for n from 0, N the length, or one less if not `periodic`."""
    points, period = _points("kaiser_window", window_length, periodic, {"dtype": dtype, "device": device})
    beta = float(beta)
    place = points * (2 / max(period, 1)) - 1
    window = ((1 - place * place).clamp(min=0).sqrt() * beta).i0() / tensorrs.full_like(points, beta).i0()
    return _finished(window, window_length, requires_grad)
