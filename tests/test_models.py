"""`tensorrs.models`: names and shapes of the states, representations and first weights, as recorded from torchvision."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

import tensorrs as torch
from tensorrs import models, nn

# Of the state's (name, shape) and of `repr` in torchvision 0.29 (as tensorrs prints itself); for seed 0 the sum of the
# sizes of the first convolution's weights, and three outputs for a 64 x 64 picture of ones.
RECORDED = {
    "resnet18": ("0904c3ec11ed", "4233480d", 188.925, [0.1730792, 0.2864180, -0.1773538]),
    "resnet50": ("ac3cbc881885", "c11ffae0", 188.025, [-0.7830161, -2.6960289, 1.1041867]),
    "alexnet": ("687056d82fc6", "b2d9390d", 608.736, [0.0066453, -0.0086247, -0.0044241]),
}


def digest(text: str, size: int) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:size]


@pytest.mark.parametrize("name", RECORDED)
def test_the_model_is_torchvisions(name: str) -> None:
    state, shown, first, outputs = RECORDED[name]
    torch.manual_seed(0)
    net = getattr(models, name)(weights=None).eval()
    assert digest(repr([(k, tuple(v.shape)) for k, v in net.state_dict().items()]), 12) == state
    assert digest(repr(net), 8) == shown
    assert next(net.parameters()).double().abs().sum().item() == pytest.approx(first, abs=1e-3)
    with torch.no_grad():
        assert net(torch.ones(1, 3, 64, 64))[0, :3].tolist() == pytest.approx(outputs, rel=1e-3, abs=1e-6)


def test_vgg_has_its_blocks() -> None:
    class Small(models.VGG):
        def __init__(self, features: nn.Module, **kwargs: Any) -> None:
            nn.Module.__init__(self)
            self.features = features

    original, models.vgg.VGG = models.vgg.VGG, Small
    try:
        counts = {n: sum(isinstance(m, nn.Conv2d) for m in models.vgg._vgg(n, True, None).modules()) for n in (11, 19)}
    finally:
        models.vgg.VGG = original
    assert counts == {11: 8, 19: 16}


def test_weights_are_not_downloaded() -> None:
    with pytest.raises(ValueError, match="no weights to download"):
        models.resnet18(weights="DEFAULT")


def test_a_residual_block_may_start_as_the_identity() -> None:
    net = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=10, zero_init_residual=True)
    assert net.layer1[0].bn2.weight.abs().sum() == 0
    assert net(torch.ones(2, 3, 32, 32)).shape == (2, 10)
