"""Blocks and their parameters: built, reached, initialised, shared, changed by hand, saved and read.

Runs with PyTorch too: change the import.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import tensorrs as torch
import tensorrs.nn.functional as F
from tensorrs import nn


class Chain(nn.Module):
    """What a Sequential does, by hand."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        for i, block in enumerate(blocks):
            self._modules[str(i)] = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.children():
            x = block(x)
        return x


class Fixed(nn.Module):
    """A constant matrix, one layer used twice, and a loop whose length depends on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.constant = torch.rand((20, 20), requires_grad=False)
        self.linear = nn.Linear(20, 20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(torch.mm(self.linear(x), self.constant) + 1)
        x = self.linear(x)
        while x.abs().sum() > 1:
            x = x / 2
        return x.sum()


class Centred(nn.Module):
    """A layer without parameters: y = x - mean(x)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean()


class Dense(nn.Module):
    """A layer with parameters of its own: y = relu(x W + b)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x @ self.weight + self.bias)


def pair() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())


def reach(x: torch.Tensor) -> None:
    """One parameter, those of a layer, those of a nest."""
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    print(type(net[2].bias).__name__, net[2].bias.data, net[2].weight.grad)
    print(*[(name, tuple(p.shape)) for name, p in net.named_parameters()])
    net(x).sum().backward()
    print("a gradient:", net[2].bias.grad, net.state_dict()["2.bias"])

    nest = nn.Sequential()
    for i in range(2):
        nest.add_module(f"pair {i}", pair())
    nest = nn.Sequential(nest, nn.Linear(4, 1))
    print(nest)
    print(nest[0][1][0].bias.shape, nest(x).shape)


def initialise() -> None:
    """The same start for all layers, different starts, one of our own, and single numbers."""
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))

    def small(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, mean=0, std=0.01)
            nn.init.zeros_(module.bias)

    def far_from_zero(module: nn.Module) -> None:
        """Uniform over [-10, 10], and what lies within 5 of zero is zero."""
        if isinstance(module, nn.Linear):
            nn.init.uniform_(module.weight, -10, 10)
            module.weight.data *= module.weight.data.abs() >= 5

    net.apply(small)
    print("small:", net[0].weight.abs().max().item() < 0.1, net[0].bias[0].item())
    nn.init.xavier_uniform_(net[0].weight)
    nn.init.constant_(net[2].weight, 42)
    print("each its own:", net[2].weight.data)
    net.apply(far_from_zero)
    size = net[0].weight.abs()
    print("far from zero:", ((size == 0) | (size >= 5)).all().item())
    net[0].weight.data[:] += 1
    net[0].weight.data[0, 0] = 42
    print("by hand:", net[0].weight.data[0, 0])


def share(x: torch.Tensor) -> None:
    """One layer in two places: the same numbers, and the gradients of both add up."""
    shared = nn.Linear(8, 8)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(8, 1))
    net[2].weight.data[0, 0] = 100
    print("shared:", net[4].weight.data[0, 0].item(), len(list(net.parameters())))
    net(x).sum().backward()
    print("one gradient:", net[2].weight.grad is net[4].weight.grad)


def save(folder: Path) -> None:
    """A tensor, a list, a dict, a net."""
    x, y = torch.arange(4), torch.zeros(4)
    torch.save(x, folder / "x")
    torch.save([x, y], folder / "list")
    torch.save({"x": x, "y": y}, folder / "dict")
    print(torch.load(folder / "x"), torch.load(folder / "list"), torch.load(folder / "dict"))

    net = nn.Sequential(Dense(20, 256), nn.Linear(256, 10))
    batch = torch.randn(size=(2, 20))
    torch.save(net.state_dict(), folder / "net.params")
    clone = nn.Sequential(Dense(20, 256), nn.Linear(256, 10))
    print(clone.load_state_dict(torch.load(folder / "net.params")))
    print("the same net:", torch.equal(clone.eval()(batch), net(batch)))


def main() -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 20)
    print(Chain(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))(x).shape, Fixed()(x))
    x = torch.rand(size=(2, 4))
    reach(x)
    initialise()
    share(x)
    print(Centred()(torch.FloatTensor([1, 2, 3, 4, 5])))
    print("mean 0:", abs(nn.Sequential(nn.Linear(8, 128), Centred())(torch.rand(4, 8)).mean().item()) < 1e-6)
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder))


if __name__ == "__main__":
    main()
