"""The demo: what it trains, writes and says, and how it ends when something is in its way."""

from __future__ import annotations

import builtins
import io
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import tensorrs as torch
from tensorrs.demo import main, progress, training
from tensorrs.demo.models import lenet, lenet_sigmoid

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """A data set in the form of MNIST with 60 images: class c is a bright row c."""
    folder = tmp_path / "idx"
    folder.mkdir()
    images = b"".join(bytes(28 * 2 * c) + b"\xff" * 56 + bytes(28 * (26 - 2 * c)) for c in (i % 10 for i in range(60)))
    sizes = b"".join(n.to_bytes(4, "big") for n in (60, 28, 28))
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + images)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            b"\0\0\x08\x01" + sizes[:4] + bytes(i % 10 for i in range(60))
        )
    return folder


def test_digits_reach_97_percent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path)]) == 0
    saved = torch.load(tmp_path / "checkpoint.pt")
    history = saved["history"]
    assert len(history) == 15
    assert history[-1]["test_accuracy"] >= 0.97
    said = capsys.readouterr().out
    assert "1442 training and 355 test images of 8 x 8 pixels" in said
    assert f"test accuracy {history[-1]['test_accuracy']:.4f}" in said
    assert "images/s" in said


def test_one_seed_gives_one_result(tmp_path: Path) -> None:
    histories = []
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert main(["--out", str(tmp_path / name), "--epochs", "1", "--seed", seed]) == 0
        histories.append(torch.load(tmp_path / name / "checkpoint.pt")["history"])
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_the_checkpoint_holds_the_model(tmp_path: Path) -> None:
    main(["--out", str(tmp_path), "--epochs", "1"])
    saved = torch.load(tmp_path / "checkpoint.pt")
    model = lenet(8)
    model.load_state_dict(saved["model"])
    torch.optim.Adam(model.parameters()).load_state_dict(saved["optimizer"])
    assert saved["settings"]["epochs"] == 1


def test_pictures(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    main(["--out", str(tmp_path), "--epochs", "2"])
    for name in ("curves.png", "predictions.png"):
        assert (tmp_path / name).read_bytes()[:8] == PNG
        with image.open(tmp_path / name) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 3


def test_without_pillow_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "PIL")
    assert main(["--out", str(tmp_path), "--epochs", "1"]) == 0
    assert "Pillow is not installed" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)


@pytest.mark.parametrize("model", ["lenet", "lenet-sigmoid"])
def test_folders_of_idx_files(idx_folder: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    options = ["--dataset", "mnist", "--data", str(idx_folder), "--model", model, "--epochs", "1", "--out", str(out)]
    assert main([*options, "--batch-size", "16"]) == 0
    assert "60 training and 60 test images of 28 x 28 pixels" in capsys.readouterr().out
    assert (out / "checkpoint.pt").is_file()


def test_the_networks_have_the_shapes_of_the_book() -> None:
    x = torch.zeros(2, 1, 28, 28)
    shapes = []
    for layer in lenet_sigmoid():
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes[:7:2] == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (400,)]
    assert sum(p.numel() for p in lenet_sigmoid().parameters()) == 61706
    assert tuple(lenet(28)(torch.zeros(2, 1, 28, 28)).shape) == (2, 10)


# ends that are not good ones


def test_an_interrupt_leaves_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = training.progress
    # A process started in the background of a shell ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupted(steps: Any, total: int, label: str) -> Any:
        for i, step in enumerate(real(steps, total, label)):
            if label.startswith("epoch 2") and i == 3:
                signal.raise_signal(signal.SIGINT)
            yield step

    monkeypatch.setattr(training, "progress", interrupted)
    try:
        assert main(["--out", str(tmp_path)]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    saved = torch.load(tmp_path / "checkpoint.pt")
    assert len(saved["history"]) == 1
    assert str(tmp_path / "checkpoint.pt") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--dataset", "mnist", "--data", "/no/such/folder"], "--data /no/such/folder: there is no such folder"),
        (["--device", "nonsense"], "nonsense"),
    ],
)
def test_errors_are_one_line(options: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*options, "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("tensorrs.demo: error: ")
    assert text in said
    assert "Traceback" not in said


def test_an_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dataset", "mnist", "--data", str(tmp_path), "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"mnist is not in {tmp_path}" in said
    assert "--download" in said


@pytest.mark.parametrize(
    "options",
    [
        ["--model", "lenet-sigmoid"],
        ["--epochs", "0"],
        ["--batch-size", "-1"],
        ["--lr", "nan"],
        ["--dataset", "cifar"],
    ],
)
def test_bad_options_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


# the bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    stream = Terminal()
    assert list(progress.progress(iter("abcd"), 4, "epoch 1", stream)) == list("abcd")
    lines = stream.getvalue().split("\r")
    assert lines[2] == "epoch 1 [" + "=" * 15 + " " * 15 + "]  50%"
    assert lines[-2].strip() == ""


def test_no_bar_without_a_terminal() -> None:
    stream = io.StringIO()
    assert list(progress.progress([1, 2], 2, "x", stream)) == [1, 2]
    assert stream.getvalue() == ""
