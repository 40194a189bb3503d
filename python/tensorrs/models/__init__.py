"""Image networks under torchvision's names: their states can be exchanged, and the same seed gives the same weights.

Nothing is downloaded. Weights come from a file: `net.load_state_dict(tensorrs.load("resnet18.pth"))`.
"""

from __future__ import annotations

from .alexnet import AlexNet, alexnet
from .resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

__all__ = [
    "VGG",
    "AlexNet",
    "ResNet",
    "alexnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]
