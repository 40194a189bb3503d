"""Training steps of whole models; with a folder of data also an epoch of LeNet-5 on Fashion-MNIST."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from compare import networks
from compare.models import TASKS, Task, training
from compare.row import Group, Program, Row
from compare.side import Side

GROUP = Group("training", "training steps", 0.5)
# Of the loss, and of the gradients of the first and last parameter: a ReLU at zero or a tie of a pool turns with a
# rounding, and a batch norm above leaves the first convolution little but differences.
TOLERANCE = (1e-5, 1e-2, 1e-4)


def rows() -> list[Row]:
    def row(task: Task) -> Row:
        return Row(task.name, lambda s: training(task, s), tol=TOLERANCE, exact=False, layouts=task.layouts)

    return [row(task) for task in TASKS]


GROUP.rows += rows()


def fashion(folder: Path) -> tuple[Any, Any]:
    """Training images and labels of Fashion-MNIST from IDX files, packed or not."""
    import numpy as np

    def read(name: str, skip: int) -> Any:
        for base in (folder, folder / "fashion-mnist", folder / "FashionMNIST" / "raw"):
            for path, opener in ((base / f"{name}.gz", gzip.open), (base / name, open)):
                if path.exists():
                    with opener(path, "rb") as file:
                        return np.frombuffer(file.read(), np.uint8, offset=skip)
        raise FileNotFoundError(f"{name} is not below {folder}")

    images = read("train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    return images, read("train-labels-idx1-ubyte", 8).astype("int64")


def epoch(folder: Path, batch: int = 256) -> Row:
    """LeNet-5 with Xavier weights and SGD over all images; gives the last loss."""

    def build(T: Any) -> Any:
        model = networks.lenet(T)
        for layer in model:
            if hasattr(layer, "weight"):
                T.nn.init.xavier_uniform_(layer.weight)
        return model

    def make(s: Side) -> Program:
        images, labels = fashion(folder)
        x, y = s.T.from_numpy(images.astype("float32") / 255), s.T.from_numpy(labels.copy())
        model = s.model(build)
        optimizer = s.T.optim.SGD(model.parameters(), lr=0.9)

        def run() -> Any:
            loss = None
            for at in range(0, len(y), batch):
                loss = s.T.nn.functional.cross_entropy(model(x[at : at + batch]), y[at : at + batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return loss

        return run

    return Row("LeNet-5, an epoch of Fashion-MNIST", make, tol=5e-2, exact=False)
