"""CIFAR-10 and CIFAR-100, read from the files of their author."""

from __future__ import annotations

import os
import tarfile
from typing import Any

import tensorrs
from tensorrs import _C

from ._download import download
from ._images import ImageDataset, Transform


class CIFAR10(ImageDataset):
    """60000 colour images of 32 x 32 pixels in ten classes, 50000 of them to train with.

    Item i is (image, target): a float32 tensor 3 x 32 x 32 between 0 and 1, passed through `transform`, and an int.
    `data` holds the images as torchvision does, uint8 n x 32 x 32 x 3.

    Args:
        root: the folder with `cifar-10-batches-py`, the archive's own folder.
        train: the training images, or the test images.
        transform, target_transform: called with the image and with the class.
        download: fetch and unpack the archive into `root`, if it is not there.

    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
    test_list: tuple[str, ...] = ("test_batch",)
    meta = ("batches.meta", "label_names")
    label_key = "labels"

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(train, transform, target_transform)
        self.root = os.fspath(root)
        if download:
            self.download()
        parts = [self._read(name) for name in (self.train_list if train else self.test_list)]
        images = tensorrs.cat([part["data"] for part in parts])
        if images.ndim != 2 or images.shape[1] != 3072 or images.dtype != tensorrs.uint8:
            raise RuntimeError(f"{self.base_folder}: images of shape {list(images.shape)} are not 32 x 32 x 3 bytes")
        self.data = images.view(-1, 3, 32, 32).permute(0, 2, 3, 1).contiguous()
        self.targets = tensorrs.tensor([label for part in parts for label in part[self.label_key]])
        self.classes = list(self._read(self.meta[0])[self.meta[1]])
        if len(self.targets) != len(self.data):
            raise RuntimeError(f"{self.base_folder}: {len(self.data)} images and {len(self.targets)} labels")

    def _image(self, index: int) -> Any:
        return self.data[index].permute(2, 0, 1).contiguous().float() / self.white

    def _read(self, name: str) -> dict[str, Any]:
        path = os.path.join(self.root, self.base_folder, name)
        if not os.path.exists(path):
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        with open(path, "rb") as f:
            data = f.read()
        try:
            # The author's pickles of Python 2, read without running code.
            found, _ = _C.unpickle(data, 0, _find, _no_memory, _fill, "latin1")
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            raise RuntimeError(f"{path} is broken: {error}") from None
        if not isinstance(found, dict):
            raise RuntimeError(f"{path} is broken: it holds no dict")
        return {key: value.tensor if isinstance(value, _Array) else value for key, value in found.items()}

    def download(self) -> None:
        """Fetch and unpack the archive, if its folder is not there."""
        if os.path.isdir(os.path.join(self.root, self.base_folder)):
            return
        archive = os.path.join(self.root, self.filename)
        download([self.url], archive, self.tgz_md5)
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                # Only plain files of the folder itself: an archive may name any path.
                if member.isfile() and os.path.dirname(member.name) == self.base_folder:
                    tar.extract(member, self.root)


class CIFAR100(CIFAR10):
    """60000 colour images of 32 x 32 pixels in a hundred classes, 50000 of them to train with; else as `CIFAR10`."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list: tuple[str, ...] = ("train",)  # type: ignore[assignment]
    test_list = ("test",)
    meta = ("meta", "fine_label_names")
    label_key = "fine_labels"


class _Array:
    """A NumPy array while it is read; its state gives it shape and bytes."""

    def __init__(self, *_: Any) -> None:
        self.tensor: Any = None


def _encode(text: str, encoding: str) -> bytes:
    """Bytes as Python 3 pickles them for Python 2: a text, and `latin1`."""
    if encoding != "latin1":
        raise ValueError(f"bytes in {encoding}")
    return text.encode("latin1")


class _Bytes:
    """`numpy.dtype('u1')`."""

    def __init__(self, code: str, *_: Any) -> None:
        if code != "u1":
            raise ValueError(f"an array of {code}")


def _find(module: str, name: str) -> Any:
    known = {
        "_codecs.encode": _encode,
        "numpy.core.multiarray._reconstruct": _Array,
        "numpy._core.multiarray._reconstruct": _Array,
        "numpy.ndarray": _Array,
        "numpy.dtype": _Bytes,
    }
    if f"{module}.{name}" not in known:
        raise RuntimeError(f"it names {module}.{name}")
    return known[f"{module}.{name}"]


def _no_memory(key: Any) -> Any:
    raise RuntimeError(f"it refers to {key!r}")


def _fill(made: Any, state: Any) -> None:
    if isinstance(made, _Array):
        _, shape, _, by_columns, text = state
        data = text.encode("latin1") if isinstance(text, str) else text
        if by_columns:
            raise ValueError("an array in column order")
        made.tensor = _C.tensor_from_bytes(data, tensorrs.uint8, list(shape))
