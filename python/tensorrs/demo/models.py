"""The two networks: LeNet as one would write it today, and LeNet-5 as it was."""

from __future__ import annotations

from tensorrs import nn


def lenet(size: int) -> nn.Sequential:
    """Two convolutions with ReLU and max pooling, two linear layers. x: (n, 1, size, size), y: (n, 10)."""
    kernel, channels, hidden = (5, (8, 16), 120) if size >= 16 else (3, (24, 48), 96)
    return nn.Sequential(
        nn.Conv2d(1, channels[0], kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(channels[0], channels[1], kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(channels[1] * (size // 4) ** 2, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 10),
    )


def lenet_sigmoid() -> nn.Sequential:
    """LeNet-5 with sigmoids and average pooling, weights by Xavier. x: (n, 1, 28, 28), y: (n, 10).

    Follows Zhang et al., "Dive into Deep Learning", section 7.6.
    """
    model = nn.Sequential(
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
    model.apply(_xavier)
    return model


def _xavier(layer: nn.Module) -> None:
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(layer.weight)
