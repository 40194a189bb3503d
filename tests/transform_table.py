"""The table of image transforms: each is run on every image, with three seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

ARRAY = (np.random.RandomState(0).uniform(size=(13, 9, 3)) * 255).astype(np.uint8)

# A transform's class and its arguments; "dtype:" names a dtype of the library.
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("ToTensor", (), {}),
    ("PILToTensor", (), {}),
    ("ToPILImage", (), {}),
    ("ConvertImageDtype", ("dtype:float32",), {}),
    ("ConvertImageDtype", ("dtype:int16",), {}),
    ("Normalize", ([0.5], [0.2]), {}),
    ("Resize", (5,), {}),
    ("Resize", ((20, 7),), {}),
    ("Resize", (6, 3), {}),
    ("Resize", (5, 0), {}),
    ("Resize", (5,), {"max_size": 6}),
    ("CenterCrop", (5,), {}),
    ("CenterCrop", ((20, 4),), {}),
    ("Pad", (2,), {}),
    ("Pad", ((1, 2), 3), {}),
    ("Pad", ((1, 2, 3, 4), 0, "edge"), {}),
    ("Pad", (2,), {"padding_mode": "reflect"}),
    ("Pad", (3,), {"padding_mode": "symmetric"}),
    ("RandomCrop", (4,), {}),
    ("RandomCrop", ((5, 6), 2), {}),
    ("RandomCrop", (11,), {"pad_if_needed": True}),
    ("RandomCrop", (30,), {}),
    ("RandomHorizontalFlip", (), {}),
    ("RandomVerticalFlip", (), {}),
    ("Grayscale", (), {}),
    ("Grayscale", (3,), {}),
    ("RandomGrayscale", (0.9,), {}),
    ("ColorJitter", (0.4, 0.3, 0.2, 0.1), {}),
    ("ColorJitter", (), {"hue": 0.5}),
    ("RandomResizedCrop", ((6, 5),), {}),
]
SEEDS = range(3)


def images() -> dict[str, Any]:
    """Pillow images, and arrays that become tensors."""
    from PIL import Image

    colour = Image.fromarray(ARRAY)
    grey = Image.fromarray(ARRAY[:, :, 0].copy())
    channels = np.ascontiguousarray(ARRAY.transpose(2, 0, 1))
    return {
        "RGB": colour,
        "L": grey,
        "RGBA": Image.fromarray(np.dstack([ARRAY, ARRAY[:, :, :1]])),
        "1": grey.convert("1"),
        "F": Image.fromarray(ARRAY[:, :, 0].astype(np.float32)),
        "bytes": channels,
        "floats": (channels / 255).astype(np.float32),
        "one channel": channels[:1].copy(),
    }


def name_of(case: tuple[str, tuple[Any, ...], dict[str, Any]]) -> str:
    """How a row is called."""
    return f"{case[0]}{case[1]}{case[2] or ''}".replace(" ", "")


def run(library: Any, transforms: Any, case: tuple[str, tuple[Any, ...], dict[str, Any]], image: Any, seed: int) -> Any:
    """(kind, numbers) of a result; the class of an error."""
    name, args, kwargs = case
    given = [getattr(library, a[6:]) if isinstance(a, str) and a.startswith("dtype:") else a for a in args]
    x = library.from_numpy(image.copy()) if isinstance(image, np.ndarray) else image
    library.manual_seed(seed)
    try:
        out = getattr(transforms, name)(*given, **kwargs)(x)
    except Exception as error:  # noqa: BLE001 - its class is the result
        return type(error).__name__, None
    if hasattr(out, "getbands"):
        return out.mode, np.asarray(out)
    return str(out.dtype).rpartition(".")[2], out.numpy()
