"""Convolutions, forward and forward with backward: the layers of the usual networks at the sizes they have there.

PyTorch is timed on channels_last as well where the input is 4-d. The gradient of the input is left out where the input
is an image (up to three channels), as in a first layer.
"""

from __future__ import annotations

from typing import Any

from compare.row import Group, Program, Row
from compare.side import Side

FORWARD = Group("conv", "convolutions, forward", 0.6)
BACKWARD = Group("conv-backward", "convolutions, forward and backward", 0.6)


def add(name: str, x: tuple[int, ...], w: tuple[int, ...], transposed: bool = False, **how: Any) -> None:
    """`x` and `w` are the shapes of the input and of the weight, `how` the arguments of the functional."""
    dims = len(x) - 2
    called = f"conv{'_transpose' if transposed else ''}{dims}d"
    groups = how.get("groups", 1)
    cout = w[1] * groups if transposed else w[0]
    kernel = 1
    for n in w[2:]:
        kernel *= n
    per_output = kernel * (w[0] if transposed else w[1])
    flops = 2.0 * per_output * cout * x[0] * _outputs(x, w, transposed, **how)

    def made(s: Side, grad: bool) -> tuple[Any, Any, Any]:
        image = s.numbers(*x, grad=grad and x[1] > 3)
        return image, s.numbers(*w, seed=1, grad=grad), s.numbers(cout, seed=2, grad=grad)

    def forward(s: Side) -> Program:
        image, weight, bias = made(s, grad=False)
        act = getattr(s.T.nn.functional, called)
        return lambda: act(image, weight, bias, **how)

    def backward(s: Side) -> Program:
        image, weight, bias = made(s, grad=True)
        act = getattr(s.T.nn.functional, called)
        wanted = [t for t in (image, weight, bias) if t.requires_grad]
        g = s.numbers(*act(image, weight, bias, **how).shape, seed=3)
        return lambda: s.grad(act(image, weight, bias, **how), wanted, g)

    four, long = dims == 2, x[0] * _outputs(x, w, transposed, **how)
    exact = flops < 3e9  # float64 convolutions are slow in PyTorch
    FORWARD.rows.append(Row(name, forward, per_output, exact=exact, layouts=four, flops=flops))
    BACKWARD.rows.append(Row(name, backward, max(per_output, long), exact=exact, layouts=four))


def _outputs(x: tuple[int, ...], w: tuple[int, ...], transposed: bool, **how: Any) -> int:
    """Numbers in one channel of one image of the output (of the input where transposed: each is used once)."""
    count = 1
    for n, k in zip(x[2:], w[2:], strict=True):
        if not transposed:
            k = how.get("dilation", 1) * (k - 1) + 1
            n = (n + 2 * how.get("padding", 0) - k) // how.get("stride", 1) + 1
        count *= n
    return count


add("LeNet 1: 1 to 6, 5x5, 28, N 128", (128, 1, 28, 28), (6, 1, 5, 5), padding=2)
add("LeNet 2: 6 to 16, 5x5, 14, N 128", (128, 6, 14, 14), (16, 6, 5, 5))
add("CIFAR 1: 3 to 32, 3x3, 32, N 64", (64, 3, 32, 32), (32, 3, 3, 3), padding=1)
add("CIFAR 5x5: 3 to 32, 5x5, 32, N 128", (128, 3, 32, 32), (32, 3, 5, 5), padding=2)
add("CIFAR 2: 32 to 32, 3x3, 32, N 128", (128, 32, 32, 32), (32, 32, 3, 3), padding=1)
add("128 px 1: 3 to 16, 3x3, 128, N 128", (128, 3, 128, 128), (16, 3, 3, 3), padding=1)
add("128 px 2: 16 to 32, 3x3, 64, N 128", (128, 16, 64, 64), (32, 16, 3, 3), padding=1)
add("ResNet 64 to 64, 3x3, 56, N 8", (8, 64, 56, 56), (64, 64, 3, 3), padding=1)
add("ResNet 128 to 128, 3x3, 28, N 8", (8, 128, 28, 28), (128, 128, 3, 3), padding=1)
add("ResNet 256 to 256, 3x3, 14, N 8", (8, 256, 14, 14), (256, 256, 3, 3), padding=1)
add("ResNet 512 to 512, 3x3, 7, N 8", (8, 512, 7, 7), (512, 512, 3, 3), padding=1)
add("stem 3 to 64, 7x7 stride 2, 224, N 4", (4, 3, 224, 224), (64, 3, 7, 7), stride=2, padding=3)
add("1x1: 256 to 64, 56, N 8", (8, 256, 56, 56), (64, 256, 1, 1))
add("1x1: 512 to 512, 14, N 8", (8, 512, 14, 14), (512, 512, 1, 1))
add("1x1 stride 2: 64 to 128, 56, N 8", (8, 64, 56, 56), (128, 64, 1, 1), stride=2)
add("depthwise 64, 3x3, 56, N 8", (8, 64, 56, 56), (64, 1, 3, 3), padding=1, groups=64)
add("depthwise 256, 3x3, 14, N 8", (8, 256, 14, 14), (256, 1, 3, 3), padding=1, groups=256)
add("depthwise 128, 3x3 stride 2, 28, N 8", (8, 128, 28, 28), (128, 1, 3, 3), stride=2, padding=1, groups=128)
add("dilated 2: 64 to 64, 3x3, 28, N 8", (8, 64, 28, 28), (64, 64, 3, 3), padding=2, dilation=2)
add("1d: 64 to 128, 5, 1000, N 8", (8, 64, 1000), (128, 64, 5), padding=2)
add("3d: 16 to 32, 3x3x3, 16x32x32, N 2", (2, 16, 16, 32, 32), (32, 16, 3, 3, 3), padding=1)
add("transposed 64 to 32, 4x4 stride 2, 16, N 8", (8, 64, 16, 16), (64, 32, 4, 4), True, stride=2, padding=1)
add("transposed 128 to 64, 2x2 stride 2, 28, N 8", (8, 128, 28, 28), (128, 64, 2, 2), True, stride=2)
