"""A tour of `nn`: layers, activations, losses, optimisers, initialisers, and the functions behind the layers.

Runs with PyTorch too: change the imports.
"""

from __future__ import annotations

import tensorrs as torch
import tensorrs.nn.functional as F
from tensorrs import nn, optim


def layers() -> None:
    """Linear, bilinear, and convolutions and pools over one, two and three dimensions."""
    print(nn.Linear(5, 3)(torch.randn(2, 5)).shape, nn.Bilinear(5, 4, 3)(torch.randn(2, 5), torch.randn(2, 4)).shape)
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    largest = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
    means = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
    for n, (conv, maximum, mean) in enumerate(zip(convolutions, largest, means, strict=True), 1):
        x = torch.randn(1, 2, *[8] * n)
        made = conv(2, 4, kernel_size=3, stride=1, padding=1, dilation=1, groups=2, bias=True)(x)
        print(n, made.shape, maximum(2, ceil_mode=True)(made).shape, mean(2, count_include_pad=False)(made).shape)
    values, indices = nn.MaxPool2d(2, return_indices=True)(torch.arange(16.0).view(1, 4, 4))
    print(values, indices)


def activations() -> None:
    x = torch.linspace(-3, 9, 5)
    for activation in (nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(), nn.ELU(), nn.Sigmoid(), nn.Tanh(), nn.Softmax(dim=0)):
        print(activation, activation(x))


def losses() -> None:
    """For numbers, for classes, for yes and no, between distributions."""
    x, y = torch.randn(4, 3), torch.rand(4, 3)
    classes = torch.tensor([0, 2, 1, 0])
    print(nn.MSELoss()(x, y), nn.L1Loss()(x, y), nn.SmoothL1Loss()(x, y), nn.HuberLoss()(x, y))
    both = nn.CrossEntropyLoss()(x, classes), nn.NLLLoss()(F.log_softmax(x, dim=1), classes)
    print(both, torch.allclose(*both))
    both = nn.BCEWithLogitsLoss()(x, y), nn.BCELoss()(torch.sigmoid(x), y)
    print(both, torch.allclose(*both))
    print(nn.KLDivLoss(reduction="batchmean")(F.log_softmax(x, dim=1), F.softmax(y, dim=1)))
    print(nn.HingeEmbeddingLoss()(x, (y > 0.5).float() * 2 - 1))


def optimisers() -> None:
    """Each from the same start: the parabola |w|^2 after ten steps."""
    for kind in (optim.SGD, optim.Adam, optim.Adagrad, optim.RMSprop, optim.Adadelta, optim.Adamax):
        w = nn.Parameter(torch.ones(3))
        optimizer = kind([w], lr=0.1)
        for _ in range(10):
            optimizer.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            optimizer.step()
        print(f"{kind.__name__}: {(w * w).sum().item():.4f}")


def initialisers() -> None:
    """Mean and deviation of each start of a 64 x 32 weight."""
    w = torch.empty(64, 32)
    nn.init.constant_(w, 0.3)
    nn.init.eye_(w)
    for start in (
        nn.init.uniform_,
        nn.init.normal_,
        nn.init.xavier_uniform_,
        nn.init.xavier_normal_,
        nn.init.kaiming_uniform_,
        nn.init.kaiming_normal_,
    ):
        start(w)
        print(f"{start.__name__}: {w.mean().item():+.3f} {w.std().item():.3f}")


def functions() -> None:
    """A layer owns its weights, a function is given them."""
    x = torch.randn(1, 3, 32, 32)
    conv = nn.Conv2d(in_channels=3, out_channels=16, kernel_size=3, stride=1, padding=1)
    made = F.conv2d(x, conv.weight, bias=conv.bias, stride=1, padding=1)
    print(made.shape, torch.equal(made, conv(x)))
    linear = nn.Linear(in_features=5, out_features=3)
    x = torch.randn(2, 5)
    print(torch.equal(F.linear(x, linear.weight, linear.bias), linear(x)))
    print(F.max_pool2d(made, 2).shape, F.dropout(torch.ones(4), p=0.5, training=True), F.relu(x).min().item())


def main() -> None:
    torch.manual_seed(0)
    layers()
    activations()
    losses()
    optimisers()
    initialisers()
    functions()


if __name__ == "__main__":
    main()
