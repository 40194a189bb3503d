"""Convolutions and pools written as loops, held against the layers; a kernel learned from what it should find.

Runs with PyTorch too: change the import.
"""

from __future__ import annotations

import tensorrs as torch
import tensorrs.nn.functional as F
from tensorrs import nn


def correlate(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """y[i, j] = sum of x[i : i + h, j : j + w] * kernel. x: (H, W), kernel: (h, w), y: (H - h + 1, W - w + 1)."""
    h, w = kernel.shape
    y = torch.zeros(x.shape[0] - h + 1, x.shape[1] - w + 1)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = (x[i : i + h, j : j + w] * kernel).sum()
    return y


def correlate_channels(x: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """x: (c, H, W), kernels: (d, c, h, w), y: (d, H - h + 1, W - w + 1): each output sums over the input channels."""
    return torch.stack([sum(correlate(a, k) for a, k in zip(x, kernel, strict=True)) for kernel in kernels], 0)


def one_by_one(x: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """A 1 x 1 convolution is a matrix product over the channels. x: (c, H, W), kernels: (d, c, 1, 1)."""
    (c, h, w), d = x.shape, kernels.shape[0]
    return torch.matmul(kernels.reshape(d, c), x.reshape(c, h * w)).reshape(d, h, w)


def pool(x: torch.Tensor, size: tuple[int, int], mode: str = "max") -> torch.Tensor:
    """The largest number or the mean of each window. x: (H, W), y: (H - size[0] + 1, W - size[1] + 1)."""
    h, w = size
    y = torch.zeros(x.shape[0] - h + 1, x.shape[1] - w + 1)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            window = x[i : i + h, j : j + w]
            y[i, j] = window.max() if mode == "max" else window.mean()
    return y


class Correlation(nn.Module):
    """`correlate` as a layer with a bias: gradients go through the loops."""

    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return correlate(x, self.weight) + self.bias


def learn_edges() -> torch.Tensor:
    """A 1 x 2 kernel learned from a picture and its edges: close to (1, -1)."""
    x = torch.ones(6, 8)
    x[:, 2:6] = 0
    edges = correlate(x, torch.tensor([[1.0, -1.0]]))
    print(edges)
    print("edges lying across are not found:", correlate(x.t(), torch.tensor([[1.0, -1.0]])).abs().max().item())
    layer = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)
    x, edges = x.reshape(1, 1, 6, 8), edges.reshape(1, 1, 6, 7)
    for i in range(20):
        loss = ((layer(x) - edges) ** 2).sum()
        layer.zero_grad()
        loss.backward()
        layer.weight.data[:] -= 3e-2 * layer.weight.grad
        if (i + 1) % 5 == 0:
            print(f"step {i + 1}, loss {loss:.3f}")
    return layer.weight.data.reshape(2)


def sizes() -> None:
    """What padding and stride make of 8 x 8."""
    x = torch.rand(1, 1, 8, 8)
    for arguments in (
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": (5, 3), "padding": (2, 1)},
        {"kernel_size": 3, "padding": 1, "stride": 2},
        {"kernel_size": (3, 5), "padding": (0, 1), "stride": (3, 4)},
    ):
        print(arguments, tuple(nn.Conv2d(1, 1, **arguments)(x).shape[2:]))
    x = torch.arange(16, dtype=torch.float32).reshape(1, 1, 4, 4)
    print(nn.MaxPool2d(3)(x), nn.MaxPool2d(3, padding=1, stride=2)(x))
    print(nn.MaxPool2d((2, 3), padding=(0, 1), stride=(2, 3))(x))
    print("channel by channel:", nn.MaxPool2d(3, padding=1, stride=2)(torch.cat((x, x + 1), 1)).shape)


def main() -> None:
    torch.manual_seed(0)
    x = torch.arange(9.0).reshape(3, 3)
    kernel = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    print(correlate(x, kernel))
    assert torch.equal(correlate(x, kernel), F.conv2d(x[None, None], kernel[None, None])[0, 0])
    print(pool(x, (2, 2)), pool(x, (2, 2), "mean"))
    assert torch.equal(pool(x, (2, 2)), F.max_pool2d(x[None], 2, stride=1)[0])
    layer = Correlation((2, 2))
    layer(x).sum().backward()
    print(layer.weight.grad, layer.bias.grad)

    pictures, kernels = torch.normal(0, 1, (3, 4, 4)), torch.normal(0, 1, (2, 3, 2, 2))
    assert torch.allclose(correlate_channels(pictures, kernels), F.conv2d(pictures, kernels), atol=1e-5)
    kernels = torch.normal(0, 1, (2, 3, 1, 1))
    assert torch.allclose(one_by_one(pictures, kernels), correlate_channels(pictures, kernels), atol=1e-5)

    print("learned:", learn_edges())
    sizes()


if __name__ == "__main__":
    main()
