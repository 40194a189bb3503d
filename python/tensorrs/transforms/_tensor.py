"""The transforms of images that are tensors (..., channels, height, width)."""

from __future__ import annotations

import tensorrs
from tensorrs._C import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _channels(x: Tensor) -> int:
    return 1 if x.ndim == 2 else int(x.shape[-3])


def _check(x: Tensor, permitted: tuple[int, ...]) -> None:
    if _channels(x) not in permitted:
        raise TypeError(f"Input image tensor permitted channel values are {list(permitted)}, but found {_channels(x)}")


def _bound(dtype: Any) -> float:
    """The value of white."""
    return 1 if dtype.is_floating_point else float(tensorrs.iinfo(dtype).max)


def convert_dtype(x: Tensor, dtype: Any) -> Tensor:
    if x.dtype == dtype:
        return x
    if x.dtype.is_floating_point:
        if dtype.is_floating_point:
            return x.to(dtype)
        unsafe = (x.dtype == tensorrs.float32 and dtype in (tensorrs.int32, tensorrs.int64)) or (
            x.dtype == tensorrs.float64 and dtype == tensorrs.int64
        )
        if unsafe:
            raise RuntimeError(f"The cast from {x.dtype} to {dtype} cannot be performed safely.")
        # Just under the largest value and one, so that 1.0 becomes the largest value.
        return x.mul(_bound(dtype) + 1.0 - 1e-3).to(dtype)
    high_in, high_out = _bound(x.dtype), _bound(dtype)
    if dtype.is_floating_point:
        return x.to(dtype) / high_in
    if high_in > high_out:
        return tensorrs.div(x, int((high_in + 1) // (high_out + 1)), rounding_mode="floor").to(dtype)
    return x.to(dtype) * int((high_out + 1) // (high_in + 1))


def _as_batch(x: Tensor) -> Tensor:
    """Four dimensions or more, in float32 or float64, as resizing and padding want it."""
    while x.ndim < 4:
        x = x.unsqueeze(0)
    return x if x.dtype in (tensorrs.float32, tensorrs.float64) else x.to(tensorrs.float32)


def resize(x: Tensor, size: tuple[int, int], mode: str, antialias: bool) -> Tensor:
    if mode not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError("This interpolation mode is unsupported with Tensor input")
    smooth = mode in ("bilinear", "bicubic")
    out = tensorrs.nn.functional.interpolate(
        _as_batch(x),
        size=list(size),
        mode=mode,
        align_corners=False if smooth else None,
        antialias=antialias and smooth,
    )
    if mode == "bicubic" and x.dtype == tensorrs.uint8:
        out = out.clamp(0, 255)
    return _restored(out, x)


def _restored(out: Tensor, x: Tensor) -> Tensor:
    if not x.dtype.is_floating_point and out.dtype.is_floating_point:
        out = out.round()
    return out.to(x.dtype).reshape(*x.shape[:-2], *out.shape[-2:])


def pad(x: Tensor, sides: tuple[int, int, int, int], fill: Any, mode: str) -> Tensor:
    left, top, right, bottom = sides
    if mode == "symmetric":
        return _symmetric(x, left, right, top, bottom)
    if mode == "constant":
        value = fill[0] if isinstance(fill, (tuple, list)) and len(fill) == 1 else fill
        if not isinstance(value, (int, float)):
            raise TypeError("Got inappropriate fill arg")
        return tensorrs.nn.functional.pad(x, (left, right, top, bottom), mode="constant", value=float(value))
    if min(sides) < 0:
        # Edges and mirrors grow on what is left.
        x = x[..., max(-top, 0) : x.shape[-2] - max(-bottom, 0), max(-left, 0) : x.shape[-1] - max(-right, 0)]
        left, top, right, bottom = (max(s, 0) for s in sides)
    kind = {"edge": "replicate", "reflect": "reflect"}[mode]
    return _restored(tensorrs.nn.functional.pad(_as_batch(x), (left, right, top, bottom), mode=kind), x)


def _symmetric(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """A mirror at the edges, which are repeated."""

    def places(size: int, before: int, after: int) -> Tensor:
        at = tensorrs.arange(-before, size + after) % (2 * size)
        return tensorrs.where(at < size, at, 2 * size - 1 - at)

    rows, columns = places(x.shape[-2], top, bottom), places(x.shape[-1], left, right)
    return x.index_select(-2, rows).index_select(-1, columns)


def _blend(a: Tensor, b: Tensor, ratio: float) -> Tensor:
    return (ratio * a + (1.0 - ratio) * b).clamp(0, _bound(a.dtype)).to(a.dtype)


def grey(x: Tensor, channels: int) -> Tensor:
    _check(x, (1, 3))
    if _channels(x) == 3:
        r, g, b = x.unbind(dim=-3)
        one = (0.2989 * r + 0.587 * g + 0.114 * b).to(x.dtype).unsqueeze(dim=-3)
    else:
        one = x.clone()
    return one.expand(x.shape) if channels == 3 else one


def brightness(x: Tensor, factor: float) -> Tensor:
    _check(x, (1, 3))
    return _blend(x, tensorrs.zeros_like(x), factor)


def contrast(x: Tensor, factor: float) -> Tensor:
    _check(x, (3, 1))
    dtype = x.dtype if x.is_floating_point() else tensorrs.float32
    one = grey(x, 1) if _channels(x) == 3 else x
    return _blend(x, one.to(dtype).mean(dim=(-3, -2, -1), keepdim=True), factor)


def saturation(x: Tensor, factor: float) -> Tensor:
    _check(x, (1, 3))
    return x if _channels(x) == 1 else _blend(x, grey(x, 1), factor)


def hue(x: Tensor, factor: float) -> Tensor:
    _check(x, (1, 3))
    if _channels(x) == 1:
        return x
    h, s, v = _hsv(convert_dtype(x, tensorrs.float32)).unbind(dim=-3)
    return convert_dtype(_rgb((h + factor) % 1.0, s, v), x.dtype)


def _hsv(x: Tensor) -> Tensor:
    """Hue, saturation and value of colours from 0 to 1. A. R. Smith, "Color gamut transform pairs", SIGGRAPH 1978."""
    r, g, b = x.unbind(dim=-3)
    high, low = x.amax(dim=-3), x.amin(dim=-3)
    same = high == low
    spread = high - low
    one = tensorrs.ones_like(high)
    s = spread / tensorrs.where(same, one, high)
    divisor = tensorrs.where(same, one, spread)
    rc, gc, bc = (high - r) / divisor, (high - g) / divisor, (high - b) / divisor
    h = (high == r) * (bc - gc)
    h = h + ((high == g) & (high != r)) * (2.0 + rc - bc)
    h = h + ((high != g) & (high != r)) * (4.0 + gc - rc)
    return tensorrs.stack([(h / 6.0 + 1.0).fmod(1.0), s, high], dim=-3)


def _rgb(h: Tensor, s: Tensor, v: Tensor) -> Tensor:
    sixth = (h * 6.0).floor()
    f = h * 6.0 - sixth
    index = sixth.to(tensorrs.int32) % 6
    p = (v * (1.0 - s)).clamp(0.0, 1.0)
    q = (v * (1.0 - s * f)).clamp(0.0, 1.0)
    t = (v * (1.0 - s * (1.0 - f))).clamp(0.0, 1.0)
    choices = [(v, t, p), (q, v, p), (p, v, t), (p, q, v), (t, p, v), (v, p, q)]
    out = []
    for c in range(3):
        x = choices[5][c]
        for i in range(5):
            x = tensorrs.where(index == i, choices[i][c], x)
        out.append(x)
    return tensorrs.stack(out, dim=-3)
