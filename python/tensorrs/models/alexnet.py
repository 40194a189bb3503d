"""AlexNet: five convolutions and three linear layers."""

from __future__ import annotations

from typing import Any

from tensorrs import Tensor, flatten, nn

from ._weights import refuse


class AlexNet(nn.Module):
    """AlexNet in the form of one column. x: (n, 3, h, w) with h, w >= 63, usually 224; y: (n, num_classes).

    A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997 (2014).
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(flatten(self.avgpool(self.features(x)), 1))
        return y


def alexnet(*, weights: None = None, progress: bool = True, **kwargs: Any) -> AlexNet:
    """An `AlexNet`; `kwargs` are its arguments. 61.1 million parameters with 1000 classes.

    Raises ValueError for `weights` other than None; `progress` is taken and not used.
    """
    refuse(weights)
    return AlexNet(**kwargs)
