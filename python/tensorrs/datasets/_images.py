"""What the data sets of images have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorrs._C import Tensor
from tensorrs.utils.data import Dataset

Transform = Callable[[Any], Any]


class ImageDataset(Dataset[tuple[Any, Any]]):
    """Grey images with a class each. Item i is (image, target): a float32 tensor 1 x height x width between 0 and 1,
    passed through `transform`, and an int, passed through `target_transform`.

    `data` holds all images as they are stored (uint8, n x height x width), `targets` the classes (int64, n).
    """

    classes: list[str]
    data: Tensor
    targets: Tensor
    white: int = 255
    """The value of `data` that becomes 1."""

    def __init__(self, train: bool, transform: Transform | None, target_transform: Transform | None) -> None:
        self.train = train
        self.transform = transform
        self.target_transform = target_transform

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = self._image(index)
        target: Any = int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def _image(self, index: int) -> Any:
        return self.data[index].unsqueeze(0).float() / self.white

    def __len__(self) -> int:
        return len(self.data)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class by its name."""
        return {name: i for i, name in enumerate(self.classes)}

    def __repr__(self) -> str:
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]
        if hasattr(self, "root"):
            lines.append(f"    Root location: {self.root}")
        lines.append(f"    Split: {'Train' if self.train else 'Test'}")
        return "\n".join(lines)
