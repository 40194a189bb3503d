"""Images in folders, a folder for each class; and random images."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import tensorrs
from tensorrs.utils.data import Dataset

from ._images import Transform

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def pil_loader(path: str) -> Any:
    """The image at `path` as a Pillow image in RGB."""
    from PIL import Image

    # Opened here, so that the file is closed (Pillow reads late).
    with open(path, "rb") as f:
        return Image.open(f).convert("RGB")


class DatasetFolder(Dataset[tuple[Any, Any]]):
    """Samples in `root/class/.../file`: item i is (what `loader` makes of the file, the number of the class).

    Classes and files are in the order of their names. Either `extensions` says which files count, or
    `is_valid_file(path)`. `allow_empty` admits a class without files, which is a FileNotFoundError else.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        self.root = os.fspath(root)
        self.transform = transform
        self.target_transform = target_transform
        self.loader = loader
        self.extensions = extensions
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """The folders in `directory`, sorted, and their numbers."""
        classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        if not classes:
            raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
        return classes, {name: i for i, name in enumerate(classes)}

    @staticmethod
    def make_dataset(
        directory: str,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """(path, class) of every file that counts."""
        if (extensions is None) == (is_valid_file is None):
            raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
        counts = is_valid_file or (lambda path: path.lower().endswith(tuple(extensions or ())))
        samples: list[tuple[str, int]] = []
        empty = []
        for name in sorted(class_to_idx):
            before = len(samples)
            for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
                paths = (os.path.join(folder, file) for file in sorted(files))
                samples.extend((path, class_to_idx[name]) for path in paths if counts(path))
            if len(samples) == before:
                empty.append(name)
        if empty and not allow_empty:
            text = f"Found no valid file for the classes {', '.join(empty)}. "
            if extensions is not None:
                text += f"Supported extensions are: {', '.join(extensions)}"
            raise FileNotFoundError(text)
        return samples

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample: Any = self.loader(path)
        if self.transform is not None:
            sample = self.transform(sample)
        return sample, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        return f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}\n    Root location: {self.root}"


class ImageFolder(DatasetFolder):
    """Images in `root/class/name.png`: item i is (image, class), the image in RGB, passed through `transform`."""

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = pil_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples


class FakeData(Dataset[tuple[Any, Any]]):
    """Random images: item i is drawn with the seed `random_offset + i`, as torchvision draws it.

    The image is a Pillow image, passed through `transform`; the target is the number of a class, as a tensor.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        self.transform = transform
        self.target_transform = target_transform
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from tensorrs.transforms.functional import to_pil_image

        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = tensorrs.get_rng_state()
        tensorrs.manual_seed(index + self.random_offset)
        image: Any = tensorrs.randn(*self.image_size)
        target: Any = tensorrs.randint(0, self.num_classes, size=(1,), dtype=tensorrs.long)[0]
        tensorrs.set_rng_state(state)
        image = to_pil_image(image)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target.item() if isinstance(target, tensorrs.Tensor) else target

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}"
