"""Images in other sizes and at other points. x: (N, C, L), (N, C, H, W) or (N, C, D, H, W)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor

# Bound as they are: nothing stands between the caller and the core.
pixel_shuffle = _C.pixel_shuffle
pixel_unshuffle = _C.pixel_unshuffle
channel_shuffle = _C.channel_shuffle
native_channel_shuffle = _C.native_channel_shuffle

# What each mode is called in the core, and how many dimensions it is for.
_MODES = {
    "nearest": ("nearest", (1, 2, 3)),
    "nearest-exact": ("nearest-exact", (1, 2, 3)),
    "area": ("area", (1, 2, 3)),
    "linear": ("linear", (1,)),
    "bilinear": ("linear", (2,)),
    "trilinear": ("linear", (3,)),
    "bicubic": ("cubic", (2,)),
    "lanczos": ("lanczos", (2,)),
}
_WITHOUT_CORNERS = ("nearest", "nearest-exact", "area")
_SMOOTH = ("bilinear", "bicubic", "lanczos")


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`input` in the size `size`, or `floor(scale_factor * size)`.

    `mode` is `'nearest'` (the number before), `'nearest-exact'` (the closest), `'area'` (means), `'linear'`,
    `'bilinear'`, `'trilinear'` (for 3-D, 4-D, 5-D input), `'bicubic'` or `'lanczos'` (4-D). With `align_corners` the
    middles of the outermost pixels lie on each other, else their edges do. `antialias` widens the filter when the image
    gets smaller. With `recompute_scale_factor` the factor is that of the sizes, not the one given.

    Raises ValueError for arguments that exclude each other, NotImplementedError for a mode and rank that do not fit.
    """
    if mode in _WITHOUT_CORNERS:
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the "
                "interpolating modes: linear | bilinear | bicubic | trilinear"
            )
    elif mode == "lanczos":
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    own = input.shape[2:]
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    factors: list[float | None] = [None] * len(own)
    if size is not None:
        sizes: list[Any] = list(size) if isinstance(size, (tuple, list)) else [size] * len(own)
        if len(sizes) != len(own):
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got "
                f"input with spatial dimensions of {list(own)} and output size of {size}. "
                "Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                "output size in (o1, o2, ...,oK) format."
            )
        if recompute_scale_factor:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    else:
        given: list[Any] = list(scale_factor) if isinstance(scale_factor, (tuple, list)) else [scale_factor] * len(own)
        if len(given) != len(own):
            raise ValueError(
                "Input and scale_factor must have the same number of spatial dimensions, but got "
                f"input with spatial dimensions of {list(own)} and scale_factor of shape {scale_factor}. "
                "Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                "scale_factor in (s1, s2, ...,sK) format."
            )
        sizes = [int(float(n) * factor) for n, factor in zip(own, given, strict=True)]
        if not recompute_scale_factor and mode != "area":
            factors = given
    if antialias and not (mode in _SMOOTH and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    kind, ranks = _MODES.get(mode, ("", ()))
    if len(own) not in ranks:
        _refuse(mode, input.ndim, ranks)
    if mode == "area":
        return _area(input, sizes)
    if antialias:
        kind += " smooth"
    return _C.upsample(input, kind, sizes, bool(align_corners), factors)


def _area(input: Tensor, sizes: list[int]) -> Tensor:
    """The means of the parts that become one pixel."""
    from tensorrs.nn import functional

    pool = getattr(functional, f"adaptive_avg_pool{len(sizes)}d")
    result: Tensor = pool(input, sizes)
    return result


def _refuse(mode: str, rank: int, ranks: tuple[int, ...]) -> None:
    """Says what does not fit: a rank of input that no mode has, a mode that there is not, or the two together."""
    if len(ranks) == 1 and 3 <= rank <= 5 and mode in ("linear", "bilinear", "trilinear"):
        raise NotImplementedError(f"Got {rank}D input, but {mode} mode needs {ranks[0] + 2}D input")
    raise NotImplementedError(
        "Input Error: Only 3D, 4D and 5D input Tensors supported"
        f" (got {rank}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
        f"nearest-exact (got {mode})"
    )


def _old_name(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning, stacklevel=3
    )


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The old name of `interpolate`. Warns."""
    _old_name("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """The old name of `interpolate(mode='nearest')`. Warns."""
    _old_name("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """The old name of `interpolate(mode='bilinear', align_corners=True)`. Warns."""
    _old_name("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _corners(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
            "Please specify align_corners=True if the old behavior is desired. "
            "See the documentation of grid_sample for details.",
            stacklevel=3,
        )
    return bool(align_corners)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The values of `input` at the points of `grid`: (N, C, H, W) at (N, h, w, 2) gives (N, C, h, w); so do volumes.

    A point is (x, y) or (x, y, z) from -1 to 1, which are the edges of the outermost pixels, or their middles with
    `align_corners`. `mode` is `'bilinear'`, `'nearest'` or `'bicubic'`; outside are `padding_mode` `'zeros'`, the
    `'border'`, or its `'reflection'`. Jaderberg et al., arXiv:1506.02025.
    """
    modes = {"bilinear": 0, "nearest": 1, "bicubic": 2}
    if mode not in modes:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    paddings = {"zeros": 0, "border": 1, "reflection": 2}
    if padding_mode not in paddings:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'"
        )
    align = _corners(align_corners)
    return _C.grid_sampler(input, grid, modes[mode], paddings[padding_mode], align)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points to which the affine maps `theta` take the pixels of images of the shape `size`: a grid for
    `grid_sample`.

    theta (N, 2, 3) and size (N, C, H, W) give (N, H, W, 2); theta (N, 3, 4) and (N, C, D, H, W) give (N, D, H, W, 3).
    """
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {size}."
        )
    dims = len(size) - 2
    if theta.ndim != 3 or tuple(theta.shape[-2:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. "
            f"Got {theta.shape}."
        )
    align = _corners(align_corners)
    if align and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. "
            "This is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return _C.affine_grid_generator(theta, size, align)
