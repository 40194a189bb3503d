"""The data sets: what they hold, where they look, and what they say about broken files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import tensorrs as torch
from tensorrs.datasets import MNIST, Digits, FashionMNIST, _download
from tensorrs.utils.data import DataLoader

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(*shape: int, data: bytes | None = None, kind: int = 8) -> bytes:
    size = 1
    for n in shape:
        size *= n
    head = bytes([0, 0, kind, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    return head + (bytes(i % 10 for i in range(size)) if data is None else data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / IMAGES).write_bytes(idx(3, 28, 28, data=bytes(range(256)) * 9 + bytes(48)))
    (tmp_path / f"{LABELS}.gz").write_bytes(gzip.compress(idx(3, data=bytes([7, 0, 9]))))
    return tmp_path


def test_digits_hold_the_whole_set() -> None:
    train, test = Digits(), Digits(train=False)
    assert (len(train), len(test)) == (1442, 355)
    assert train.data.dtype == torch.uint8
    assert train.targets.dtype == torch.int64
    assert tuple(train.data.shape) == (1442, 8, 8)
    counts = [int((train.targets == c).sum() + (test.targets == c).sum()) for c in range(10)]
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # The sum of all pixels of the published set.
    assert int(train.data.sum() + test.data.sum()) == 561718
    assert int(train.data.max()) == 16


def test_digits_are_split_class_by_class() -> None:
    test = Digits(train=False)
    assert [int((test.targets == c).sum()) for c in range(10)] == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]


def test_a_digit_is_a_float_image_and_an_int() -> None:
    digits = Digits()
    image, target = digits[0]
    assert tuple(image.shape) == (1, 8, 8)
    assert image.dtype == torch.float32
    assert image.tolist()[0][0] == [0, 0, 0.3125, 0.8125, 0.5625, 0.0625, 0, 0]
    assert (type(target), target) == (int, 0)
    assert digits.classes == [str(i) for i in range(10)]
    assert digits.class_to_idx["7"] == 7
    assert repr(digits) == "Dataset Digits\n    Number of datapoints: 1442\n    Split: Train"


def test_transforms_are_applied() -> None:
    digits = Digits(transform=lambda image: image * 2 - 1, target_transform=lambda target: -target)
    image, target = digits[1]
    assert float(image.min()) == -1
    assert target == -1


def test_digits_load_in_batches() -> None:
    images, targets = next(iter(DataLoader(Digits(train=False), batch_size=50)))
    assert tuple(images.shape) == (50, 1, 8, 8)
    assert targets.dtype == torch.int64


def test_mnist_reads_plain_and_gzipped_files(folder: Path) -> None:
    data = MNIST(folder, train=False)
    assert tuple(data.data.shape) == (3, 28, 28)
    assert data.targets.tolist() == [7, 0, 9]
    image, target = data[0]
    assert target == 7
    assert tuple(image.shape) == (1, 28, 28)
    assert image[0, 0, :3].tolist() == pytest.approx([0, 1 / 255, 2 / 255])
    assert float(image.max()) == 1
    assert data.classes[3] == "3 - three"
    assert repr(data) == f"Dataset MNIST\n    Number of datapoints: 3\n    Root location: {folder}\n    Split: Test"


@pytest.mark.parametrize("cls", [MNIST, FashionMNIST])
def test_the_folders_of_torchvision_are_found(folder: Path, cls: type[MNIST]) -> None:
    raw = folder / cls.__name__ / "raw"
    raw.mkdir(parents=True)
    for name in (IMAGES, f"{LABELS}.gz"):
        os.rename(folder / name, raw / name)
    assert len(cls(str(folder), train=False)) == 3


def test_fashion_mnist_falls_back_on_the_system(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FashionMNIST.system_folder == "/usr/share/datasets/fashion-mnist"
    monkeypatch.setattr(FashionMNIST, "system_folder", str(folder))
    assert len(FashionMNIST(tmp_path_factory.mktemp("empty"), train=False)) == 3


def test_a_missing_set_names_the_places(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"Dataset not found\. You can use download=True") as caught:
        MNIST(tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in str(caught.value)


BROKEN: dict[str, tuple[str, bytes, str]] = {
    "empty": (IMAGES, b"", "truncated"),
    "header only": (IMAGES, idx(3, 28, 28)[:10], "truncated"),
    "short": (IMAGES, idx(3, 28, 28)[:-1], r"announces \(3, 28, 28\), and 2351 bytes follow"),
    "long": (IMAGES, idx(3, 28, 28) + b"x", "too long"),
    "magic": (IMAGES, b"\x89PNG" + bytes(100), "magic number 0x89504e47"),
    "type": (IMAGES, idx(3, 28, 28, kind=13), "type 0x0d"),
    "labels for images": (IMAGES, idx(3), "1 dimensions, and 3 are expected"),
    "gzip without its name": (IMAGES, gzip.compress(idx(3, 28, 28)), "gzipped"),
    "gzip cut off": (f"{IMAGES}.gz", gzip.compress(idx(3, 28, 28))[:-20], "truncated"),
    "gzip damaged": (f"{IMAGES}.gz", gzip.compress(idx(3, 28, 28))[:-8] + bytes(8), "no valid gzip"),
    "no gzip": (f"{IMAGES}.gz", b"<html>not found</html>", "no valid gzip"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_are_named_with_the_cause(folder: Path, case: str) -> None:
    name, content, why = BROKEN[case]
    (folder / IMAGES).unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(RuntimeError, match=why) as caught:
        MNIST(folder, train=False)
    assert str(folder / name) in str(caught.value)


def test_images_and_labels_must_match(folder: Path) -> None:
    (folder / IMAGES).write_bytes(idx(2, 28, 28))
    with pytest.raises(RuntimeError, match="2 images and 3 labels"):
        MNIST(folder, train=False)


def test_labels_out_of_range_are_refused(folder: Path) -> None:
    (folder / f"{LABELS}.gz").write_bytes(gzip.compress(idx(3, data=bytes([1, 2, 10]))))
    with pytest.raises(RuntimeError, match="go up to 10"):
        MNIST(folder, train=False)


# downloading, from a folder that stands for the server


@pytest.fixture
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path_factory.mktemp("server")
    files = {}
    for part in ("train", "t10k"):
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress((folder / IMAGES).read_bytes())
        files[f"{part}-labels-idx1-ubyte.gz"] = (folder / f"{LABELS}.gz").read_bytes()
    for name, content in files.items():
        (place / name).write_bytes(content)
    monkeypatch.setattr(MNIST, "mirrors", [(place / "gone").as_uri() + "/", place.as_uri() + "/"])
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(MNIST, "resources", sums)
    return place


def test_download_fills_the_folder_once(server: Path, tmp_path: Path) -> None:
    root = tmp_path / "new"
    assert len(MNIST(root, download=True)) == 3
    raw = root / "MNIST" / "raw"
    assert len(list(raw.iterdir())) == 4
    (server / "train-images-idx3-ubyte.gz").unlink()
    assert len(MNIST(root, download=True)) == 3


def test_a_wrong_checksum_leaves_nothing(server: Path, tmp_path: Path) -> None:
    (server / "train-images-idx3-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(RuntimeError, match=r"Error downloading train-images(.|\n)*MD5"):
        MNIST(tmp_path / "new", download=True)
    assert list((tmp_path / "new" / "MNIST" / "raw").iterdir()) == []


def test_nothing_is_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("download")

    monkeypatch.setattr(_download, "_fetch", refuse)
    with pytest.raises(RuntimeError, match="not found"):
        MNIST(tmp_path)


def test_progress_is_one_line_on_a_terminal_and_silent_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def show(make: Callable[[], io.StringIO]) -> str:
        stream = make()
        line = _download._Progress("file.gz", 2_000_000, stream)
        line.add(1_000_000)
        line.add(1_000_000)
        line.close()
        return stream.getvalue()

    assert show(Terminal) == "\rfile.gz:  50% of 2.0 MB\rfile.gz: 100% of 2.0 MB\n"
    assert show(io.StringIO) == ""
