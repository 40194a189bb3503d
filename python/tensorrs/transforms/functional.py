"""Transforms as functions, for Pillow images and for tensors (..., height, width)."""

from __future__ import annotations

import math
from enum import Enum

import tensorrs
from tensorrs._C import Tensor
from tensorrs.transforms import _pil, _tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class InterpolationMode(Enum):
    """How a resized image gets its values."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers, which torchvision still takes.
_PILLOW_NUMBERS = {0: "nearest", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming", 1: "lanczos"}


def _mode(interpolation: InterpolationMode | int) -> str:
    if isinstance(interpolation, int):
        return _PILLOW_NUMBERS[interpolation]
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant"
        )
    return str(interpolation.value)


def _is_tensor(img: Any) -> bool:
    if isinstance(img, Tensor):
        if img.ndim < 2:
            raise TypeError("Tensor is not a torch image.")
        return True
    if _pil.is_image(img):
        return False
    raise TypeError(f"Unexpected type {type(img)}")


def get_dimensions(img: Any) -> list[int]:
    """Channels, height and width."""
    if _is_tensor(img):
        return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    """Width and height."""
    _, height, width = get_dimensions(img)
    return [width, height]


def pil_to_tensor(pic: Any) -> Tensor:
    """The pixels of a Pillow image as they are stored, channels first."""
    if not _pil.is_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    x = _pil.pixels(pic)
    return x != 0 if pic.mode == "1" else x


def to_tensor(pic: Any) -> Tensor:
    """A Pillow image or a NumPy array (height, width[, channels]) as a tensor, channels first; bytes become 0 to 1.

    A tensor is given back as it is: the data sets of this library hold tensors already.
    """
    if isinstance(pic, Tensor):
        return pic
    if _pil.is_image(pic):
        x = _pil.pixels(pic)
        return x.to(tensorrs.get_default_dtype()).div_(255) if x.dtype == tensorrs.uint8 else x
    if not hasattr(pic, "__array_interface__"):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    x = tensorrs.from_numpy(pic.copy() if any(s < 0 for s in pic.strides) else pic)
    x = (x.unsqueeze(2) if x.ndim == 2 else x).permute(2, 0, 1).contiguous()
    return x.to(tensorrs.get_default_dtype()).div_(255) if x.dtype == tensorrs.uint8 else x


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (channels, height, width) or an array (height, width, channels) as a Pillow image; floats times 255."""
    return _pil.from_pixels(pic, mode)


def convert_image_dtype(image: Tensor, dtype: Any = None) -> Tensor:
    """Another dtype, with the range of values stretched: 0 to 1 for floats, 0 to the largest value for integers."""
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    return _tensor.convert_dtype(image, tensorrs.float32 if dtype is None else dtype)


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """`(x - mean) / std` for each channel of a float tensor (..., channels, height, width)."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if tensor.ndim < 2:
        raise TypeError("Tensor is not a torch image.")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    if not inplace:
        tensor = tensor.clone()
    centre = tensorrs.as_tensor(mean, dtype=tensor.dtype)
    spread = tensorrs.as_tensor(std, dtype=tensor.dtype)
    if bool((spread == 0).any()):
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    if centre.ndim == 1:
        centre = centre.view(-1, 1, 1)
    if spread.ndim == 1:
        spread = spread.view(-1, 1, 1)
    return tensor.sub_(centre).div_(spread)


def _output_size(height: int, width: int, size: list[int], max_size: int | None) -> tuple[int, int]:
    """Height and width after `resize`: one number is the smaller side, the other follows."""
    if len(size) == 2:
        return size[0], size[1]
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size ="
                f" {size}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_long, new_short) if width <= height else (new_short, new_long)


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Another size: (height, width), or one number for the smaller side with the shape kept.

    `max_size` bounds the larger side. `antialias` smooths a tensor before it is made smaller; Pillow always does.
    """
    mode = _mode(interpolation)
    wanted = [size] if isinstance(size, int) else list(size)
    if len(wanted) not in (1, 2):
        raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(wanted)} element tuple/list")
    if max_size is not None and len(wanted) != 1:
        raise ValueError(
            "max_size should only be passed if size specifies the length of the smaller edge,"
            " i.e. size should be an int or a sequence of length 1 in torchscript mode."
        )
    _, height, width = get_dimensions(img)
    new = _output_size(height, width, wanted, max_size)
    if new == (height, width):
        return img
    if _is_tensor(img):
        return _tensor.resize(img, new, mode, bool(antialias))
    return _pil.resize(img, new, mode)


def pad(img: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Margins of `padding` pixels: all sides, (left and right, top and bottom), or (left, top, right, bottom).

    `padding_mode` is "constant" (with `fill`), "edge", "reflect" or "symmetric".
    """
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    sides = [padding] if isinstance(padding, int) else list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(sides)} element tuple")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    left, top, right, bottom = sides * (4 // len(sides))
    if _is_tensor(img):
        return _tensor.pad(img, (left, top, right, bottom), fill, padding_mode)
    return _pil.pad(img, (left, top, right, bottom), fill, padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of the image; what lies outside is black."""
    if not _is_tensor(img):
        return img.crop((left, top, left + width, top + height))
    _, h, w = get_dimensions(img)
    right, bottom = left + width, top + height
    if left < 0 or top < 0 or right > w or bottom > h:
        inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        margins = (
            max(min(right, 0) - left, 0),
            max(min(bottom, 0) - top, 0),
            max(right - max(w, left), 0),
            max(bottom - max(h, top), 0),
        )
        return _tensor.pad(inside, margins, 0, "constant")
    return img[..., top:bottom, left:right]


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of the image, of (height, width) or a square; a smaller image gets black margins first."""
    sizes = [output_size] if isinstance(output_size, int) else list(output_size)
    height, width = sizes * 2 if len(sizes) == 1 else sizes
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        across, down = max(width - w, 0), max(height - h, 0)
        img = pad(img, (across // 2, down // 2, (across + 1) // 2, (down + 1) // 2))
        _, h, w = get_dimensions(img)
        if width == w and height == h:
            return img
    # Python's rounding, half to even, as torchvision.
    return crop(img, round((h - height) / 2.0), round((w - width) / 2.0), height, width)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A part of the image in another size."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """Left and right exchanged."""
    return img.flip(-1) if _is_tensor(img) else _pil.flip(img, across=True)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged."""
    return img.flip(-2) if _is_tensor(img) else _pil.flip(img, across=False)


def _back(img: Any) -> Any:
    return _tensor if _is_tensor(img) else _pil


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Every value times `brightness_factor`: 0 is black, 1 the image itself."""
    _not_negative("brightness_factor", brightness_factor)
    return _back(img).brightness(img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """The difference to the mean grey value times `contrast_factor`: 0 is grey, 1 the image itself."""
    _not_negative("contrast_factor", contrast_factor)
    return _back(img).contrast(img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """The difference to the grey image times `saturation_factor`: 0 is black and white, 1 the image itself."""
    _not_negative("saturation_factor", saturation_factor)
    return _back(img).saturation(img, saturation_factor)


def _not_negative(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """The hue turned by `hue_factor`, from -0.5 to 0.5 of the circle of colours."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _back(img).hue(img, hue_factor)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Grey values, in one channel or in three equal ones: 0.299 red + 0.587 green + 0.114 blue, or 0.2989, 0.587, 0.114
    for tensors."""
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    return _back(img).grey(img, num_output_channels)


to_grayscale = rgb_to_grayscale


def get_random_crop_region(height: int, width: int, scale: Sequence[float], ratio: Sequence[float]) -> list[int]:
    """Top, left, height and width of a random part of an image, of a random share and shape; after ten vain tries the
    middle. Szegedy et al., arXiv:1409.4842."""
    area = height * width
    log_ratio = tensorrs.log(tensorrs.tensor(ratio))
    for _ in range(10):
        target = area * tensorrs.empty(1).uniform_(scale[0], scale[1]).item()
        shape = tensorrs.exp(tensorrs.empty(1).uniform_(log_ratio[0].item(), log_ratio[1].item())).item()
        w = round(math.sqrt(target * shape))
        h = round(math.sqrt(target / shape))
        if 0 < w <= width and 0 < h <= height:
            top = int(tensorrs.randint(0, height - h + 1, size=(1,)).item())
            left = int(tensorrs.randint(0, width - w + 1, size=(1,)).item())
            return [top, left, h, w]
    whole = width / height
    if whole < min(ratio):
        w, h = width, round(width / min(ratio))
    elif whole > max(ratio):
        w, h = round(height * max(ratio)), height
    else:
        w, h = width, height
    return [(height - h) // 2, (width - w) // 2, h, w]
