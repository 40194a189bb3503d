"""VGG: blocks of 3 x 3 convolutions, each ended by a max pool, then three linear layers."""

from __future__ import annotations

from typing import Any

from tensorrs import Tensor, flatten, nn

from ._weights import refuse

_CHANNELS = (64, 128, 256, 512, 512)
# How many convolutions each block has, by the number of layers with weights.
_BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """`features`, seven by seven averages of them, three linear layers. x: (n, 3, h, w), y: (n, num_classes).

    `init_weights`: convolutions by He's normal for the outputs (`fan_out`), linear weights by N(0, 0.01), biases 0.

    K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR (2015).
    """

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            for module in self.modules():
                _start(module)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(flatten(self.avgpool(self.features(x)), 1))
        return y


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
    if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _vgg(depth: int, norm: bool, weights: object, **kwargs: Any) -> VGG:
    refuse(weights)
    layers: list[nn.Module] = []
    channels = 3
    for count, width in zip(_BLOCKS[depth], _CHANNELS, strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(channels, width, kernel_size=3, padding=1))
            layers += [nn.BatchNorm2d(width)] if norm else []
            layers.append(nn.ReLU(inplace=True))
            channels = width
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return VGG(nn.Sequential(*layers), **kwargs)


def vgg11(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """A `VGG` with 8 convolutions; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    return _vgg(11, False, weights, **kwargs)


def vgg11_bn(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """`vgg11` with a batch norm after each convolution."""
    return _vgg(11, True, weights, **kwargs)


def vgg13(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """A `VGG` with 10 convolutions; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    return _vgg(13, False, weights, **kwargs)


def vgg13_bn(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """`vgg13` with a batch norm after each convolution."""
    return _vgg(13, True, weights, **kwargs)


def vgg16(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """A `VGG` with 13 convolutions; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    return _vgg(16, False, weights, **kwargs)


def vgg16_bn(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """`vgg16` with a batch norm after each convolution."""
    return _vgg(16, True, weights, **kwargs)


def vgg19(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """A `VGG` with 16 convolutions; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    return _vgg(19, False, weights, **kwargs)


def vgg19_bn(*, weights: None = None, progress: bool = True, **kwargs: Any) -> VGG:
    """`vgg19` with a batch norm after each convolution."""
    return _vgg(19, True, weights, **kwargs)
