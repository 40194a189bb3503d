"""Windows of `M` numbers: symmetric ones by default, or one period of them with `sym=False`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import tensorrs
from tensorrs._C import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _checked(name: str, M: int, dtype: Any, layout: Any) -> Any:
    """The dtype of a window."""
    dtype = tensorrs.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and layout is not tensorrs.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (tensorrs.float32, tensorrs.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return dtype


def _line(M: int, start: float, step: float, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """`start`, `start + step`, ..."""
    stop = start + (M - 1) * step
    return tensorrs.linspace(start, stop, M, dtype=dtype, device=device, requires_grad=requires_grad)


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`exp(-|n - center| / tau)`. The centre is the middle; another one is for periodic windows only."""
    dtype = _checked("exponential", M, dtype, layout)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return tensorrs.empty(0, dtype=dtype, device=device, requires_grad=requires_grad)
    if center is None:
        center = (M if not sym and M > 1 else M - 1) / 2
    return (-_line(M, -center / tau, 1 / tau, dtype, device, requires_grad).abs()).exp()


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`sin(pi (n + 1/2) / M)`; of a periodic window M counts one more."""
    dtype = _checked("cosine", M, dtype, layout)
    if M == 0:
        return tensorrs.empty(0, dtype=dtype, device=device, requires_grad=requires_grad)
    step = math.pi / (M + 1 if not sym and M > 1 else M)
    return _line(M, step / 2, step, dtype, device, requires_grad).sin()


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`exp(-(n - middle)^2 / (2 std^2))`"""
    dtype = _checked("gaussian", M, dtype, layout)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return tensorrs.empty(0, dtype=dtype, device=device, requires_grad=requires_grad)
    step = 1 / (std * math.sqrt(2))
    middle = (M if not sym and M > 1 else M - 1) / 2
    return (-(_line(M, -middle * step, step, dtype, device, requires_grad) ** 2)).exp()


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`I0(beta sqrt(1 - x^2)) / I0(beta)` for x from -1 to 1."""
    dtype = _checked("kaiser", M, dtype, layout)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M <= 1:
        return tensorrs.ones(M, dtype=dtype, device=device, requires_grad=requires_grad)
    beta = float(beta)
    line = _line(M, -beta, 2 * beta / (M - 1 if sym else M), dtype, device, requires_grad)
    whole = tensorrs.tensor(beta, dtype=dtype, device=device)
    return (whole * whole - line**2).clamp(min=0).sqrt().i0() / whole.i0()


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle: `1 - |2 n / (M - 1) - 1|`; of a periodic window M counts one more."""
    dtype = _checked("bartlett", M, dtype, layout)
    if M <= 1:
        return tensorrs.ones(M, dtype=dtype, device=device, requires_grad=requires_grad)
    return 1 - _line(M, -1, 2 / (M - 1 if sym else M), dtype, device, requires_grad).abs()


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`a[0] - a[1] cos(2 pi n / (M - 1)) + a[2] cos(4 pi n / (M - 1)) - ...`; a period has M for M - 1."""
    dtype = _checked("general_cosine", M, dtype, layout)
    if M <= 1:
        return tensorrs.ones(M, dtype=dtype, device=device, requires_grad=requires_grad)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    line = _line(M, 0, 2 * math.pi / (M - 1 if sym else M), dtype, device, requires_grad)
    weights = tensorrs.tensor([-w if k % 2 else w for k, w in enumerate(a)], dtype=dtype, device=device)
    orders = tensorrs.arange(weights.shape[0], dtype=dtype, device=device)
    return (weights.unsqueeze(-1) * (orders.unsqueeze(-1) * line).cos()).sum(0)


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`alpha - (1 - alpha) cos(2 pi n / (M - 1))`"""
    a = [alpha, 1.0 - alpha]
    return general_cosine(M, a=a, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`0.54 - 0.46 cos(2 pi n / (M - 1))`"""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`(1 - cos(2 pi n / (M - 1))) / 2`"""
    return general_hamming(
        M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1))`"""
    dtype = _checked("blackman", M, dtype, layout)
    a = [0.42, 0.5, 0.08]
    return general_cosine(M, a=a, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The sum of four cosines with the least side lobes. Nuttall, 1981, doi:10.1109/TASSP.1981.1163506."""
    a = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return general_cosine(M, a=a, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)
