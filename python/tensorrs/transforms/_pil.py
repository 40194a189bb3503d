"""The transforms of Pillow images, mostly Pillow's own."""

from __future__ import annotations

import sys

import tensorrs
from tensorrs._C import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def is_image(img: Any) -> bool:
    """Whether `img` is a Pillow image; Pillow is not imported to find out."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(img, module.Image)


_DTYPES = {"I": "int32", "I;16": "int16", "F": "float32"}


def pixels(img: Any) -> Tensor:
    """Channels first, as stored; a bit image has 0 and 255."""
    if img.mode == "1":
        img = img.convert("L")
    dtype = getattr(tensorrs, _DTYPES.get(img.mode, "uint8"))
    x = tensorrs.frombuffer(bytearray(img.tobytes()), dtype=dtype)
    return x.view(img.height, img.width, len(img.getbands())).permute(2, 0, 1).contiguous()


_MODES = {1: ["L"], 2: ["LA"], 3: ["RGB", "YCbCr", "HSV", "LAB"], 4: ["RGBA", "CMYK", "RGBX"]}
_SINGLE = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}


def from_pixels(pic: Any, mode: str | None) -> Any:
    """An image of a tensor (channels, height, width) or of an array (height, width, channels)."""
    from PIL import Image

    if isinstance(pic, Tensor):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        x = pic.detach().unsqueeze(0) if pic.ndim == 2 else pic.detach()
        if x.shape[0] > 4:
            raise ValueError(f"pic should not have > 4 channels. Got {x.shape[0]} channels.")
        if x.is_floating_point() and mode != "F":
            x = (x * 255).to(tensorrs.uint8)
        x = x.permute(1, 2, 0)
    elif hasattr(pic, "__array_interface__") and not is_image(pic):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        x = tensorrs.from_numpy(pic)
        x = x.unsqueeze(2) if x.ndim == 2 else x
        if x.shape[2] > 4:
            raise ValueError(f"pic should not have > 4 channels. Got {x.shape[2]} channels.")
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    channels, dtype = x.shape[2], str(x.dtype).rpartition(".")[2]
    if channels == 1:
        natural = _SINGLE.get(dtype)
        if mode is not None and mode != natural:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {dtype}. Should be {natural}")
        mode = natural
    else:
        if mode is not None and mode not in _MODES[channels]:
            raise ValueError(f"Only modes {_MODES[channels]} are supported for {channels}D inputs")
        mode = ("RGB" if channels == 3 else _MODES[channels][0]) if mode is None else mode
        if dtype != "uint8":
            mode = None
    if mode is None:
        raise TypeError(f"Input type {dtype} is not supported")
    return Image.frombytes(mode, (x.shape[1], x.shape[0]), tensorrs._C.tensor_to_bytes(x))


def resize(img: Any, size: tuple[int, int], mode: str) -> Any:
    from PIL import Image

    if mode == "nearest-exact":
        mode = "nearest"
    return img.resize((size[1], size[0]), getattr(Image.Resampling, mode.upper()))


def flip(img: Any, across: bool) -> Any:
    from PIL import Image

    return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT if across else Image.Transpose.FLIP_TOP_BOTTOM)


def pad(img: Any, sides: tuple[int, int, int, int], fill: Any, how: str) -> Any:
    from PIL import Image, ImageOps

    if how == "constant":
        if isinstance(fill, (int, float)) and len(img.getbands()) > 1:
            fill = (int(fill),) * len(img.getbands())
        elif isinstance(fill, (tuple, list)):
            fill = tuple(int(v) for v in fill) if len(fill) > 1 else int(fill[0])
        if img.mode == "P":
            palette = img.getpalette()
            out = ImageOps.expand(img, border=sides, fill=fill)
            out.putpalette(palette)
            return out
        return ImageOps.expand(img, border=sides, fill=fill)
    from tensorrs.transforms import _tensor

    palette = img.getpalette() if img.mode == "P" else None
    x = _tensor.pad(pixels(img), sides, 0, how)
    mode = "L" if img.mode == "1" else img.mode
    out = Image.frombytes(mode, (x.shape[2], x.shape[1]), tensorrs._C.tensor_to_bytes(x.permute(1, 2, 0)))
    out = out.convert("1") if img.mode == "1" else out
    if palette is not None:
        out.putpalette(palette)
    return out


def brightness(img: Any, factor: float) -> Any:
    from PIL import ImageEnhance

    return ImageEnhance.Brightness(img).enhance(factor)


def contrast(img: Any, factor: float) -> Any:
    from PIL import ImageEnhance

    return ImageEnhance.Contrast(img).enhance(factor)


def saturation(img: Any, factor: float) -> Any:
    from PIL import ImageEnhance

    return ImageEnhance.Color(img).enhance(factor)


def hue(img: Any, factor: float) -> Any:
    from PIL import Image

    mode = img.mode
    if mode in ("L", "1", "I", "F"):
        return img
    h, s, v = img.convert("HSV").split()
    shift = int(factor * 255) % 256
    h = h.point([(i + shift) % 256 for i in range(256)])
    return Image.merge("HSV", (h, s, v)).convert(mode)


def grey(img: Any, channels: int) -> Any:
    from PIL import Image

    one = img.convert("L")
    return one if channels == 1 else Image.merge("RGB", (one, one, one))
