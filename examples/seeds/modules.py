"""Modules from scratch: a linear layer, a perceptron of two, three ways to a Sequential, optimisers, saving, devices.

Runs with PyTorch too: change the import.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from pathlib import Path

import tensorrs as t
from tensorrs import nn, optim


class Linear(nn.Module):
    """y = x W + b, with parameters of our own."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.W = nn.Parameter(t.randn(in_features, out_features))
        self.b = nn.Parameter(t.randn(out_features))

    def forward(self, x: t.Tensor) -> t.Tensor:
        x = x.mm(self.W)
        return x + self.b.expand_as(x)


class Perceptron(nn.Module):
    """Two linear layers with a sigmoid between them."""

    def __init__(self, in_features: int, hidden_features: int, out_features: int) -> None:
        super().__init__()
        self.layer1 = Linear(in_features, hidden_features)
        self.layer2 = Linear(hidden_features, out_features)

    def forward(self, x: t.Tensor) -> t.Tensor:
        x = t.sigmoid(self.layer1(x))
        return self.layer2(x)


class Lists(nn.Module):
    """What is in a ModuleList or a ParameterList is found, what is in a plain list is not."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = [nn.Linear(3, 4), nn.Conv2d(3, 3, (1, 2)), nn.ReLU()]
        self.found = nn.ModuleList([nn.Linear(3, 4), nn.Conv2d(3, 3, (1, 2)), nn.ReLU()])
        self.numbers = nn.ParameterList([nn.Parameter(t.zeros(2)), nn.Parameter(t.ones(3))])


def main() -> None:
    layer = Linear(4, 3)
    print(layer(t.randn(2, 4)))
    for name, parameter in layer.named_parameters():
        print(name, parameter)

    perceptron = Perceptron(3, 4, 1)
    for name, parameter in perceptron.named_parameters():
        print(name, parameter.size())

    by_name = nn.Sequential()
    by_name.add_module("conv", nn.Conv2d(3, 3, 3))
    by_name.add_module("batchnorm", nn.BatchNorm2d(3))
    by_name.add_module("active", nn.ReLU())
    in_order = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    by_dict = nn.Sequential(
        OrderedDict([("conv", nn.Conv2d(3, 3, 3)), ("batchnorm", nn.BatchNorm2d(3)), ("active", nn.ReLU())])
    )
    print(by_name, in_order[1], by_dict.conv)
    print([name for name, _ in Lists().named_parameters()])

    optimizer = optim.SGD(params=perceptron.parameters(), lr=1)
    optimizer.zero_grad()
    out = perceptron(t.rand(32, 3))
    out.backward(out)
    optimizer.step()

    biases = [p for name, p in perceptron.named_parameters() if name.endswith(".b")]
    weights = [p for name, p in perceptron.named_parameters() if name.endswith(".W")]
    optimizer = optim.SGD([{"params": biases}, {"params": weights, "lr": 0.0001}], lr=0.1)
    for group in optimizer.param_groups:
        group["lr"] *= 0.1
    print(optimizer)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perceptron.pt"
        t.save(perceptron.state_dict(), path)
        again = Perceptron(3, 4, 1)
        print(again.load_state_dict(t.load(path)))

    # Where there are several devices a batch is split among them; on one this is the module itself.
    device = t.device("cuda" if t.cuda.is_available() else "cpu")
    spread = nn.parallel.DataParallel(perceptron.to(device))
    print(t.equal(spread(t.ones(2, 3).to(device)), perceptron(t.ones(2, 3).to(device))))


if __name__ == "__main__":
    main()
