"""The hand-written digits of the UCI repository, inside the package."""

from __future__ import annotations

import os

import tensorrs

from ._idx import read_idx
from ._images import ImageDataset, Transform

_FOLDER = os.path.join(os.path.dirname(__file__), "data")
_EVERY = 5


class Digits(ImageDataset):
    """1797 hand-written digits of 8 x 8 pixels: 1442 to train with, 355 to test with.

    The split is fixed and stratified: of each class, in the order of the original file, every fifth image is a test
    image. `data` has values from 0 to 16; items are floats between 0 and 1.

    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    https://doi.org/10.24432/C50P49, CC BY 4.0.
    """

    classes = [str(digit) for digit in range(10)]  # noqa: RUF012 - as in torchvision
    white = 16

    def __init__(
        self, train: bool = True, transform: Transform | None = None, target_transform: Transform | None = None
    ) -> None:
        super().__init__(train, transform, target_transform)
        images = read_idx(os.path.join(_FOLDER, "digits-images-idx3-ubyte.gz"), 3)
        labels = read_idx(os.path.join(_FOLDER, "digits-labels-idx1-ubyte.gz"), 1)
        seen = [0] * len(self.classes)
        mine = []
        for i, label in enumerate(labels.tolist()):
            seen[label] += 1
            if (seen[label] % _EVERY == 0) != train:
                mine.append(i)
        chosen = tensorrs.tensor(mine)
        self.data = images[chosen]
        self.targets = labels[chosen].long()
