"""The main job: LeNet-5 on Fashion-MNIST goes the way it goes in PyTorch, step by step."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from under_test import T

GOLDEN = json.loads((Path(__file__).parent / "golden" / "lenet.json").read_text())
nn = T.nn


def lenet() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


def init_weights(module: Any) -> None:
    if type(module) in (nn.Linear, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)


@pytest.fixture
def data() -> tuple[Any, Any]:
    folder = os.environ.get("TENSORRS_TEST_DATA")
    if not folder or not (Path(folder) / "fashion-mnist").is_dir():
        pytest.skip("TENSORRS_TEST_DATA has no fashion-mnist")
    train = T.datasets.FashionMNIST(Path(folder) / "fashion-mnist", train=True)
    return train.data.unsqueeze(1).float() / 255, train.targets


def test_first_hundred_losses_are_pytorchs(data: tuple[Any, Any]) -> None:
    images, labels = data
    T.manual_seed(GOLDEN["seed"])
    net = lenet()
    net.apply(init_weights)
    optimizer = T.optim.SGD(net.parameters(), lr=GOLDEN["lr"])
    order = T.randperm(len(labels))
    size = GOLDEN["batch"]
    losses = []
    for step in range(GOLDEN["steps"]):
        batch = order[step * size : (step + 1) * size]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    worst = max(abs(a - b) for a, b in zip(losses, GOLDEN["losses"], strict=True))
    assert worst < 1e-4, f"largest difference {worst}"
