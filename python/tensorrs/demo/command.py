"""The command line of the demo, and the steps it takes."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import tensorrs
from tensorrs import optim
from tensorrs.datasets import MNIST, Digits, FashionMNIST
from tensorrs.utils.data import TensorDataset

from .models import lenet, lenet_sigmoid
from .training import Trainer

INTERRUPTED = 130

# (epochs, batch size, learning rate) where the command line does not say
_DEFAULTS = {
    ("lenet", "digits"): (15, 32, 2e-3),
    ("lenet", "mnist"): (3, 64, 1e-3),
    ("lenet", "fashion-mnist"): (5, 64, 1e-3),
    ("lenet-sigmoid", "mnist"): (10, 256, 0.9),
    ("lenet-sigmoid", "fashion-mnist"): (10, 256, 0.9),
}
_SHOWN = 32


def run(arguments: list[str] | None = None) -> int:
    """Train as the arguments of the command line say, and print how it goes; the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    defaults = _DEFAULTS.get((options.model, options.dataset))
    if defaults is None:
        parser.error("--model lenet-sigmoid takes images of 28 x 28 pixels: choose --dataset mnist or fashion-mnist")
    for name, value in zip(("epochs", "batch_size", "lr"), defaults, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.out is None:
        options.out = os.path.join("runs", f"{options.model}-{options.dataset}")
    try:
        return _train(options)
    except KeyboardInterrupt:
        path = _checkpoint(options)
        print(f"\ninterrupted; {f'saved {path}' if os.path.exists(path) else 'nothing to save yet'}", file=sys.stderr)
        return INTERRUPTED
    except (OSError, RuntimeError) as error:
        print(f"tensorrs.demo: error: {error}", file=sys.stderr)
        return 1


def _train(options: argparse.Namespace) -> int:
    train, test = (_load(options, part) for part in (True, False))
    tensorrs.manual_seed(options.seed)
    size = train.data.shape[-1]
    model = (lenet_sigmoid() if options.model == "lenet-sigmoid" else lenet(size)).to(options.device)
    make = optim.SGD if options.model == "lenet-sigmoid" else optim.Adam
    optimizer = make(model.parameters(), lr=options.lr)
    # LeNet-5 of the book keeps its rate; the other one ends with a third of the epochs at a tenth of it.
    gamma = 1.0 if options.model == "lenet-sigmoid" else 0.1
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=max(1, -(-2 * options.epochs // 3)), gamma=gamma)
    print(f"{options.dataset}: {len(train)} training and {len(test)} test images of {size} x {size} pixels")
    print(f"{options.model}: {sum(p.numel() for p in model.parameters())} parameters, {make.__name__}, lr {options.lr}")
    trainer = Trainer(model, optimizer, schedule, options.device, _checkpoint(options), vars(options).copy())
    trainer.fit(_tensors(train), _tensors(test), options.epochs, options.batch_size)
    print(f"test accuracy {trainer.history[-1]['test_accuracy']:.4f}, {trainer.throughput:.0f} images/s in training")
    print(f"saved {_checkpoint(options)}")
    _draw(trainer, test, options.out)
    return 0


def _load(options: argparse.Namespace, train: bool) -> Any:
    if options.dataset == "digits":
        return Digits(train=train)
    kind = MNIST if options.dataset == "mnist" else FashionMNIST
    folder = options.data or "data"
    if options.data is not None and not options.download and not os.path.isdir(folder):
        raise FileNotFoundError(f"--data {folder}: there is no such folder")
    try:
        return kind(folder, train=train, download=options.download)
    except RuntimeError as error:
        if "Dataset not found" not in str(error):
            raise
        raise RuntimeError(
            f"{options.dataset} is not in {', '.join(_places(kind, folder))}. Name its folder with --data, or let "
            "--download fetch it"
        ) from None


def _places(kind: type[MNIST], folder: str) -> list[str]:
    own = [folder, os.path.join(folder, kind.__name__, "raw")]
    return own if kind.system_folder is None else [*own, kind.system_folder]


def _tensors(data: Any) -> TensorDataset:
    """All images as one float tensor: cheaper than to convert each of them in every epoch."""
    return TensorDataset(data.data.unsqueeze(1).float() / data.white, data.targets)


def _draw(trainer: Trainer, test: Any, out: str) -> None:
    try:
        from .pictures import draw_curves, draw_predictions

        curves, predictions = os.path.join(out, "curves.png"), os.path.join(out, "predictions.png")
        draw_curves(trainer.history, curves)
        images = test.data[:_SHOWN].float() / test.white
        draw_predictions(
            images, test.classes, test.targets[:_SHOWN].tolist(), trainer.predict(images.unsqueeze(1)), predictions
        )
        print(f"drew {curves} and {predictions}")
    except ImportError:
        print("Pillow is not installed, so no pictures are drawn: pip install 'tensorrs[demo]'")


def _checkpoint(options: argparse.Namespace) -> str:
    return os.path.join(options.out, "checkpoint.pt")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tensorrs.demo", description="Train a small convolutional network on real images."
    )
    parser.add_argument("--dataset", choices=("digits", "mnist", "fashion-mnist"), default="digits")
    parser.add_argument("--model", choices=("lenet", "lenet-sigmoid"), default="lenet")
    parser.add_argument("--data", metavar="DIR", help="folder of the IDX files (digits are inside the package)")
    parser.add_argument("--download", action="store_true", help="fetch the files into the folder if they are missing")
    parser.add_argument("--epochs", type=_positive(int), metavar="N")
    parser.add_argument("--batch-size", type=_positive(int), metavar="N")
    parser.add_argument("--lr", type=_positive(float), metavar="X")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", metavar="DIR", help="folder for checkpoint and pictures (runs/MODEL-DATASET)")
    return parser


def _positive(kind: Any) -> Any:
    def parse(text: str) -> Any:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above zero")
        return value

    parse.__name__ = kind.__name__
    return parse
