"""Transforms of images, as torchvision's: of Pillow images and of tensors (..., height, width).

`functional` has them as functions. Random transforms draw from the default generator, in torchvision's order, so the
same seed gives the same images. Pillow is imported when a Pillow image is met.
"""

from __future__ import annotations

from tensorrs.transforms import functional as functional
from tensorrs.transforms.functional import InterpolationMode as InterpolationMode
from tensorrs.transforms.plain import (
    CenterCrop,
    Compose,
    ConvertImageDtype,
    Grayscale,
    Lambda,
    Normalize,
    Pad,
    PILToTensor,
    Resize,
    ToPILImage,
    ToTensor,
)
from tensorrs.transforms.random import (
    ColorJitter,
    RandomApply,
    RandomChoice,
    RandomCrop,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomOrder,
    RandomResizedCrop,
    RandomVerticalFlip,
)

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]
