"""MNIST and Fashion-MNIST, read from the IDX files their authors publish."""

from __future__ import annotations

import os
from typing import Any

from ._download import download
from ._idx import find, read_idx
from ._images import ImageDataset, Transform


class MNIST(ImageDataset):
    """The MNIST digits: 60000 images of 28 x 28 pixels to train with, 10000 to test with.

    Args:
        root: the folder with the four IDX files, gzipped or not; they may also lie in `root`/MNIST/raw, where
            torchvision puts them.
        train: the training images, or the test images.
        transform: called with the image, a float tensor 1 x 28 x 28 between 0 and 1.
        target_transform: called with the class, an int.
        download: fetch the files into `root`/MNIST/raw, if they are not there.

    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", 1998.
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]  # noqa: RUF012
    resources = [  # noqa: RUF012 - names and MD5 sums, as in torchvision
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = [  # noqa: RUF012 - as in torchvision
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]
    system_folder: str | None = None

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
        part = "train" if train else "t10k"
        self.data = self._read(f"{part}-images-idx3-ubyte", 3)
        self.targets = self._read(f"{part}-labels-idx1-ubyte", 1).long()
        if len(self.data) != len(self.targets):
            raise RuntimeError(f"{self.root}: {len(self.data)} images and {len(self.targets)} labels do not match")
        if len(self.targets) and int(self.targets.max()) >= len(self.classes):
            raise RuntimeError(f"{self.root}: the labels go up to {int(self.targets.max())}")

    @property
    def raw_folder(self) -> str:
        """Where `download` puts the files."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def folders(self) -> list[str]:
        """Where the files are looked for, in this order."""
        own = [self.root, os.path.join(self.root, "raw"), self.raw_folder]
        return own if self.system_folder is None else [*own, self.system_folder]

    def download(self) -> None:
        """Fetch the files that are in none of the folders; each is checked and put in place when it is complete."""
        for name, md5 in self.resources:
            if find(self.folders, name.removesuffix(".gz")) is None:
                download([mirror + name for mirror in self.mirrors], os.path.join(self.raw_folder, name), md5)

    def _read(self, name: str, dimensions: int) -> Any:
        path = find(self.folders, name)
        if path is None:
            raise RuntimeError(
                "Dataset not found. You can use download=True to download it. "
                f"Neither {name} nor {name}.gz is in {', '.join(self.folders)}"
            )
        return read_idx(path, dimensions)


class FashionMNIST(MNIST):
    """Fashion-MNIST: articles of clothing in the form of `MNIST`, with the same arguments.

    Where `root` has no files those of Debian's package dataset-fashion-mnist are read, if it is installed.

    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms", 2017.
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]  # noqa: RUF012
    resources = [  # noqa: RUF012 - names and MD5 sums, as in torchvision
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [  # noqa: RUF012 - as in torchvision
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]
    system_folder = "/usr/share/datasets/fashion-mnist"
