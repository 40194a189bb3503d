"""The data sets: what they hold, where they look, and what they say about broken files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import tensorrs as torch
from tensorrs import datasets
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


# CIFAR, folders of images, random images


def cifar_files(folder: Path, names: dict[str, int], key: str, meta: tuple[str, str]) -> None:
    """Files as their author made them, with Python 2 and NumPy."""
    folder.mkdir()
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntU\x01btR"
    array += b"(I1\n(I%d\nI3072\ntcnumpy\ndtype\n(U\x02u1I0\nI1\ntRI00\nT"
    for name, count in names.items():
        data = bytes((7 * i) % 256 for i in range(3072 * count))
        code = b"\x80\x02}(U\x04data" + array % count + len(data).to_bytes(4, "little") + data + b"tb"
        labels = b"".join(b"K" + bytes([i % 3]) for i in range(count))
        code += b"U" + bytes([len(key)]) + key.encode() + b"](" + labels + b"eu."
        (folder / name).write_bytes(code)
    file, field = meta
    (folder / file).write_bytes(b"\x80\x02}U" + bytes([len(field)]) + field.encode() + b"](U\x03catU\x03dogU\x03owles.")


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar(name: str, tmp_path: Path) -> None:
    kind = getattr(datasets, name)
    counts = {file: 2 for file in kind.train_list} | {kind.test_list[0]: 3}
    cifar_files(tmp_path / kind.base_folder, counts, kind.label_key, kind.meta)
    train, test = kind(tmp_path), kind(tmp_path, train=False, transform=lambda x: x + 1)
    assert len(train) == 2 * len(kind.train_list)
    assert len(test) == 3
    assert train.classes == ["cat", "dog", "owl"]
    assert train.data.shape == (len(train), 32, 32, 3)
    image, target = train[1]
    assert image.shape == (3, 32, 32)
    assert target == 1
    # Channel 2, row 1, column 5 of the second image, as the author lays them out.
    assert round(image[2, 1, 5].item() * 255) == 7 * (3072 + 2 * 1024 + 32 + 5) % 256
    assert train.data[1, 1, 5, 2].item() == 7 * (3072 + 2 * 1024 + 32 + 5) % 256
    assert test[0][0].min() >= 1
    with pytest.raises(RuntimeError, match="download=True"):
        kind(tmp_path / "nowhere")
    broken = tmp_path / kind.base_folder / kind.test_list[0]
    broken.write_bytes(broken.read_bytes()[:-5])
    with pytest.raises(RuntimeError, match="is broken"):
        kind(tmp_path, train=False)
    broken.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(RuntimeError, match="names os.system"):
        kind(tmp_path, train=False)


def test_cifar_written_by_python_3(tmp_path: Path) -> None:
    """Files made again with today's Python and NumPy: bytes are a text there, and the array's module has a new name."""
    numpy = pytest.importorskip("numpy")
    folder = tmp_path / datasets.CIFAR10.base_folder
    folder.mkdir()
    data = numpy.arange(2 * 3072, dtype=numpy.int64).astype(numpy.uint8).reshape(2, 3072)
    (folder / "test_batch").write_bytes(pickle.dumps({"data": data, "labels": [4, 5]}, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["cat"]}, protocol=2))
    test = datasets.CIFAR10(tmp_path, train=False, download=True)
    assert test.targets.tolist() == [4, 5]
    assert test.data.permute(0, 3, 1, 2).reshape(2, 3072).tolist() == data.tolist()


def test_image_folder(tmp_path: Path) -> None:
    from PIL import Image

    for name, grey in (("dog/b.png", 10), ("dog/deep/a.PNG", 20), ("cat/z.bmp", 30)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2), grey).save(tmp_path / name)
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    folder = datasets.ImageFolder(tmp_path, target_transform=lambda c: -c)
    assert folder.classes == ["cat", "dog"]
    assert folder.class_to_idx == {"cat": 0, "dog": 1}
    assert [(Path(p).name, c) for p, c in folder.imgs] == [("z.bmp", 0), ("b.png", 1), ("a.PNG", 1)]
    image, target = folder[2]
    assert (image.mode, image.size, target) == ("RGB", (3, 2), -1)
    assert image.getpixel((0, 0)) == (20, 20, 20)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="classes empty"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 3
    with pytest.raises(FileNotFoundError, match="class folder"):
        datasets.ImageFolder(tmp_path / "empty")


def test_fake_data() -> None:
    data = datasets.FakeData(3, (3, 4, 5), 7)
    torch.manual_seed(3)
    before = torch.rand(1)
    torch.manual_seed(3)
    image, target = data[1]
    assert torch.rand(1) == before
    assert (image.size, image.mode, type(target)) == ((5, 4), "RGB", int)
    assert data[1][0].tobytes() == image.tobytes()
    assert 0 <= target < 7
    with pytest.raises(IndexError):
        data[3]
