"""A small net for 32 x 32 colour pictures, trained one picture a step: the loss of a round goes down.

`--data DIR` takes CIFAR-10 from DIR (`--download` fetches it), otherwise the pictures are made up: their class is in
their colour. `--log DIR` writes the loss and the net to TensorBoard. Runs with PyTorch too: change the imports.
"""

from __future__ import annotations

import argparse

import tensorrs as torch
from tensorrs import nn
from tensorrs.datasets import CIFAR10
from tensorrs.nn import Conv2d, CrossEntropyLoss, Flatten, Linear, MaxPool2d, Sequential
from tensorrs.transforms import ToTensor
from tensorrs.utils.data import DataLoader, Dataset, Subset, TensorDataset


class Net(nn.Module):
    """Three convolutions of 5 x 5, each followed by a pool, two linear layers. x: (n, 3, 32, 32), y: (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Sequential(
            Conv2d(3, 32, 5, stride=1, padding=2),
            MaxPool2d(2),
            Conv2d(32, 32, 5, stride=1, padding=2),
            MaxPool2d(2),
            Conv2d(32, 64, 5, stride=1, padding=2),
            MaxPool2d(2),
            Flatten(),
            Linear(1024, 64),
            Linear(64, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def coloured(count: int) -> Dataset:
    """Noise of ten colours."""
    labels = torch.arange(count) % 10
    colours = torch.rand(10, 3, 1, 1)
    return TensorDataset(colours[labels] + 0.1 * torch.randn(count, 3, 32, 32), labels)


def main(
    data: str | None = None, download: bool = False, log: str | None = None, rounds: int = 3, count: int = 100
) -> list[float]:
    torch.manual_seed(0)
    images: Dataset
    if data is None:
        images = coloured(count)
    else:
        images = CIFAR10(data, train=False, transform=ToTensor(), download=download)
        images = Subset(images, range(min(count, len(images))))
    loader = DataLoader(images, batch_size=1)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    criterion = CrossEntropyLoss()
    sums = []
    for i in range(rounds):
        running = torch.tensor(0.0)
        for picture, target in loader:
            optimizer.zero_grad()
            loss = criterion(net(picture), target)
            loss.backward()
            optimizer.step()
            # Without `detach` the sum would keep the graph of every step alive.
            running = running + loss.detach()
        sums.append(running.item())
        print(f"round {i}: the losses add up to {sums[-1]:.3f}")
    if log is not None:
        from tensorrs.utils.tensorboard import SummaryWriter

        with SummaryWriter(log) as writer:
            for i, total in enumerate(sums):
                writer.add_scalar("loss", total, i)
            writer.add_graph(net, torch.ones(1, 3, 32, 32))
    return sums


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of cifar-10-batches-py")
    parser.add_argument("--download", action="store_true", help="fetch CIFAR-10 into that folder")
    parser.add_argument("--log", help="folder for TensorBoard")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--count", type=int, default=1000, help="pictures in a round")
    main(**vars(parser.parse_args()))
