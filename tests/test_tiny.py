"""A small network learns a small task, end to end, in a second: the first test to run after any change."""

from __future__ import annotations

import numpy as np
import pytest

from under_test import T

RECORDED = [1.2242285, 1.1047328, 1.0858996, 1.1623628, 1.159741, 1.0940775, 1.0776125, 1.097932, 1.0981315, 1.0670936]


def spirals(count: int = 60) -> tuple[object, object]:
    """Two arms, points alternating between them."""
    steps = np.arange(count, dtype=np.float32) / count
    angle = 3.5 * steps + np.pi * (np.arange(count) % 2)
    points = np.stack([steps * np.cos(angle), steps * np.sin(angle)], axis=1).astype("float32")
    return T.from_numpy(points), T.from_numpy((np.arange(count) % 2).astype("int64"))


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_two_spirals(kind: str) -> None:
    points, arms = spirals()
    T.manual_seed(1)
    model = T.nn.Sequential(T.nn.Linear(2, 32), T.nn.Tanh(), T.nn.Linear(32, 32), T.nn.ReLU(), T.nn.Linear(32, 2))
    options = {"lr": 0.3, "momentum": 0.9} if kind == "SGD" else {"lr": 0.02}
    optimizer = getattr(T.optim, kind)(model.parameters(), **options)
    loss = T.tensor(0.0)
    for _ in range(150):
        optimizer.zero_grad()
        loss = T.nn.functional.cross_entropy(model(points), arms)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert (model(points).argmax(1) == arms).float().mean().item() > 0.95


def test_a_convolution_learns_where_the_line_is() -> None:
    T.manual_seed(0)
    images = T.zeros(32, 1, 8, 8)
    labels = T.arange(32) % 2
    for k in range(32):
        if k % 2:
            images[k, 0, (k // 2) % 8] = 1
        else:
            images[k, 0, :, (k // 2) % 8] = 1
    nn = T.nn
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 2)
    )
    optimizer = T.optim.Adam(model.parameters(), lr=0.02)
    first = last = 0.0
    for step in range(40):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(images), labels)
        loss.backward()
        optimizer.step()
        first, last = (loss.item() if step == 0 else first), loss.item()
    assert last < 0.05 < first
    model.eval()
    assert (model(images).argmax(1) == labels).all()


def test_the_losses_of_the_first_steps_are_pytorchs() -> None:
    """Same seed, same data: the first ten losses, recorded from PyTorch."""
    T.manual_seed(42)
    model = T.nn.Sequential(T.nn.Linear(4, 8), T.nn.Sigmoid(), T.nn.Linear(8, 3))
    x, y = T.randn(20, 4), T.randint(3, (20,))
    optimizer = T.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = T.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    np.testing.assert_allclose(losses, RECORDED, rtol=1e-5)
