"""ResNet: blocks whose result is added to their input."""

from __future__ import annotations

from typing import Any

from tensorrs import Tensor, flatten, nn

from ._weights import refuse


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the picture's size but for the stride; the norm behind it has the bias."""
    return nn.Conv2d(inputs, outputs, kernel_size=size, stride=stride, padding=size // 2, bias=False)


class BasicBlock(nn.Module):
    """y = relu(f(x) + s(x)): f two 3 x 3 convolutions with norms, s the identity or `downsample`.

    x: (n, inplanes, h, w), y: (n, planes, h / stride, w / stride).
    """

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = _conv(inplanes, planes, 3, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv(planes, planes, 3)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        y: Tensor = self.relu(out + shortcut)
        return y


class Bottleneck(nn.Module):
    """As `BasicBlock`, with convolutions of 1 x 1, 3 x 3 (which has the stride) and 1 x 1.

    x: (n, inplanes, h, w), y: (n, 4 planes, h / stride, w / stride).
    """

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = _conv(inplanes, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv(planes, planes, 3, stride)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = _conv(planes, planes * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        y: Tensor = self.relu(out + shortcut)
        return y


class ResNet(nn.Module):
    """Four groups of `layers[i]` blocks behind a 7 x 7 convolution. x: (n, 3, h, w), y: (n, num_classes).

    Convolutions start by He's normal for the outputs (`fan_out`); `zero_init_residual` starts the last norm of each
    block with 0, so that blocks begin as the identity.

    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR (2016).
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: list[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
    ) -> None:
        super().__init__()
        self.inplanes = 64
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._group(block, 64, layers[0], 1)
        self.layer2 = self._group(block, 128, layers[1], 2)
        self.layer3 = self._group(block, 256, layers[2], 2)
        self.layer4 = self._group(block, 512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    nn.init.zeros_(last.weight)

    def _group(self, block: type[BasicBlock | Bottleneck], planes: int, count: int, stride: int) -> nn.Sequential:
        outputs = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != outputs:
            downsample = nn.Sequential(_conv(self.inplanes, outputs, 1, stride), nn.BatchNorm2d(outputs))
        blocks = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = outputs
        blocks += [block(outputs, planes) for _ in range(1, count)]
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        y: Tensor = self.fc(flatten(self.avgpool(x), 1))
        return y


def resnet18(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """A `ResNet` of 8 basic blocks; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    refuse(weights)
    return ResNet(BasicBlock, [2, 2, 2, 2], **kwargs)


def resnet34(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """A `ResNet` of 16 basic blocks; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    refuse(weights)
    return ResNet(BasicBlock, [3, 4, 6, 3], **kwargs)


def resnet50(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """A `ResNet` of 16 bottlenecks; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    refuse(weights)
    return ResNet(Bottleneck, [3, 4, 6, 3], **kwargs)


def resnet101(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """A `ResNet` of 33 bottlenecks; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    refuse(weights)
    return ResNet(Bottleneck, [3, 4, 23, 3], **kwargs)


def resnet152(*, weights: None = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """A `ResNet` of 50 bottlenecks; `kwargs` are its arguments. Raises ValueError for `weights` other than None."""
    refuse(weights)
    return ResNet(Bottleneck, [3, 8, 36, 3], **kwargs)
