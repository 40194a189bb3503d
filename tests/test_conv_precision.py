"""`set_conv_precision`: each mode is taken, stays within its error, and is refused when it is none of the three."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tensorrs
from tensorrs import Tensor
from tensorrs.nn import functional as F


@pytest.fixture(autouse=True)
def _precision() -> Iterator[None]:
    before = tensorrs.get_conv_precision()
    yield
    tensorrs.set_conv_precision(before)


def results(inputs: tuple[Tensor, Tensor, Tensor]) -> list[Tensor]:
    """Output, and the gradients of input and weight, of a layer large enough for every path."""
    x, weight, grad = (t.clone().requires_grad_() for t in inputs)
    y = F.conv2d(x, weight, padding=1)
    return [y.detach(), *tensorrs.autograd.grad(y, [x, weight], grad)]


def test_each_mode_stays_within_its_error() -> None:
    tensorrs.manual_seed(3)
    inputs = tensorrs.randn(2, 64, 40, 41), tensorrs.randn(64, 64, 3, 3) / 24, tensorrs.randn(2, 64, 40, 41)
    x, weight, grad = (t.double() for t in inputs)
    exact = results((x, weight, grad))
    found = {}
    # Largest error by largest value. The weight's gradient sums over all pixels.
    for mode, limit in (("highest", 2e-6), ("high", 2e-6), ("medium", 1e-5)):
        tensorrs.set_conv_precision(mode)
        assert tensorrs.get_conv_precision() == mode
        found[mode] = results(inputs)
        for got, want, most in zip(found[mode], exact, (limit, limit, 1e-5), strict=True):
            error = (got.double() - want).abs().max() / want.abs().max()
            assert error.item() < most, mode
    for highest, high in zip(found["highest"], found["high"], strict=True):
        assert not tensorrs.equal(highest, high)
    for i in range(2):
        assert not tensorrs.equal(found["high"][i], found["medium"][i])
    # The weight's gradient has no larger tiles.
    assert tensorrs.equal(found["high"][2], found["medium"][2])


def test_whole_numbers_stay_whole() -> None:
    x = tensorrs.randint(-9, 9, (1, 64, 40, 40))
    weight = tensorrs.randint(-9, 9, (64, 64, 3, 3))
    tensorrs.set_conv_precision("highest")
    expected = F.conv2d(x.float(), weight.float(), padding=1)
    tensorrs.set_conv_precision("high")
    assert tensorrs.equal(F.conv2d(x.float(), weight.float(), padding=1), expected)
    tensorrs.set_conv_precision("medium")
    assert tensorrs.equal(F.conv2d(x.double(), weight.double(), padding=1), expected.double())


def test_other_modes_are_refused() -> None:
    assert tensorrs.get_conv_precision() == "high"
    with pytest.raises(RuntimeError, match="^best is not one of 'highest', 'high', or 'medium'; the current setConv"):
        tensorrs.set_conv_precision("best")
    with pytest.raises(RuntimeError, match="^set_conv_precision expects a str, but got int$"):
        tensorrs.set_conv_precision(2)  # type: ignore[arg-type]
    assert tensorrs.get_conv_precision() == "high"
